#include "filters/loop_guard/loop_guard.h"

#include <array>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "filters/intake/replay_body.h"
#include "filters/intake/rewinder.h"
#include "filters/retry/give_up.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {
namespace {

// Fields without which the body cannot be read, or the client not act on the answer.
constexpr std::array<std::string_view, 4> kKept = {"content-type", "content-encoding",
                                                   "content-language", "www-authenticate"};

FailureMemory::Answer kept_of(const http::Response& response, Verdict verdict) {
  FailedAnswer answer{
      response.head.status, verdict, {}, std::string(response.body.whole()->view())};
  for (const std::string_view name : kKept) {
    if (const http::Field* field = response.head.headers.find(name)) {
      answer.fields.emplace_back(field->name, field->value);
    }
  }
  return std::make_shared<const FailedAnswer>(std::move(answer));
}

}  // namespace

bool is_loop_failure(Verdict verdict, int status, http::Method method) noexcept {
  const bool of_client = verdict == Verdict::kClientError || verdict == Verdict::kContentPolicy ||
                         verdict == Verdict::kAuth;
  const bool missing = (status == 404 || status == 410) && http::is_safe(method);
  return of_client && status >= 400 && status < 500 && !missing;
}

LoopGuard::LoopGuard(FailureMemory& memory, const IntakeContext& intake,
                     const config::Policies& policies, std::string_view upstream,
                     MetricShard& metrics)
    : memory_(memory),
      intake_(intake),
      policy_(*policies.loop_guard),
      shadow_(policies.shadowed(config::Shadowed::kLoopGuard)),
      upstream_(upstream),
      answers_(metrics.counter(Metric::kLoopGuardAnswers, {upstream})) {}

Task<Result<http::Response>> LoopGuard::handle(Exchange& exchange, Next next) {
  const Outline outline = outline_of(exchange);
  const Rewinder body(exchange);  // it is hashed when the request has failed
  if (!memory_.quiet(exchange.loop.now())) {
    CO_TRY(const std::optional<Guarded> guarded, co_await look(exchange, outline, body));
    if (guarded && !shadow_) co_return answer(exchange, *guarded);
    if (guarded) exchange.would_have.push_back({config::Shadowed::kLoopGuard, "answer"});
  }
  Result<http::Response> outcome = co_await next(exchange);
  learn(exchange, outline, body, outcome);
  co_return outcome;
}

LoopGuard::Outline LoopGuard::outline_of(const Exchange& exchange) {
  const http::RequestHead& head = exchange.request.head;
  const config::Route* route = exchange.routed.route;
  return {head.method_text, head.target, route == nullptr ? std::string_view() : route->name,
          exchange.credential, head.headers.get(http::HeaderId::kContentLength)};
}

// No text holds a line feed: nobody can make two requests look alike.
std::uint64_t LoopGuard::hash(const Outline& outline) const {
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", upstream_, outline.route, outline.method,
                  outline.target, outline.credential, outline.length);
  return siphash(intake_.credential_key, text);
}

std::optional<FailurePrint> LoopGuard::fingerprint(std::uint64_t outline,
                                                   const Rewinder& body) const {
  const std::optional<std::string> text = body.whole();
  if (!text) return std::nullopt;
  const SipKey key{intake_.credential_key[0] ^ outline, intake_.credential_key[1] + outline};
  return FailurePrint{outline, siphash(key, *text)};
}

// A body that is still coming is read ahead only where a request of the same outline is guarded.
Task<Result<std::optional<FailureMemory::Guarded>>> LoopGuard::look(Exchange& exchange,
                                                                    const Outline& outline,
                                                                    const Rewinder& body) const {
  const std::uint64_t hashed = hash(outline);
  if (!memory_.guards(hashed, exchange.loop.now())) co_return std::nullopt;
  if (exchange.replay != nullptr) {
    CO_TRY(co_await exchange.replay->read_ahead(ReplayBody::kInMemory, *exchange.scope));
  }
  const std::optional<FailurePrint> print = fingerprint(hashed, body);
  if (!print) co_return std::nullopt;
  co_return memory_.find(*print, exchange.loop.now());
}

void LoopGuard::learn(const Exchange& exchange, const Outline& outline, const Rewinder& body,
                      const Result<http::Response>& outcome) const {
  // Only what the upstream itself has said to this request counts.
  if (!outcome || exchange.source != Source::kUpstream || exchange.attempts.empty()) return;
  const Attempt& last = exchange.attempts.back();
  if (!last.judged || !exchange.fallback.empty()) return;
  const TimePoint now = exchange.loop.now();
  const bool failed = is_loop_failure(last.verdict, last.status, exchange.request.head.method);
  if (!failed && memory_.quiet(now)) return;
  const std::uint64_t hashed = hash(outline);
  if (!failed && !memory_.knows(hashed)) return;  // no row to break: the body need not be hashed
  const std::optional<FailurePrint> print = fingerprint(hashed, body);
  if (!print) return;
  const Slice* whole = outcome->body.whole();
  if (failed && whole != nullptr && whole->size() <= kMostBody) {
    memory_.note(*print, kept_of(*outcome, last.verdict), policy_, now);
  } else {
    memory_.forget(*print);
  }
}

http::Response LoopGuard::answer(Exchange& exchange, const Guarded& guarded) const {
  answers_.add();
  exchange.source = Source::kProxy;
  exchange.why = "http_request_denied";
  http::Response response;
  http::Headers& headers = response.head.headers;
  response.head.status = guarded.answer->status;
  for (const auto& [name, value] : guarded.answer->fields) headers.add(name, value);
  headers.add("Content-Length", fmt::format_int(guarded.answer->body.size()).c_str());
  headers.add("Outrigger-Loop-Guard", fmt::format("failures={}", guarded.failures));
  headers.add("Proxy-Status", http::proxy_status(exchange.why, {}, 0,
                                                 "the same request failed "
                                                 "with the same error before"));
  advise_to_give_up(response.head, guarded.left, 0);
  response.body = http::Body(Slice::copy(guarded.answer->body));
  return response;
}

}  // namespace outrigger::filters
