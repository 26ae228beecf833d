// The end of a chain that makes attempts as a test tells it: each call of the chain takes the next
// line of the script, records an attempt with its verdict, as `send` and `classify` do, and answers
// or fails. It reads the request as an upstream would.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {

struct ScriptedAttempt {
  Verdict verdict = Verdict::kOk;
  int status = 200;  // 0: no answer
  Phase phase = Phase::kAnswered;
  std::string_view reason = "connection_terminated";  // of an attempt without an answer
  std::optional<Duration> hint = {};
  config::Scope scope = config::Scope::kDefault;
  std::uint16_t endpoint = 0;
  Duration takes{0};
  std::vector<std::pair<std::string_view, std::string_view>> headers = {};
  std::string_view body = "answer";
  std::size_t unreachable = 0;            // endpoints that were tried in vain before
  std::optional<std::size_t> reads = {};  // of the request's body; all of it when not set
  bool recorded = true;                   // false: refused before any attempt was made
};

inline ScriptedAttempt ok() {
  return {};
}
inline ScriptedAttempt answers(int status, Verdict verdict = Verdict::kTransient) {
  ScriptedAttempt attempt;
  attempt.status = status;
  attempt.verdict = verdict;
  return attempt;
}
inline ScriptedAttempt fails(Phase phase, Verdict verdict = Verdict::kTransient) {
  ScriptedAttempt attempt;
  attempt.status = 0;
  attempt.phase = phase;
  attempt.verdict = verdict;
  return attempt;
}
inline ScriptedAttempt throttles(Duration hint) {
  ScriptedAttempt attempt = answers(429, Verdict::kThrottled);
  attempt.hint = hint;
  return attempt;
}
inline ScriptedAttempt breaker_refuses() {
  ScriptedAttempt attempt = answers(0);
  attempt.reason = "circuit_open";
  attempt.recorded = false;
  return attempt;
}

// What one call of the chain was asked.
struct SeenRequest {
  TimePoint when;
  std::string method, target, body, idempotency_key;
  double patience = 1;
  std::uint64_t avoid = 0;
  bool probing = false;
};

class ScriptedAttempts final : public Filter {
 public:
  // Calls beyond the script repeat its last line.
  ScriptedAttempts(std::vector<ScriptedAttempt> script, std::vector<SeenRequest>& seen)
      : script_(std::move(script)), seen_(seen) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted_attempts"; }

  Task<Result<http::Response>> handle(Exchange& exchange, Next) override {
    const ScriptedAttempt line = script_[std::min(seen_.size(), script_.size() - 1)];
    const http::RequestHead& head = exchange.request.head;
    seen_.push_back({exchange.loop.now(),
                     std::string(head.method_text),
                     std::string(head.target),
                     {},
                     std::string(head.headers.get(http::HeaderId::kIdempotencyKey)),
                     exchange.patience,
                     exchange.avoid,
                     exchange.probing});
    const std::size_t self = seen_.size() - 1;
    if (!line.recorded) {
      co_return fail(Errc::kOverload, Origin::kProxy, line.reason, "refused");
    }
    for (std::size_t i = 0; i < line.unreachable; ++i) record_unreachable(exchange, i + 1);
    const std::size_t at = exchange.attempts.size();
    Attempt attempt;
    attempt.endpoint = "upstream:443";
    attempt.endpoint_index = line.endpoint;
    attempt.started = exchange.loop.now();
    exchange.attempts.push_back(attempt);
    Status taken = co_await take(exchange, line, seen_[self].body);
    finish(exchange, at, line, taken);
    if (!taken) co_return std::unexpected(taken.error());
    if (line.status == 0) {
      Error error{Errc::kReset, Origin::kUpstream, line.phase, line.reason, {}};
      co_return std::unexpected(error);
    }
    http::Response response;
    response.head.status = line.status;
    for (const auto& [name, value] : line.headers) response.head.headers.add(name, value);
    response.body = http::Body(Slice::copy(line.body));
    co_return response;
  }

 private:
  static Task<Status> take(Exchange& exchange, const ScriptedAttempt& line, std::string& body) {
    const std::size_t most = line.reads.value_or(SIZE_MAX);
    while (body.size() < most) {
      CO_TRY(const Slice bytes, co_await exchange.request.body.read(*exchange.scope));
      if (bytes.empty()) break;
      body += bytes.view();
    }
    if (line.takes == Duration{0}) co_return Status{};
    co_return co_await SleepFor(exchange.loop, *exchange.scope, line.takes);
  }
  static void record_unreachable(Exchange& exchange, std::size_t endpoint) {
    Attempt attempt;
    attempt.endpoint = "unreachable:443";
    attempt.endpoint_index = static_cast<std::uint16_t>(endpoint);
    attempt.failed = true;
    attempt.started = attempt.ended = exchange.loop.now();
    attempt.judged = true;
    attempt.verdict = Verdict::kRefusedUnsent;
    exchange.attempts.push_back(attempt);
  }
  static void finish(Exchange& exchange, std::size_t at, const ScriptedAttempt& line,
                     const Status& taken) {
    Attempt& attempt = exchange.attempts[at];
    attempt.ended = exchange.loop.now();
    attempt.judged = true;
    attempt.status = taken ? line.status : 0;
    attempt.failed = !taken || line.status == 0;
    attempt.phase = line.phase;
    attempt.hint = line.hint;
    attempt.scope = line.scope;
    attempt.reason = line.reason;
    attempt.verdict = taken ? line.verdict : Verdict::kCancelled;
    exchange.conclude(at, attempt.verdict);
  }

  std::vector<ScriptedAttempt> script_;
  std::vector<SeenRequest>& seen_;
};

}  // namespace outrigger::filters
