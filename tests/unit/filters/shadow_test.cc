// Policies in shadow decide as usual, say so in the exchange and change nothing.
#include "config/words.h"
#include "tests/unit/filters/circuit_breaker_fixture.h"
#include "tests/unit/filters/retry_fixture.h"

namespace outrigger::filters {
namespace {

// "retry: wait, retry: retry".
std::string would_have(const Exchange& exchange) {
  std::string text;
  for (const Would& would : exchange.would_have) {
    if (!text.empty()) text += ", ";
    text.append(to_string(would.policy)).append(": ").append(would.what);
  }
  return text;
}

class RetryInShadow : public RetryTest {
 protected:
  RetryInShadow() { policies_.shadow = {config::Shadowed::kRetry}; }
};

TEST_F(RetryInShadow, GivesTheFirstAnswerAsItIs) {
  ScriptedAttempt sick = answers(503, Verdict::kOverloaded);
  sick.headers = {{"x-request-id", "r"}};
  run({sick});
  ASSERT_TRUE(done()) << "nothing is waited for";
  EXPECT_EQ(status(), 503);
  EXPECT_EQ((*outcome_)->head.headers.size(), 1u) << "no advice to give up";
  EXPECT_EQ((*outcome_)->body.whole()->view(), "answer");
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(would_have(exchange()), "retry: retry");
  EXPECT_EQ(stop(), "");
  EXPECT_EQ(exchange().avoid, 0u);
  EXPECT_EQ(counted(Metric::kRetries, "overloaded"), 0u);
}

TEST_F(RetryInShadow, GivesAFailureAsItIs) {
  run({fails(Phase::kNoConnection, Verdict::kRefusedUnsent)});
  EXPECT_EQ(error(), "connection_terminated");
  EXPECT_EQ(would_have(exchange()), "retry: retry");
}

TEST_F(RetryInShadow, SaysNothingWhereItWouldNotHaveRepeated) {
  policies_.replay = config::Replay::kUnsent;
  run({fails(Phase::kFullyWritten)});
  EXPECT_EQ(would_have(exchange()), "") << "not safe";
  again({answers(400, Verdict::kClientError)});
  EXPECT_EQ(would_have(exchange()), "");
  again({ok()});
  EXPECT_EQ(would_have(exchange()), "");
  policies_.retry->max_attempts = 1;
  again({answers(503, Verdict::kOverloaded)});
  EXPECT_EQ(would_have(exchange()), "");
}

TEST_F(RetryInShadow, PutsNoKeyOnTheRequestAndStillCountsAsIfItHad) {
  policies_.replay = config::Replay::kKeyed;
  run({fails(Phase::kFullyWritten)});
  EXPECT_EQ(seen_.at(0).idempotency_key, "");
  EXPECT_EQ(would_have(exchange()), "retry: retry") << "with its key it would have been safe";
}

TEST_F(RetryInShadow, WaitsOutNoCooldownAndBeginsNone) {
  run({throttles(10s)});
  EXPECT_EQ(cooldowns_.size(), 0u);
  cooldowns_.extend({"openai", "", 7}, Verdict::kThrottled, 20s, loop_.now());
  again({ok()});
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(would_have(exchange()), "retry: wait");
  cooldowns_.extend({"openai", "", 7}, Verdict::kQuotaExhausted, 1h, loop_.now());
  again({ok()});
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(would_have(exchange()), "retry: refuse");
}

TEST_F(RetryInShadow, TakesNoProbeOfACooldownFromOthers) {
  cooldowns_.extend({"openai", "", 7}, Verdict::kQuotaExhausted, 1h, loop_.now());
  loop_.advance(SharedCooldowns::kProbeEvery);
  run({ok()});
  EXPECT_EQ(would_have(exchange()), "retry: refuse");
  const auto next = cooldowns_.meet("openai", "", 7, loop_.now());
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->passes) << "the probe is still to be had";
}

TEST_F(RetryInShadow, PaysFromAnAccountOfItsOwn) {
  policies_.retry->budget = config::RetryBudget{.ratio = 0, .floor = 1};
  run({answers(500)});
  EXPECT_EQ(would_have(exchange()), "retry: retry");
  again({answers(500)});
  EXPECT_EQ(would_have(exchange()), "") << "the one free retry is gone";
  SharedBudget& real = budgets_.of("openai", *policies_.retry->budget);
  EXPECT_TRUE(real.can_spend(*policies_.retry->budget, Verdict::kTransient, loop_.now()));
}

class BreakerInShadow : public CircuitBreakerTest {
 protected:
  BreakerInShadow() { upstream_.policies.shadow = {config::Shadowed::kCircuitBreaker}; }
};

TEST_F(BreakerInShadow, LetsPassWhatItWouldHaveRefused) {
  trip();
  EXPECT_EQ(state(), BreakerState::kOpen) << "its state is true";
  const int before = reached_;
  call(ends(Verdict::kTransient));
  EXPECT_FALSE(refused());
  EXPECT_EQ(reached_, before + 1);
  EXPECT_EQ(would_have(exchange()), "circuit_breaker: refuse");
  EXPECT_EQ(exchange().circuit, "open");
  EXPECT_EQ(exchange().retry_after, std::nullopt);
  EXPECT_EQ(metrics_.total(Metric::kCircuitRejected, {"llm"}), 0u);
}

TEST_F(BreakerInShadow, IsProbedAndClosesAsUsual) {
  trip();
  pass(5s);
  call(ends(Verdict::kOk));
  EXPECT_EQ(would_have(exchange()), "");
  EXPECT_EQ(state(), BreakerState::kClosed);
}

TEST_F(BreakerInShadow, ALostConnectionPassesTheHostsBreakerToo) {
  call(connects_nowhere());
  call(connects_nowhere());
  const int before = reached_;
  call(ends(Verdict::kOk));
  EXPECT_EQ(reached_, before + 1);
  EXPECT_EQ(would_have(exchange()), "circuit_breaker: refuse");
}

TEST_F(BreakerInShadow, AvoidsNoEndpoint) {
  use_endpoints(3);
  call(ends(Verdict::kTransient, 1));
  call(ends(Verdict::kTransient, 1));
  EXPECT_EQ(endpoint_state("e1:80"), BreakerState::kOpen);
  std::uint64_t avoided = 0;
  call([&](Exchange& exchange) -> Task<Result<http::Response>> {
    avoided = exchange.avoid;
    EXPECT_FALSE(exchange.avoid_strictly);
    attempt(exchange, 1);
    exchange.conclude(0, Verdict::kOk);
    co_return http::Response{};
  });
  EXPECT_EQ(avoided, 0u);
}

}  // namespace
}  // namespace outrigger::filters
