#include "filters/observe/observe.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "config/words.h"
#include "filters/gateway/gateway.h"
#include "filters/observe/access_record.h"
#include "filters/observe/answer.h"
#include "filters/observe/attempt_time.h"
#include "proxy/base/json_writer.h"

namespace outrigger::filters {
namespace {

using http::HeaderId;

std::string_view version_text(http::Version version) noexcept {
  constexpr std::string_view kNames[] = {"1.0", "1.1", "2"};
  return kNames[static_cast<std::size_t>(version)];
}

bool has_credentials(const http::Headers& headers) noexcept {
  return headers.find(HeaderId::kAuthorization) != nullptr ||
         headers.find(HeaderId::kXApiKey) != nullptr ||
         headers.find(HeaderId::kCookie) != nullptr || headers.find(HeaderId::kApiKey) != nullptr ||
         headers.find(HeaderId::kXGoogApiKey) != nullptr;
}

// The time to the head less what the attempts took and what was waited for them: ours.
std::optional<Duration> overhead(const Exchange& exchange, std::optional<Duration> first_byte) {
  if (!first_byte) return std::nullopt;
  const Duration elsewhere =
      attempt_time(exchange.attempts, exchange.started + *first_byte) + exchange.queued;
  return std::max(*first_byte - elsewhere, Duration{0});
}

// An upstream's own words under our names (it may be another outrigger) must not pass for ours.
void remove_stamps(http::Headers& headers) {
  const bool any = std::ranges::any_of(
      headers, [](const http::Field& field) { return http::is_own_header(field.name); });
  if (!any) return;
  for (const std::string_view name :
       {"outrigger-request-id", "outrigger-source", "outrigger-attempts", "outrigger-upstream",
        "outrigger-circuit", "outrigger-degraded", "outrigger-repair", "outrigger-would-have"}) {
    headers.remove(name);
  }
}

// The verdict on what went wrong; without one its RFC 9209 error.
std::string_view word_of(const Attempt& attempt) noexcept {
  if (attempt.judged) return attempt.verdict == Verdict::kOk ? "" : to_string(attempt.verdict);
  return attempt.failed ? proxy_error_of(attempt) : std::string_view{};
}

// `attempt1;dur=30001.000;desc="timeout", wait2;dur=500.000` (Server-Timing, W3C): the wait before
// an attempt has its number.
std::string server_timing(const Exchange& exchange, Duration ours) {
  std::string out = "outrigger;dur=";
  append_milliseconds(out, ours);
  if (exchange.queued > Duration{0}) {
    out += ", queue;dur=";
    append_milliseconds(out, exchange.queued);
  }
  int n = 0;
  for (const Attempt& attempt : exchange.attempts) {
    fmt::format_to(std::back_inserter(out), ", attempt{};dur=", ++n);
    const bool over = attempt.ended != TimePoint{};
    append_milliseconds(out, (over ? attempt.ended : exchange.loop.now()) - attempt.started);
    const std::string_view what = word_of(attempt);
    if (!what.empty()) fmt::format_to(std::back_inserter(out), ";desc=\"{}\"", what);
    if (attempt.waited > Duration{0}) {
      fmt::format_to(std::back_inserter(out), ", wait{};dur=", n);
      append_milliseconds(out, attempt.waited);
    }
  }
  return out;
}

// "throttled, not retried: max_attempts"
std::string why_no_other(const Attempt& last) {
  if (last.stop.empty() || last.stop == "ok") return {};
  return fmt::format("{}, not retried: {}", word_of(last), last.stop);
}

// `circuit_breaker; refuse, retry; retry`: a list of tokens (RFC 8941 3.1), in the order of what
// was decided.
std::string would_have_text(std::span<const Would> would_have) {
  std::string out;
  for (std::size_t i = 0; i < would_have.size(); ++i) {
    if (said_before(would_have, i)) continue;
    if (!out.empty()) out += ", ";
    out.append(to_string(would_have[i].policy)).append("; ").append(would_have[i].what);
  }
  return out;
}

void stamp_in_full(const Exchange& exchange, http::Headers& headers, std::string_view upstream) {
  const bool elsewhere = exchange.source != Source::kCache && !exchange.fallback.empty() &&
                         exchange.fallback != "answer";
  headers.add("Outrigger-Upstream", elsewhere ? exchange.fallback : upstream);
  if (!exchange.circuit.empty()) {
    headers.add_view(HeaderId::kOther, "Outrigger-Circuit", exchange.circuit);
  }
  if (!exchange.would_have.empty()) {
    headers.add("Outrigger-Would-Have", would_have_text(exchange.would_have));
  }
  const Duration so_far = exchange.loop.fresh_now() - exchange.started;
  headers.add("Server-Timing", server_timing(exchange, *overhead(exchange, so_far)));
  // A problem has a Proxy-Status already; an answer that passes gets one line more (RFC 9209 2).
  if (exchange.source == Source::kProxy || exchange.source == Source::kCircuit) return;
  if (exchange.attempts.empty()) return;
  const Attempt& last = exchange.attempts.back();
  headers.add("Proxy-Status",
              http::proxy_status({}, last.endpoint, last.status, why_no_other(last)));
}

// By retry.give_up_status: the upstream's own must be told somewhere.
bool status_was_replaced(const Exchange& exchange, const http::Response& response) noexcept {
  return exchange.source == Source::kUpstream && !exchange.attempts.empty() &&
         exchange.attempts.back().status != 0 &&
         exchange.attempts.back().status != response.head.status;
}

}  // namespace

Observe::Observe(ObserveContext& worker, std::string_view upstream, std::string_view route)
    : worker_(worker),
      upstream_(upstream),
      route_(route),
      metrics_(worker.metrics, upstream, route) {}

Task<Result<http::Response>> Observe::handle(Exchange& exchange, Next next) {
  begin(exchange);
  Result<http::Response> outcome = co_await next(exchange);
  if (!outcome) {
    const Error error = std::move(outcome).error();
    http::Response answer = answer_failure(exchange, error);
    if (error.origin == Origin::kClient && http::problem_kind(error).code == "client_gone") {
      co_return std::unexpected(error);
    }
    outcome = std::move(answer);
  }
  const bool passed = exchange.source == Source::kUpstream || exchange.source == Source::kCache ||
                      exchange.source == Source::kIdempotency || !exchange.attempts.empty();
  if (passed && exchange.source != Source::kProxy && exchange.source != Source::kCircuit) {
    Gateway::mark_passed(outcome->head);
  }
  stamp(exchange, *outcome);
  co_return outcome;
}

void Observe::begin(Exchange& exchange) {
  exchange.started = exchange.loop.now();
  const std::int64_t micros = worker_.clock.micros(exchange.started);
  worker_.ids.next(static_cast<std::uint64_t>(micros) / 1000, exchange.id_text);
  exchange.client_target = exchange.request.head.target;
  exchange.client_authority = exchange.request.head.authority;
  metrics_.begin();
  exchange.when_delivered(*this);
}

void Observe::stamp(Exchange& exchange, http::Response& response) const {
  http::Headers& headers = response.head.headers;
  exchange.streamed = is_stream(response);
  if (exchange.source != Source::kProxy) {
    const http::Field* id = headers.find(HeaderId::kXRequestId);
    if (id == nullptr) id = headers.find(HeaderId::kRequestId);
    if (id != nullptr)
      exchange.upstream_request_id = exchange.request.head.headers.intern(id->value);
  }
  remove_stamps(headers);
  if (exchange.source != Source::kProxy) headers.remove("outrigger-loop-guard");
  if (exchange.source != Source::kCache) headers.remove("outrigger-tokens-saved");
  headers.add_view(HeaderId::kOther, "Outrigger-Request-Id", exchange.id(),
                   http::Grammar::kChecked);
  headers.add_view(HeaderId::kOther, "Outrigger-Source", to_string(exchange.source),
                   http::Grammar::kChecked);
  const bool full = exchange.routed.policies != nullptr &&
                    exchange.routed.policies->headers == config::DecisionHeaders::kFull;
  if (!exchange.repair.empty()) {
    const std::string attempts = exchange.repair_prompts == 0
                                     ? std::string()
                                     : fmt::format("; attempts={}", exchange.repair_prompts);
    headers.add("Outrigger-Repair", std::string(exchange.repair) + attempts);
  }
  if (exchange.attempts.size() > 1 || full) {
    headers.add("Outrigger-Attempts", fmt::format_int(exchange.attempts.size()).c_str());
  }
  if (exchange.degraded) {
    headers.add_view(HeaderId::kOther, "Outrigger-Degraded", "true", http::Grammar::kChecked);
  }
  if (full) {
    stamp_in_full(exchange, headers, upstream_);
  } else if (status_was_replaced(exchange, response)) {
    const Attempt& last = exchange.attempts.back();
    headers.add("Proxy-Status",
                http::proxy_status({}, last.endpoint, last.status, why_no_other(last)));
  }
  // Else a proxy of nginx's kind in front of us would hold the events back (operability 3.4).
  if (exchange.streamed && response.tunnel == nullptr &&
      headers.find(HeaderId::kXAccelBuffering) == nullptr) {
    headers.add_view(HeaderId::kXAccelBuffering, "X-Accel-Buffering", "no",
                     http::Grammar::kChecked);
  }
}

void Observe::on_delivered(Exchange& exchange, const http::Delivery& delivery) {
  RequestTimes times;
  times.total = exchange.loop.fresh_now() - exchange.started;
  if (delivery.http_status != 0) times.first_byte = delivery.first_byte - exchange.started;
  times.overhead = overhead(exchange, times.first_byte);
  if (!delivery.status && exchange.why.empty()) {
    exchange.why = http::problem_kind(delivery.status.error()).proxy_error;
  }
  metrics_.finish(exchange, delivery, times);
  if (worker_.access_log != nullptr) write_line(exchange, delivery, times);
}

void Observe::write_line(const Exchange& exchange, const http::Delivery& delivery,
                         const RequestTimes& times) {
  const http::RequestHead& head = exchange.request.head;
  AccessRecord record;
  record.timestamp = worker_.timestamp.format(worker_.clock.micros(exchange.loop.now()));
  record.request_id = exchange.id();
  record.upstream_request_id = exchange.upstream_request_id;
  record.trace_id = trace_id_of(head.headers.get(HeaderId::kTraceparent));
  record.client = &exchange.client.address;
  record.mode = upstream::to_string(exchange.routed.way);
  record.method = head.method_text;
  record.host = exchange.client_authority;
  record.target = exchange.client_target;
  record.upstream = upstream_;
  record.route = route_;
  record.status = delivery.http_status;
  record.source = to_string(exchange.source);
  record.why = exchange.why;
  record.fallback = exchange.fallback;
  record.degraded = exchange.degraded;
  record.attempts = exchange.attempts;
  record.would_have = exchange.would_have;
  record.replay_lost = exchange.replay_lost;
  record.queued = exchange.queued;
  record.started = exchange.started;
  record.total = times.total;
  record.first_byte = times.first_byte;
  record.overhead = times.overhead;
  record.bytes_in = exchange.request_bytes;
  record.bytes_out = delivery.body_bytes;
  record.chunks = delivery.chunks;
  record.http_version = version_text(head.version);
  record.tls_version = exchange.client.tls_version;
  record.user_agent = head.headers.get(HeaderId::kUserAgent);
  record.stream = exchange.streamed;
  record.auth_present = has_credentials(head.headers);
  record.client_aborted = !delivery.status && delivery.status.error().origin == Origin::kClient;
  worker_.line.clear();
  if (worker_.style == LogStyle::kJson) {
    append_json(worker_.line, record);
  } else {
    append_text(worker_.line, record);
  }
  worker_.access_log->write(worker_.line);
}

}  // namespace outrigger::filters
