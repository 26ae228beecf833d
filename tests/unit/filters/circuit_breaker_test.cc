// The filter in simulated time: who is asked, what a refusal looks like, and that every permit ends
// whatever becomes of the exchange (resilience 5.3 row Breaker, 5.4).
#include "filters/circuit_breaker/circuit_breaker.h"

#include <string_view>

#include "tests/unit/filters/circuit_breaker_fixture.h"

namespace outrigger::filters {
namespace {

std::string_view header(const http::Response& answer, std::string_view name) {
  const http::Field* field = answer.head.headers.find(name);
  return field == nullptr ? std::string_view() : std::string_view(field->value);
}

TEST_F(CircuitBreakerTest, RefusesAtOnceAndMakesNoAttempt) {
  trip();
  const int before = reached_;
  call(ends(Verdict::kOk));
  ASSERT_TRUE(refused());
  EXPECT_EQ(outcome_->error().code, Errc::kOverload);
  EXPECT_EQ(outcome_->error().origin, Origin::kProxy);
  EXPECT_EQ(outcome_->error().detail,
            "the circuit breaker of this model, credential or endpoint of llm is open "
            "(failures_in_a_row); next probe in 5.0 s");
  EXPECT_EQ(exchange().retry_after, 5s);
  EXPECT_EQ(exchange().circuit, "open");
  EXPECT_TRUE(exchange().attempts.empty());
  EXPECT_EQ(reached_, before);
  EXPECT_EQ(metrics_.total(Metric::kCircuitRejected, {"llm"}), 1u);
}

TEST_F(CircuitBreakerTest, OneModelIsIsolatedFromAnother) {
  trip("big");
  call(ends(Verdict::kOk), "small");
  EXPECT_FALSE(refused());
  EXPECT_EQ(exchange().circuit, "closed");
}

TEST_F(CircuitBreakerTest, TellsToWaitAtLeastASecondAndAtMostAMinute) {
  upstream_.policies.circuit_breaker->open = {.first = 5min, .factor = 1, .max = 5min, .jitter = 0};
  trip();
  call(ends(Verdict::kOk));
  EXPECT_EQ(exchange().retry_after, 60s);
  pass(5min - 1ms);
  call(ends(Verdict::kOk));
  EXPECT_EQ(exchange().retry_after, 1s);
}

TEST_F(CircuitBreakerTest, AStreamCountsAtItsEnd) {
  call(ends(Verdict::kTransient));
  call(streams());
  ASSERT_TRUE(outcome_->has_value());
  EXPECT_EQ(state(), BreakerState::kClosed);
  exchange().conclude(0, Verdict::kTruncated);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(CircuitBreakerTest, AStreamThatNobodyConcludedIsCancelledWithItsExchange) {
  trip();
  pass(5s);
  call(streams());
  EXPECT_EQ(exchange().circuit, "half_open");
  EXPECT_EQ(exchange().attempts.back().permits[0].pass.probe(), true);
  exchange_.reset();
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "a cancelled probe says nothing";
  call(ends(Verdict::kOk));
  EXPECT_EQ(state(), BreakerState::kClosed) << "and its permit is free again";
}

TEST_F(CircuitBreakerTest, AStreamTellsTheHostAtItsHead) {
  call(connects_nowhere());
  call(connects_nowhere());
  pass(5s);
  call(streams());
  EXPECT_EQ(group()->host().state(), BreakerState::kClosed) << "others need not wait for its end";
  EXPECT_EQ(exchange().attempts.back().permits[1].breaker, nullptr);
}

TEST_F(CircuitBreakerTest, AClientThatLeavesBeforeAnAttemptGivesItsPermitBack) {
  trip();
  pass(5s);
  call([this](Exchange& exchange) -> Task<Result<http::Response>> {
    CO_TRY(co_await SleepFor(loop_, *exchange.scope, 1h));
    co_return http::Response{};
  });
  EXPECT_FALSE(done());
  EXPECT_EQ(group()->of({.model = "big"}, loop_.now())->status(loop_.now()).probes_out, 1u);
  scope_.cancel({});
  loop_.advance(0s);
  ASSERT_TRUE(done());
  EXPECT_EQ(group()->of({.model = "big"}, loop_.now())->status(loop_.now()).probes_out, 0u);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
}

TEST_F(CircuitBreakerTest, AFrameThatIsTornDownGivesItsPermitBack) {
  build();
  exchange().model = "big";
  upstream_does_ = [this](Exchange& exchange) -> Task<Result<http::Response>> {
    CO_TRY(co_await SleepFor(loop_, *exchange.scope, 1h));
    co_return http::Response{};
  };
  {
    TaskGroup torn(loop_);
    torn.spawn(run());
    EXPECT_EQ(group()->host().permits_out(), 1u);
  }
  EXPECT_EQ(group()->host().permits_out(), 0u);
}

TEST_F(CircuitBreakerTest, ConcurrentArrivalsShareTheProbes) {
  trip();
  pass(5s);
  call(streams());
  ASSERT_FALSE(refused());
  const Exchange* probing = exchange_.release();
  call(ends(Verdict::kOk));
  EXPECT_TRUE(refused());
  EXPECT_EQ(exchange().circuit, "half_open");
  delete probing;
}

TEST_F(CircuitBreakerTest, ConnectionsMoveTheHostsBreakerAndNoOther) {
  call(connects_nowhere(), "a");
  call(connects_nowhere(), "b");
  EXPECT_EQ(group()->host().state(), BreakerState::kOpen);
  EXPECT_EQ(state("a"), BreakerState::kClosed);
  call(ends(Verdict::kOk), "c");
  ASSERT_TRUE(refused());
  EXPECT_EQ(outcome_->error().detail,
            "the circuit breaker of the connections to llm is open (failures_in_a_row); next probe "
            "in 5.0 s");
}

TEST_F(CircuitBreakerTest, LocalOverflowClientErrorsAuthAndCancelNeverCount) {
  const Script overflow = [](Exchange& exchange) -> Task<Result<http::Response>> {
    attempt(exchange);
    Attempt& made = exchange.attempts.back();
    made.failed = true;
    made.code = Errc::kOverload;
    made.phase = Phase::kNoConnection;
    exchange.conclude(exchange.attempts.size() - 1, Verdict::kRefusedUnsent);
    co_return fail(Errc::kOverload, Origin::kProxy, "connection_limit_reached");
  };
  for (int i = 0; i < 20; ++i) {
    call(overflow);
    for (const Verdict verdict : {Verdict::kClientError, Verdict::kAuth, Verdict::kCancelled,
                                  Verdict::kContentPolicy, Verdict::kQuotaExhausted}) {
      call(ends(verdict));
    }
  }
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(group()->host().state(), BreakerState::kClosed);
}

TEST_F(CircuitBreakerTest, WhenTheKeyRefusesTheHostsProbeIsGivenBack) {
  trip();
  pass(2s);
  call(connects_nowhere(), "a");
  call(connects_nowhere(), "a");
  ASSERT_EQ(group()->host().state(), BreakerState::kOpen);
  pass(3s);  // the key's time is over, the host's is not
  call(ends(Verdict::kOk));
  ASSERT_TRUE(refused());
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  call(ends(Verdict::kOk), "a");
  pass(2s);
  const auto probe = group()->of({.model = "big"}, loop_.now())->ask(loop_.now());
  call(ends(Verdict::kOk));  // the host would let it probe
  EXPECT_TRUE(refused());
  EXPECT_EQ(group()->host().status(loop_.now()).probes_out, 0u);
  probe->breaker->give_back(probe->pass, loop_.now());
}

TEST_F(CircuitBreakerTest, ManyOpenModelsOpenTheUpstreamUntilFewerAre) {
  upstream_.policies.circuit_breaker->upstream_opens_at = 2;
  trip("a");
  pass(1s);
  trip("b");
  call(ends(Verdict::kOk), "c");
  ASSERT_TRUE(refused());
  EXPECT_EQ(exchange().retry_after, 4s);
  pass(4s);
  call(ends(Verdict::kOk), "a");
  EXPECT_FALSE(refused());
  call(ends(Verdict::kOk), "c");
  EXPECT_FALSE(refused());
}

TEST_F(CircuitBreakerTest, WithoutAKeyAllCallsShareABreaker) {
  upstream_.policies.circuit_breaker = quick_policy({});
  call(ends(Verdict::kTransient), "a");
  call(ends(Verdict::kTransient), "b");
  call(ends(Verdict::kOk), "c");
  EXPECT_TRUE(refused());
  EXPECT_EQ(group()->whole().state(), BreakerState::kOpen);
}

TEST_F(CircuitBreakerTest, ARouteWithAPolicyOfItsOwnSharesOnlyTheHost) {
  own_route_.name = "batch";
  own_route_.policies = upstream_.policies;
  own_route_.policies.circuit_breaker->failures_in_a_row = 3;
  route_ = &own_route_;
  trip();
  EXPECT_EQ(state(), BreakerState::kClosed);
  call(ends(Verdict::kTransient));
  EXPECT_EQ(state(), BreakerState::kOpen);
  const auto upstream = breakers_.of("llm", {}, *upstream_.policies.circuit_breaker, loop_.now());
  EXPECT_NE(upstream, group());
  EXPECT_EQ(upstream->of({.model = "big"}, loop_.now())->state(), BreakerState::kClosed);
  call(connects_nowhere(), "x");
  call(connects_nowhere(), "y");
  EXPECT_EQ(upstream->host().state(), BreakerState::kOpen);
}

TEST_F(CircuitBreakerTest, EveryAttemptOfAnExchangeIsCountedOnce) {
  call(ends(Verdict::kTransient));
  upstream_does_ = ends(Verdict::kOk);
  again();
  EXPECT_EQ(exchange().attempt_observers.size(), 1u);
  const BreakerStatus status = group()->of({.model = "big"}, loop_.now())->status(loop_.now());
  EXPECT_EQ(status.window, (CallTally{.calls = 2, .failures = 1, .slow = 0}));
}

TEST_F(CircuitBreakerTest, ALaterAttemptForgetsTheWaitOfARefusalBefore) {
  trip();
  call(ends(Verdict::kOk));
  ASSERT_TRUE(refused());
  pass(5s);
  again();
  EXPECT_TRUE(outcome_->has_value());
  EXPECT_EQ(exchange().retry_after, std::nullopt);
}

TEST_F(CircuitBreakerTest, SlowFirstEventsOpenIt) {
  upstream_.policies.circuit_breaker->slow = config::SlowCalls{.first_event = 90s, .rate = 0.8};
  for (int i = 0; i < 10; ++i) {
    call([](Exchange& exchange) -> Task<Result<http::Response>> {
      attempt(exchange);
      exchange.attempts.back().answered = exchange.loop.now() + 91s;
      exchange.conclude(0, Verdict::kOk);
      co_return http::Response{};
    });
  }
  call(ends(Verdict::kOk));
  ASSERT_TRUE(refused());
  EXPECT_NE(outcome_->error().detail.find("(slow)"), std::string::npos);
}

// ---- the answer ----

TEST_F(CircuitBreakerTest, TheClientGetsAProblemThatSaysWhenToComeBack) {
  observed_ = true;
  trip();
  call(ends(Verdict::kOk));
  ASSERT_TRUE(outcome_->has_value());
  const http::Response& answer = **outcome_;
  EXPECT_EQ(answer.head.status, 503);
  EXPECT_EQ(answer.head.headers.get(http::HeaderId::kRetryAfter), "5");
  EXPECT_EQ(header(answer, "x-should-retry"), "false");
  EXPECT_EQ(header(answer, "outrigger-source"), "circuit");
  EXPECT_EQ(header(answer, "outrigger-circuit"), "open");
  EXPECT_NE(header(answer, "proxy-status").find("destination_unavailable"), std::string_view::npos);
}

TEST_F(CircuitBreakerTest, TheHeaderOfAnAnswerThatPassedNamesTheState) {
  observed_ = true;
  trip();
  pass(5s);
  call(ends(Verdict::kOk));
  EXPECT_EQ(header(**outcome_, "outrigger-circuit"), "half_open");
  upstream_.policies.headers = config::DecisionHeaders::kStandard;
  call(ends(Verdict::kOk));
  EXPECT_EQ((*outcome_)->head.headers.find("outrigger-circuit"), nullptr);
}

}  // namespace
}  // namespace outrigger::filters
