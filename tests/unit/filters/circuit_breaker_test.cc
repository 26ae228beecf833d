// The filter in simulated time: who is asked, what a refusal looks like, and that every permit ends
// whatever becomes of the exchange (resilience 5.3 row Breaker, 5.4).
#include "filters/circuit_breaker/circuit_breaker.h"

#include <functional>
#include <string>
#include <vector>

#include "filters/observe/observe.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {
namespace {

using config::BreakerKey;

std::string_view header(const http::Response& answer, std::string_view name) {
  const http::Field* field = answer.head.headers.find(name);
  return field == nullptr ? std::string_view() : std::string_view(field->value);
}

config::CircuitBreaker quick_policy(std::vector<BreakerKey> key) {
  config::CircuitBreaker policy;
  policy.failures_in_a_row = 2;
  policy.open = {.first = 5s, .factor = 2, .max = 20s, .jitter = 0};
  policy.half_open = {.probes = 1, .lease = 60s, .successes = 1};
  policy.ramp.reset();
  policy.key = std::move(key);
  return policy;
}

class CircuitBreakerTest : public ChainTest {
 protected:
  CircuitBreakerTest() {
    upstream_.name = "llm";
    upstream_.policies.circuit_breaker = quick_policy({BreakerKey::kModel});
    upstream_.policies.headers = config::DecisionHeaders::kFull;
    loop_.advance(1000s);
  }
  ~CircuitBreakerTest() override {
    scope_.cancel({});
    loop_.advance(0s);
    outcome_.reset();
    exchange_.reset();
    chain_.reset();
    for (const Pinned& breaker : group()->all()) {
      EXPECT_EQ(breaker->permits_out(), 0u) << to_string(breaker->kind());
      EXPECT_EQ(breaker->status(loop_.now()).probes_out, 0u) << to_string(breaker->kind());
    }
  }

  // ---- what the upstream does with the next calls ----

  using Script = ScriptedEnd::Script;
  static void attempt(Exchange& exchange, std::uint16_t endpoint = 0) {
    Attempt made;
    made.endpoint_index = endpoint;
    made.started = exchange.loop.now();
    made.phase = Phase::kAnswered;
    made.status = 200;
    exchange.attempts.push_back(made);
  }
  // An answer that the classifier judges at once.
  Script ends(Verdict verdict, std::uint16_t endpoint = 0) {
    return [verdict, endpoint](Exchange& exchange) -> Task<Result<http::Response>> {
      attempt(exchange, endpoint);
      exchange.conclude(exchange.attempts.size() - 1, verdict);
      co_return http::Response{};
    };
  }
  // A stream: its end is told later.
  Script streams() {
    return [](Exchange& exchange) -> Task<Result<http::Response>> {
      attempt(exchange);
      co_return http::Response{};
    };
  }
  static void lose_connection(Exchange& exchange, std::uint16_t endpoint = 0) {
    attempt(exchange, endpoint);
    Attempt& made = exchange.attempts.back();
    made.failed = true;
    made.status = 0;
    made.phase = Phase::kNoConnection;
    made.code = Errc::kConnect;
    exchange.conclude(exchange.attempts.size() - 1, Verdict::kRefusedUnsent);
  }
  Script connects_nowhere() {
    return [](Exchange& exchange) -> Task<Result<http::Response>> {
      lose_connection(exchange);
      co_return fail(Errc::kConnect, Origin::kUpstream, "connection_refused");
    };
  }

  // ---- calls ----

  void build() {
    if (chain_ != nullptr) return;
    if (observed_) add(std::make_unique<Observe>(observe_, "llm", "_default"));
    add(std::make_unique<CircuitBreaker>(breakers_, upstream_, route_, shard_, loop_.now()));
    end_with([this](Exchange& exchange) {
      ++reached_;
      return upstream_does_(exchange);
    });
    chain_ = std::make_unique<Chain>(std::move(filters_));
  }
  // A new exchange that asks for `model`; over unless the script waits.
  void call(Script script, std::string_view model = "big") {
    build();
    outcome_.reset();
    exchange_.reset();
    request_ = {};
    upstream_does_ = std::move(script);
    exchange().model = model;
    exchange().routed.policies = &upstream_.policies;
    again();
  }
  Task<void> run() {
    outcome_ = std::make_unique<Result<http::Response>>(co_await chain_->run(exchange()));
  }
  // Another attempt of the same exchange, as retry makes it.
  void again() {
    outcome_.reset();
    tasks_.spawn(run());
    loop_.advance(0s);
  }
  void trip(std::string_view model = "big") {
    call(ends(Verdict::kTransient), model);
    call(ends(Verdict::kTransient), model);
  }
  [[nodiscard]] bool refused() const {
    return outcome_ && !*outcome_ && outcome_->error().reason == "circuit_open";
  }

