#include "proxy/mock/conversation.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include <fmt/format.h>

#include "proxy/mock/checksum.h"
#include "proxy/mock/staged_body.h"

namespace outrigger::mock {
namespace {

constexpr std::size_t kMostBody = 16 * 1024 * 1024;
constexpr std::size_t kMostName = 256;  // of a path or a key in the ledger
constexpr std::string_view kJunk = "\x16\x03 220 this is not HTTP, ready\r\n\r\n";
constexpr std::string_view kHalfHead = "HTTP/1.1 200 OK\r\nContent-Ty";

std::string shortened(std::string_view text) {
  return std::string(text.substr(0, kMostName));
}

// All of a body; more than kMostBody is an error.
Task<Result<std::string>> read_all(http::Body& body, CancelScope& scope) {
  std::string all;
  for (;;) {
    CO_TRY(const Slice bytes, co_await body.read(scope));
    if (bytes.empty()) co_return all;
    if (all.size() + bytes.size() > kMostBody)
      co_return fail(Errc::kTooLarge, Origin::kClient, "request_too_large");
    all += bytes.view();
  }
}

http::Response text_response(int status, std::string_view type, std::string_view text) {
  http::Response response;
  response.head.status = status;
  response.head.headers.add("content-type", type);
  response.body = http::Body(Slice::copy(text));
  return response;
}

}  // namespace

Task<void> MockServer::Conversation::serve(http::Request&& asked, http::ResponseSink& sink,
                                           const http::ClientInfo&, CancelScope& scope) {
  http::Request request = std::move(asked);
  if (request.head.path().starts_with("/mock/")) {
    co_await control(std::move(request), sink, scope);
    co_return;
  }
  const RequestNumber number = open(request.head);
  const std::string outcome = co_await answer(request.head, request.body, number, sink, scope);
  close(number, outcome, scope);
}

Task<std::string> MockServer::Conversation::answer(const http::RequestHead& head, http::Body& body,
                                                   RequestNumber number, http::ResponseSink& sink,
                                                   CancelScope& scope) {
  const auto fault = server_.provider_.choose(head);
  if (!fault) {
    (void)co_await send(server_.provider_.refuse(fault.error()), number, sink, scope);
    co_return "bad_fault";
  }
  Result<std::string> text = std::string();
  if (!fault->early) text = co_await read_all(body, scope);
  if (!text && text.error().code != Errc::kTooLarge) co_return "client_gone";
  if (!text) {
    (void)co_await sink.send(text_response(413, "text/plain", "The mock takes 16 MiB.\n"), scope);
    co_return "too_large";
  }
  const Reaction reaction = server_.provider_.react(*fault, head, *text, server_.moment());
  if (Hit* hit = server_.ledger_.find(number)) {
    hit->body_bytes = text->size();
    if (!text->empty()) hit->body_hash = fmt::format("{:016x}", fnv1a(*text));
    hit->dialect = reaction.dialect;
    hit->fault = reaction.fault.text;
  }
  const std::string outcome = co_await perform(reaction, head.version, number, sink, scope);
  server_.provider_.release(reaction);
  co_return outcome;
}

Task<std::string> MockServer::Conversation::perform(const Reaction& reaction, http::Version version,
                                                    RequestNumber number, http::ResponseSink& sink,
                                                    CancelScope& scope) {
  if (reaction.fault.interim) {
    http::ResponseHead interim;
    interim.status = *reaction.fault.interim;
    (void)co_await sink.interim(std::move(interim), scope);
  }
  if (reaction.fault.delay > Duration{0}) {
    const Status waited = co_await SleepFor(server_.loop_, scope, reaction.fault.delay);
    if (!waited) co_return "client_gone";
  }
  if (reaction.fault.wire != Wire::kAnswer)
    co_return co_await misbehave(reaction.fault.wire, version, scope);
  co_return co_await send(reaction.plan, number, sink, scope);
}

Task<std::string> MockServer::Conversation::send(Plan plan, RequestNumber number,
                                                 http::ResponseSink& sink, CancelScope& scope) {
  http::Response response;
  response.head.status = plan.status;
  for (const auto& [name, value] : plan.headers) response.head.headers.add(name, value);
  // HTTP/2 promises a length only where the field is.
  if (plan.length && plan.status != 204 && plan.status != 304)
    response.head.headers.add("content-length", std::to_string(*plan.length));
  const End end = plan.end;
  if (plan.pieces.empty() && end == End::kProper) {
    response.body = http::Body();
  } else {
    auto abort = [this] { connection_.stream().abort_on_close(); };
    response.body = http::Body(
        std::make_unique<StagedBody>(server_.loop_, std::move(plan.pieces), end, std::move(abort)),
        plan.length);
  }
  const http::Delivery delivery = co_await sink.send(std::move(response), scope);
  if (Hit* hit = server_.ledger_.find(number)) hit->status = delivery.http_status;
  if (scope.cancelled()) co_return "client_gone";
  if (end == End::kAbort) co_return "aborted";
  if (!delivery.status) co_return end == End::kProper ? "failed" : "broken";
  co_return "complete";
}

// Returning without an answer closes an HTTP/1 connection and resets an HTTP/2 stream.
Task<std::string> MockServer::Conversation::misbehave(Wire wire, http::Version version,
                                                      CancelScope& scope) {
  Stream& stream = connection_.stream();
  const bool alone = version != http::Version::kHttp2;  // the connection has no other streams
  std::string_view bytes;
  switch (wire) {
    case Wire::kHang: {
      Signal never;
      (void)co_await never.wait(scope);
      co_return "client_gone";
    }
    case Wire::kReset:
      if (alone) stream.abort_on_close();
      co_return "reset";
    case Wire::kJunk:
      bytes = kJunk;
      break;
    case Wire::kHalfHead:
      if (alone) bytes = kHalfHead;
      break;
    case Wire::kClose:
    case Wire::kAnswer:
      break;
  }
  if (!bytes.empty()) (void)stream.try_write({&bytes, 1});
  if (!alone) ::shutdown(stream.fd(), SHUT_RDWR);
  co_return "closed";
}

RequestNumber MockServer::Conversation::open(const http::RequestHead& head) {
  Hit hit;
  hit.at_micros = server_.clock_.micros(server_.loop_.now());
  hit.method = head.method_text;
  hit.path = shortened(head.path());
  hit.http = head.version == http::Version::kHttp2 ? "2" : "1.1";
  hit.key = shortened(field_of(head, "mock-key").value_or(""));
  hit.idempotency_key = shortened(field_of(head, "idempotency-key").value_or(""));
  hit.retry_count = shortened(field_of(head, "x-stainless-retry-count").value_or(""));
  return server_.ledger_.open(std::move(hit));
}

void MockServer::Conversation::close(RequestNumber number, const std::string& outcome,
                                     const CancelScope& scope) {
  Hit* hit = server_.ledger_.find(number);
  if (hit != nullptr) {
    hit->took_micros = server_.clock_.micros(server_.loop_.now()) - hit->at_micros;
    hit->client_gone = scope.why() && scope.why()->origin == Origin::kClient;
  }
  server_.ledger_.close(number, outcome);
  if (hit != nullptr && server_.on_done_) server_.on_done_(*hit);
}

Task<void> MockServer::Conversation::control(http::Request request, http::ResponseSink& sink,
                                             CancelScope& scope) {
  const std::string_view path = request.head.path();
  const bool post = request.head.method == http::Method::kPost;
  http::Response response = text_response(
      404, "text/plain", "There are GET /mock/requests, POST /mock/script and POST /mock/reset.\n");
  if (path == "/mock/requests" && request.head.method == http::Method::kGet) {
    response = text_response(200, "application/json", server_.ledger_.to_json());
  } else if (path == "/mock/reset" && post) {
    server_.ledger_.reset();
    server_.provider_.reset();
    response = text_response(204, "text/plain", "");
  } else if (path == "/mock/script" && post) {
    const Result<std::string> text = co_await read_all(request.body, scope);
    if (!text) co_return;
    auto script = read_script("script", *text);
    response = script ? text_response(204, "text/plain", "")
                      : text_response(400, "text/plain", script.error());
    if (script) server_.provider_.use(std::move(*script));
  }
  (void)co_await sink.send(std::move(response), scope);
}

}  // namespace outrigger::mock
