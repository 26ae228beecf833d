// Breakers keyed by endpoint: they steer the balancer instead of refusing, until all are open.
#include "tests/unit/filters/circuit_breaker_fixture.h"

namespace outrigger::filters {
namespace {

using CircuitBreakerEndpointsTest = CircuitBreakerTest;

TEST_F(CircuitBreakerEndpointsTest, AnOpenEndpointIsAvoidedStrictlyForOneAttempt) {
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

TEST_F(CircuitBreakerEndpointsTest, AnEndpointThatFailedBeforeIsBetterThanAnOpenOne) {
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

TEST_F(CircuitBreakerEndpointsTest, WhenAllEndpointsAreOpenItRefusesUntilTheFirstProbe) {
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

TEST_F(CircuitBreakerEndpointsTest, AHalfOpenEndpointMayBeChosenByOneExchangeAtATime) {
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

TEST_F(CircuitBreakerEndpointsTest, EndpointsThatCouldNotBeReachedCountEach) {
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

}  // namespace
}  // namespace outrigger::filters