  std::shared_ptr<UpstreamBreakers> group() {
    const auto& policy =
        route_ != nullptr ? route_->policies.circuit_breaker : upstream_.policies.circuit_breaker;
    return breakers_.of("llm", route_ != nullptr ? route_->name : "", *policy, loop_.now());
  }
  BreakerState state(std::string_view model = "big") {
    return group()->of({.model = model, .credential = 0, .endpoint = {}}, loop_.now())->state();
  }
  BreakerState endpoint_state(std::string_view endpoint) {
    return group()->of({.model = {}, .credential = 0, .endpoint = endpoint}, loop_.now())->state();
  }
  void use_endpoints(std::size_t count) {
    upstream_.policies.circuit_breaker = quick_policy({BreakerKey::kEndpoint});
    for (std::size_t i = 0; i < count; ++i) {
      upstream_.endpoints.push_back(
          {.url = "", .tls = false, .host = "e" + std::to_string(i), .port = 80, .base_path = ""});
    }
  }
  void pass(Duration d) {
    loop_.advance(d);
    group()->tick(loop_.now());
  }

  config::Upstream upstream_;
  config::Route own_route_;
  const config::Route* route_ = nullptr;
  MetricRegistry metrics_;
  MetricShard& shard_ = metrics_.add_shard();
  ObserveContext observe_{shard_, nullptr, LogStyle::kJson, 1};
  bool observed_ = false;
  SharedBreakers breakers_{{.listener = {}, .seed = 1}};
  Script upstream_does_;
  int reached_ = 0;
};

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
  EXPECT_EQ(exchange().attempts.back().permits[1].pass.probe(), true);
  exchange_.reset();
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "a cancelled probe says nothing";
  call(ends(Verdict::kOk));
  EXPECT_EQ(state(), BreakerState::kClosed) << "and its permit is free again";
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

// ---- endpoints ----

TEST_F(CircuitBreakerTest, AnOpenEndpointIsAvoidedStrictlyForOneAttempt) {
  use_endpoints(3);
  call(ends(Verdict::kTransient, 1));
  call(ends(Verdict::kTransient, 1));
  EXPECT_EQ(endpoint_state("e1:80"), BreakerState::kOpen);
  std::uint64_t avoided = 0;
  bool strictly = false;
  call([&](Exchange& exchange) -> Task<Result<http::Response>> {
    avoided = exchange.avoid;
    strictly = exchange.avoid_strictly;
    attempt(exchange, 0);
    exchange.conclude(0, Verdict::kOk);
    co_return http::Response{};
  });
  EXPECT_EQ(avoided, 0b010u);
  EXPECT_TRUE(strictly);
  EXPECT_EQ(exchange().avoid, 0u);
  EXPECT_FALSE(exchange().avoid_strictly);
}

TEST_F(CircuitBreakerTest, AnEndpointThatFailedBeforeIsBetterThanAnOpenOne) {
  use_endpoints(2);
  call(ends(Verdict::kTransient, 1));
  call(ends(Verdict::kTransient, 1));
  call(ends(Verdict::kOk));
  exchange().avoid = 0b01;
  std::uint64_t avoided = 0;
  upstream_does_ = [&](Exchange& exchange) -> Task<Result<http::Response>> {
    avoided = exchange.avoid;
    co_return co_await ends(Verdict::kOk)(exchange);
  };
  again();
  EXPECT_EQ(avoided, 0b10u);
  EXPECT_EQ(exchange().avoid, 0b01u);
}

TEST_F(CircuitBreakerTest, WhenAllEndpointsAreOpenItRefusesUntilTheFirstProbe) {
  use_endpoints(2);
  for (const std::uint16_t endpoint : {0, 1}) {
    call(ends(Verdict::kTransient, endpoint));
    call(ends(Verdict::kTransient, endpoint));
    pass(1s);
  }
  call(ends(Verdict::kOk));
  ASSERT_TRUE(refused());
  EXPECT_EQ(exchange().retry_after, 3s);
}

TEST_F(CircuitBreakerTest, AHalfOpenEndpointMayBeChosenByOneExchangeAtATime) {
  use_endpoints(2);
  call(ends(Verdict::kTransient, 1));
  call(ends(Verdict::kTransient, 1));
  pass(5s);
  std::vector<std::uint64_t> avoided;
  const auto note_and = [&](std::uint16_t endpoint) -> Script {
    return [&avoided, endpoint](Exchange& exchange) -> Task<Result<http::Response>> {
      avoided.push_back(exchange.avoid);
      attempt(exchange, endpoint);
      co_return http::Response{};
    };
  };
  call(note_and(0));  // the balancer chose the other: the probe is free again
  call(note_and(1));
  const Exchange* probing = exchange_.release();
  call(note_and(0));
  EXPECT_EQ(avoided, (std::vector<std::uint64_t>{0, 0, 0b10}));
  const_cast<Exchange*>(probing)->conclude(0, Verdict::kOk);
  delete probing;
  EXPECT_EQ(endpoint_state("e1:80"), BreakerState::kClosed);
}

TEST_F(CircuitBreakerTest, EndpointsThatCouldNotBeReachedCountEach) {
  use_endpoints(3);
  for (int i = 0; i < 2; ++i) {
    call([](Exchange& exchange) -> Task<Result<http::Response>> {
      lose_connection(exchange, 2);
      attempt(exchange, 0);
      exchange.conclude(exchange.attempts.size() - 1, Verdict::kOk);
      co_return http::Response{};
    });
  }
  EXPECT_EQ(endpoint_state("e2:80"), BreakerState::kOpen);
  EXPECT_EQ(endpoint_state("e0:80"), BreakerState::kClosed);
  EXPECT_EQ(group()->host().state(), BreakerState::kClosed) << "the upstream was reached";
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
