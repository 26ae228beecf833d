// The table of problem kinds: one row for each way in which the proxy refuses or fails.
#include <algorithm>
#include <iterator>

#include "proxy/http/problem.h"

namespace outrigger::http {
namespace {

constexpr ProblemKind kKinds[] = {
    {"admin_bad_request", 400, "http_request_error",
     "The admin API does not understand the request",
     "The body or the query of the request is not what this path takes. Nothing was done.",
     "Look at the detail, which says what is wrong with it."},
    {"admin_cross_site", 403, "http_request_denied",
     "The request comes from a page of another site",
     "A browser sent the request for a page that is not ours (Origin, Sec-Fetch-Site). Nothing was "
     "done.",
     "Use the admin API from its own address, or from a program such as curl or `outrigger`."},
    {"admin_host_unknown", 421, "http_request_denied", "The admin API has another name",
     "The Host of the request is none under which the admin API is served, as when a page in a "
     "browser has a name of its own point to this machine (DNS rebinding). Nothing was done.",
     "Ask for localhost, or for the address on which server.admin listens."},
    {"admin_media_type", 415, "http_request_error", "The admin API takes JSON",
     "A request that changes something must say that its body is JSON. Nothing was done.",
     "Send Content-Type: application/json."},
    {"admin_method_not_allowed", 405, "http_request_error", "The path does not take this method",
     "The admin API has this path, but not with this method.", "Use a method that Allow names."},
    {"admin_token_needed", 401, "http_request_denied", "The admin API asks for a token",
     "The proxy was started with OUTRIGGER_ADMIN_TOKEN, and the request does not show that token.",
     "Send Authorization: Bearer and the token; `outrigger` takes it from OUTRIGGER_ADMIN_TOKEN."},
    {"admin_unknown_path", 404, "destination_not_found", "The admin API has no such path",
     "The admin port serves nothing under this path.",
     "Look at the spelling; requests to upstreams go to the proxy port, not to this one."},
    {"ambiguous_path", 400, "http_request_error", "The path has dot segments",
     "The request path contains '.' or '..' segments, plain or percent-encoded. Peers read such "
     "paths "
     "differently, so the proxy refuses them instead of guessing.",
     "Send the path that is meant, without '.' and '..' segments."},
    {"answer_gone", 410, "http_request_denied", "The answer of this key is not kept any more",
     "A request with this idempotency key was executed, and its answer is gone: idempotency.keep "
     "is "
     "over, or it was longer than idempotency.max_answer. Nothing was sent.",
     "If the work is to be done once more, send it with a new key; idempotency.keep and max_answer "
     "set what is kept, and idempotency.reuse lets the key be used again."},
    {"bad_request", 400, "http_request_error", "The request is not valid HTTP",
     "The request breaks a rule of HTTP or is ambiguous in a way that two peers could read "
     "differently (RFC 9112, RFC 9113). Nothing was sent upstream.",
     "Look at the detail; the client or a proxy before this one builds a malformed message."},
    {"body_too_large", 413, "http_request_error", "The request body is too large",
     "The request body exceeds max_request_body of its route.",
     "Send less, or raise max_request_body in the configuration."},
    {"body_too_slow", 408, "http_request_error", "The request body came too slowly",
     "The client sent its request body below the minimum rate for longer than the allowed window.",
     "Look for a stalled client; the limits are body_rate_bytes and body_rate_window."},
    {"circuit_open", 503, "destination_unavailable", "The circuit breaker is open",
     "The upstream failed so often of late that it is left alone for a while; nothing was sent.",
     "Send the request again after Retry-After; circuit_breaker of the upstream sets the rules."},
    {"client_gone", 499, "http_request_error", "The client left",
     "The client closed its connection or reset its stream before the answer was complete. No "
     "answer "
     "is sent; the code appears in logs and metrics.",
     "Look at the client's own timeout: it is probably shorter than the upstream's answer time."},
    {"concurrency_limited", 429, "http_request_denied", "Too many requests at a time",
     "The upstream has as many requests as it bears, as far as its answers have shown, and the "
     "turn "
     "of this one would not come in time. Nothing was sent.",
     "Send the request again after Retry-After; concurrency of the upstream sets the limits, and "
     "concurrency.queue how long a request may wait."},
    {"connection_limit_reached", 503, "connection_limit_reached", "No upstream connection is free",
     "The pool of connections to the upstream is fully used and its queue is full.",
     "Raise pool.connections or pool.waiting of the upstream, or send less at a time."},
    {"connection_read_timeout", 504, "connection_read_timeout", "The upstream stopped sending",
     "The upstream began to answer and then sent nothing for the allowed gap.",
     "Try again; timeouts.gap sets the allowed silence."},
    {"connection_refused", 502, "connection_refused", "The upstream refused the connection",
     "No endpoint of the upstream accepted a connection.",
     "Check that the upstream runs and that its URL names the right host and port."},
    {"connection_terminated", 502, "connection_terminated", "The upstream closed the connection",
     "The upstream closed or reset the connection before it answered.",
     "Try again if the call may be repeated: the upstream may have executed it."},
    {"connection_timeout", 504, "connection_timeout", "Connecting to the upstream took too long",
     "No endpoint of the upstream accepted a connection in the time of timeouts.connect.",
     "Check the network path to the upstream; timeouts.connect sets the limit."},
    {"connection_write_timeout", 504, "connection_write_timeout", "The upstream stopped reading",
     "The upstream took nothing of the request for the allowed gap.",
     "Try again; timeouts.gap sets the allowed silence."},
    {"cooling_down", 429, "http_request_denied", "The upstream asked to be left alone for a while",
     "The upstream has told callers of this credential or model to come back later, and the time "
     "until then is longer than this request may wait. Nothing was sent.",
     "Come back after Retry-After; retry.hints.max_wait sets how long a request waits by itself."},
    {"credentials_exhausted", 502, "http_request_denied", "No key of the upstream can be used",
     "Every key that the proxy has for this upstream was refused or is out of money. Nothing was "
     "sent; from time to time a request is let through to see whether that has changed.",
     "Look in the proxy's log for the keys that were set aside; renew them or add credit, and name "
     "new ones in `credentials`."},
    {"dead_lettered", 409, "http_request_denied", "The request of this key has failed for good",
     "A request with this idempotency key was given up and is among the dead letters. Nothing was "
     "sent.",
     "Look at the dead letter and resubmit or discard it; a new key is new work."},
    {"deadline_exceeded", 504, "http_response_timeout", "The deadline has passed",
     "No attempt was answered before the deadline of the route or of the caller "
     "(x-stainless-timeout, grpc-timeout, Outrigger-Deadline).",
     "Allow more time, or look in the log for what the attempts waited for."},
    {"destination_ip_prohibited", 403, "destination_ip_prohibited",
     "The address of this host is not allowed",
     "The host resolves to a private, local, metadata or otherwise special address, which the "
     "destination policy refuses.",
     "If the destination is meant, name it as an upstream or allow its network in "
     "server.forward.allow_cidrs."},
    {"destination_ip_unroutable", 502, "destination_ip_unroutable",
     "There is no route to the upstream",
     "The network has no route to any address of the upstream.",
     "Check routes, firewalls and network policies of this machine or pod."},
    {"destination_unavailable", 503, "destination_unavailable",
     "No endpoint of the upstream is healthy",
     "Every endpoint of the upstream is set aside by its health checks.",
     "Look at the endpoints' health; the proxy tries them again by itself."},
    {"dns_error", 502, "dns_error", "The upstream's name does not resolve",
     "The name server answered, but not with a usable address.",
     "Check the spelling of the upstream's host and the name servers of this machine or pod."},
    {"dns_timeout", 504, "dns_timeout", "Looking up the upstream's name took too long",
     "No name server answered in time.", "Check the name servers of this machine or pod."},
    {"doubled_endpoint", 404, "destination_not_found", "The path repeats an endpoint",
     "The path holds the API endpoint twice, which happens when a whole endpoint URL is given to a "
     "client library as its base URL.",
     "Set the base URL to the address that the answer names; the library adds the rest."},
    {"doubled_version", 404, "destination_not_found", "The path repeats the API version",
     "The API version stands twice in the path, which happens when the base URL ends in a version "
     "and the client library adds one too.",
     "Take the version out of the base URL, or use the URL that the answer names."},
    {"draining", 503, "connection_limit_reached", "The proxy is shutting down",
     "The proxy was told to stop while this request waited.",
     "Send the request again; another instance should take it."},
    {"first_event_timeout", 504, "http_response_timeout", "The stream did not begin in time",
     "The upstream answered, but its stream said nothing within timeouts.first_event.",
     "Try again; timeouts.first_event and first_event_per_mib set the limit, and long prompts need "
     "more."},
    {"forward_disabled", 403, "http_request_denied", "Forwarding to other hosts is disabled",
     "The client used the proxy as a forward proxy for a host that is no upstream of the "
     "configuration, and server.forward is disabled.",
     "Name the host as an upstream, or set server.forward.enabled: true."},
    {"headers_too_large", 431, "http_request_error", "The request header section is too large",
     "The header section, one of its fields or their number exceeds server.limits.",
     "Send smaller headers (often a cookie or a token), or raise the limit."},
    {"host_not_allowed", 403, "http_request_denied", "This host or port is not allowed",
     "The destination policy of the forward proxy does not allow this host or port.",
     "Allow it in server.forward.allow_hosts or server.forward.ports, or name it as an upstream."},
    {"http_protocol_error", 502, "http_protocol_error", "The upstream does not speak valid HTTP",
     "The upstream's answer breaks a rule of HTTP.",
     "Check that the upstream's URL has the right scheme and port."},
    {"http_response_body_size", 502, "http_response_body_size",
     "The upstream's answer is too large", "The upstream's answer exceeds a configured bound.",
     "Raise the bound if the answer is legitimate."},
    {"http_response_header_section_size", 502, "http_response_header_section_size",
     "The upstream's header section is too large",
     "The header section of the upstream's answer exceeds the bound.",
     "Raise server.limits.head_bytes if the answer is legitimate."},
    {"http_response_incomplete", 502, "http_response_incomplete",
     "The upstream's answer is incomplete",
     "The upstream closed the connection in the middle of its answer.",
     "Try again if the call may be repeated: the upstream may have executed it."},
    {"http_response_timeout", 504, "http_response_timeout", "The upstream did not answer in time",
     "The request was sent and no answer began within timeouts.headers.",
     "Try again if the call may be repeated; timeouts.headers sets the limit."},
    {"http_response_trailer_section_size", 502, "http_response_trailer_section_size",
     "The upstream's trailer section is too large",
     "The trailer section of the upstream's answer exceeds the bound.",
     "Raise server.limits.head_bytes if the answer is legitimate."},
    {"http_response_transfer_coding", 502, "http_response_transfer_coding",
     "The upstream's transfer coding is not valid",
     "The chunked framing of the upstream's answer is broken or its coding is not supported.",
     "Check the upstream, or a proxy in front of it."},
    {"http_upgrade_failed", 502, "http_upgrade_failed", "The upstream did not upgrade properly",
     "The upstream accepted an upgrade that was not asked for, or broke its handshake.",
     "Check that the upstream serves this protocol at this path."},
    {"idempotency_body_too_large", 413, "http_request_error",
     "The request body is too large for a key",
     "A request with an idempotency key is read whole before it is sent, to tell it from another "
     "with the same key, and this one is longer than can be kept. Nothing was sent.",
     "Raise retry.buffer or server.overload.replay_buffers, or send the request without a key."},
    {"idempotency_in_flight", 409, "http_request_denied",
     "The request of this key is being executed",
     "Another request with this idempotency key is being executed, and its answer has not begun in "
     "the time of idempotency.wait. Nothing was sent.",
     "Send the same request again after Retry-After: it gets the answer.", true},
    {"idempotency_key_invalid", 400, "http_request_error", "The idempotency key is not valid",
     "An idempotency key has 1 to 255 visible ASCII characters, with or without the quotes of RFC "
     "8941.",
     "Send a key such as a UUID."},
    {"idempotency_key_missing", 400, "http_request_error", "The request has no idempotency key",
     "The route asks for an idempotency key (idempotency.required), and this write has none. "
     "Nothing was sent.",
     "Send an Idempotency-Key header with a value that is new for each piece of work, and the same "
     "for each repetition of it."},
    {"idempotency_key_repeated", 400, "http_request_error",
     "The idempotency key stands there twice",
     "The request has several header lines with an idempotency key.", "Send one."},
    {"idempotency_key_reused", 422, "http_request_denied",
     "Another request has used this idempotency key",
     "The key was used by a request with another method, target or body. Nothing was sent.",
     "Send each piece of work with a key of its own; if only members that do not matter differ, "
     "idempotency.fingerprint: json and exclude leave them out."},
    {"invalid_response", 502, "http_protocol_error", "The upstream's answer is no valid success",
     "The upstream answered with a success whose body is not what it says: an HTML page or nothing "
     "where JSON was due, or broken JSON; or `validate` found that it does not fit its schema, and "
     "it could not be repaired. A client library would take it for a good answer.",
     "Look at the detail, and at what stands between the proxy and the API: gateways and error "
     "pages answer like "
     "this. "
     "A rule in `classify` may let such an answer pass."},
    {"method_not_implemented", 501, "http_request_error", "The method is not supported",
     "The request method or its coding is not one that the proxy handles.",
     "Use a standard method."},
    {"not_cached", 504, "http_response_timeout", "No stored answer may be given",
     "The request says Cache-Control: only-if-cached, so the upstream was not asked (RFC 9111 "
     "5.2.1.7).",
     "Send it without only-if-cached."},
    {"outcome_unknown", 409, "http_request_denied", "Whether it was executed is not known",
     "A request with this idempotency key may have been executed: its answer was lost, or did not "
     "say. The "
     "upstream "
     "does not know keys, or not for so long, and there is no way to ask it, so nothing is sent "
     "again on a guess.",
     "Look whether it happened, and repeat the request with `Outrigger-Resolve: resubmit` if it "
     "did "
     "not, or `Outrigger-Resolve: discard` if it did. `replay: keyed` where the upstream honours "
     "keys, or `verify` where it can be asked, let the proxy find out itself."},
    {"overloaded", 503, "connection_limit_reached", "The proxy is at a limit",
     "A configured bound on connections, streams or waiting requests is reached.",
     "Send less at a time, or raise the bound that the detail names."},
    {"proxy_configuration_error", 500, "proxy_configuration_error",
     "The proxy's configuration does not fit",
     "The configuration names something that cannot be used, such as a certificate or address.",
     "Run `outrigger check` on the configuration and look at the proxy's log."},
    {"proxy_internal_error", 500, "proxy_internal_error", "The proxy failed",
     "Something went wrong inside the proxy that should not.",
     "Look at the proxy's log for this request id and report it."},
    {"proxy_loop_detected", 508, "proxy_loop_detected", "The request has been here before",
     "The Via field shows that this request already passed this proxy.",
     "Check that no upstream URL or proxy setting points back at the proxy."},
    {"proxy_overloaded", 503, "http_request_denied", "The proxy itself has too much to do",
     "The proxy uses so much of its memory that it takes on no more work. Nothing was sent.",
     "Come back after Retry-After; if it lasts, give the proxy more memory. server.overload sets "
     "the marks."},
    {"quota_exhausted", 429, "http_request_denied", "The quota of this credential is used up",
     "The upstream has said that the quota or the credit of this credential is exhausted. Nothing "
     "was sent; from time to time a request is let through to see whether that has changed.",
     "Raise the quota or add credit with the provider, or come back after Retry-After."},
    {"rate_limited", 429, "http_request_denied", "Too many requests or tokens in a time",
     "The rate that is configured for the upstream, or that its own headers tell, is used up, and "
     "the turn of this request would not come in time. Nothing was sent.",
     "Send the request again after Retry-After; rate_limit of the upstream sets the rates, and "
     "rate_limit.queue how long a request may wait."},
    {"request_head_timeout", 408, "http_request_error", "The request head came too slowly",
     "The header section of the request was not complete in server.limits.head_time.",
     "Look for a stalled client or network."},
    {"store_busy", 503, "http_request_denied", "The store is behind",
     "So many requests with a key wait for the disk that this one would wait too long. Nothing was "
     "sent.",
     "Come back after Retry-After; if it lasts, the disk is too slow or failing.", true},
    {"store_corrupt", 503, "proxy_internal_error", "The store is damaged",
     "What the store has of this key is not what was written, so nothing was sent on a guess.",
     "Stop the proxy and run `outrigger store check`; restore a backup if it names records."},
    {"store_full", 503, "http_request_denied", "The store is full",
     "The store holds as much as store.max_size allows, so that a request which is begun can be "
     "brought to its end. Nothing was sent.",
     "Raise store.max_size, or keep answers for less time (idempotency.keep).", true},
    {"store_io", 503, "proxy_internal_error", "The store cannot be written",
     "The disk refused what must be kept before a request with a key is sent. Nothing was sent; "
     "or, "
     "where an answer had begun, it was cut before its end.",
     "Look at the proxy's log: a full disk, or one that fails.", true},
    {"stream_refused", 502, "connection_terminated", "The upstream refused the stream",
     "The upstream refused the HTTP/2 stream before it did anything with it (REFUSED_STREAM), "
     "again "
     "and again. The call was not executed.",
     "Send the request again: it is safe to. If it lasts, the upstream is at its limit of streams "
     "or restarting."},
    {"stream_stalled", 504, "connection_read_timeout", "The upstream's stream came too slowly",
     "The stream brought fewer events than timeouts.progress asks for.",
     "Try again; timeouts.progress sets the least number of events in a time."},
    {"stream_truncated", 502, "http_response_incomplete",
     "The upstream's stream ended before it was complete",
     "The stream ended cleanly but without the event that ends a whole answer of its dialect, so "
     "what was received is only a part.",
     "Try again. If the upstream never sends such an event, set the right dialect, or `sse`."},
    {"tls_alert_received", 502, "tls_alert_received", "The upstream ended the TLS handshake",
     "The upstream refused the TLS handshake with an alert.",
     "Check whether the upstream wants a client certificate or another TLS version."},
    {"tls_certificate_error", 502, "tls_certificate_error",
     "The upstream's certificate is not trusted",
     "The certificate is expired, does not name the host, or was not issued by a trusted "
     "authority.",
     "Check the upstream's certificate, or set tls.ca_file to the authority that issued it."},
    {"tls_protocol_error", 502, "tls_protocol_error", "The TLS handshake failed",
     "The upstream does not speak TLS here, or not a version that is allowed.",
     "Check the scheme and the port of the upstream's URL."},
    {"tls_timeout", 504, "connection_timeout", "The TLS handshake took too long",
     "The TLS handshake with the upstream was not complete in timeouts.tls.",
     "Check the network path to the upstream; timeouts.tls sets the limit."},
    {"total_timeout", 504, "http_response_timeout", "The call took too long",
     "The call was not complete within timeouts.total.",
     "Raise timeouts.total if the call may take so long."},
    {"unknown_outcome", 504, "http_response_timeout", "It is not known whether the call happened",
     "The upstream may have executed the call before the connection to it was lost, and asking for "
     "its result told neither that it did nor that it did not. It was not sent again.",
     "Look at the upstream itself before you repeat the call; verify sets how the proxy asks."},
    {"unknown_path", 404, "destination_not_found", "No upstream has this path",
     "The path begins with none of the prefixes under which upstreams are served.",
     "Use one of the base URLs that the detail lists."},
    {"uri_too_long", 414, "http_request_error", "The request target is too long",
     "The request line exceeds server.limits.head_bytes.", "Send a shorter URL."},
    {"version_not_supported", 505, "http_request_error", "The HTTP version is not supported",
     "The request line names an HTTP version other than 1.0 and 1.1.", "Use HTTP/1.1 or HTTP/2."},
    {"wrong_version", 404, "destination_not_found", "The path lacks the API version",
     "The upstream's API lives under a version segment that is missing or different in this path.",
     "Use the URL that the answer names, and set the base URL to match."},
};
static_assert(std::ranges::is_sorted(kKinds, {}, &ProblemKind::code), "found by binary search");

// For origins other than the client: what the upstream or we ourselves did.
std::string_view code_of(const Error& error) noexcept {
  switch (error.code) {
    case Errc::kCancelled:
      return "draining";
    case Errc::kTimeout:
      if (error.origin == Origin::kProxy) return "total_timeout";
      if (error.phase == Phase::kNoConnection) return "connection_timeout";
      return error.phase >= Phase::kAnswered ? "connection_read_timeout" : "http_response_timeout";
    case Errc::kResolve:
      return "dns_error";
    case Errc::kDestination:
      return "destination_ip_prohibited";
    case Errc::kConnect:
      return "connection_refused";
    case Errc::kTls:
      return "tls_protocol_error";
    case Errc::kReset:
    case Errc::kClosed:
      return error.phase >= Phase::kAnswered ? "http_response_incomplete" : "connection_terminated";
    case Errc::kProtocol:
      return error.origin == Origin::kUpstream ? "http_protocol_error" : "proxy_internal_error";
    case Errc::kTooLarge:
      return error.origin == Origin::kUpstream ? "http_response_header_section_size"
                                               : "body_too_large";
    case Errc::kOverload:
      return "overloaded";
    case Errc::kConfig:
      return "proxy_configuration_error";
    case Errc::kSystem:
    case Errc::kInternal:
      break;
  }
  return "proxy_internal_error";
}

std::string_view client_code_of(const Error& error) noexcept {
  switch (error.code) {
    case Errc::kTimeout:
      return "body_too_slow";
    case Errc::kProtocol:
      return "bad_request";
    case Errc::kTooLarge:
      return "body_too_large";
    case Errc::kDestination:
      return "host_not_allowed";
    case Errc::kOverload:
      return "overloaded";
    default:
      return "client_gone";
  }
}

}  // namespace

std::span<const ProblemKind> problem_kinds() noexcept {
  return kKinds;
}

const ProblemKind* find_problem_kind(std::string_view code) noexcept {
  const auto* found = std::ranges::lower_bound(kKinds, code, {}, &ProblemKind::code);
  return found != std::end(kKinds) && found->code == code ? found : nullptr;
}

const ProblemKind& problem_kind(const Error& error) noexcept {
  const ProblemKind* named = find_problem_kind(error.reason);
  if (error.origin == Origin::kClient) {
    // "connection_terminated" by the client is its leaving, not an upstream's failure.
    if (named != nullptr && (named->status < 500 || named->status == 508)) return *named;
    return *find_problem_kind(client_code_of(error));
  }
  if (named != nullptr) return *named;
  if (error.reason == "http_request_denied") return *find_problem_kind("host_not_allowed");
  return *find_problem_kind(code_of(error));
}

const ProblemKind& problem_kind(int status) noexcept {
  switch (status) {
    case 403:
      return *find_problem_kind("host_not_allowed");
    case 404:
      return *find_problem_kind("unknown_path");
    case 408:
      return *find_problem_kind("request_head_timeout");
    case 413:
      return *find_problem_kind("body_too_large");
    case 414:
      return *find_problem_kind("uri_too_long");
    case 431:
      return *find_problem_kind("headers_too_large");
    case 501:
      return *find_problem_kind("method_not_implemented");
    case 502:
      return *find_problem_kind("http_protocol_error");
    case 503:
      return *find_problem_kind("overloaded");
    case 504:
      return *find_problem_kind("http_response_timeout");
    case 505:
      return *find_problem_kind("version_not_supported");
    case 508:
      return *find_problem_kind("proxy_loop_detected");
    default:
      return *find_problem_kind(status < 500 ? "bad_request" : "proxy_internal_error");
  }
}

}  // namespace outrigger::http
