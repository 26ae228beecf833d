// Words for tests of one Breaker in simulated time.
#pragma once

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "filters/circuit_breaker/breaker.h"

namespace outrigger::filters {

inline constexpr Ending kGood{.outcome = CallOutcome::kSuccess, .slow = false};
inline constexpr Ending kBad{.outcome = CallOutcome::kFailure, .slow = false};
inline constexpr Ending kThrottled{.outcome = CallOutcome::kRateOnly, .slow = false};
inline constexpr Ending kSlow{.outcome = CallOutcome::kSuccess, .slow = true};
inline constexpr Ending kNothing{};
inline constexpr double kMiddle = 0.5;  // no jitter

// Trips after 3 failures in a row, or half of at least 10 in 30 s; open 5, 10, 20 s; no ramp.
inline config::CircuitBreaker usual_policy() {
  config::CircuitBreaker policy;
  policy.failures_in_a_row = 3;
  policy.open = {.first = 5s, .factor = 2, .max = 20s, .jitter = 0.2};
  policy.half_open = {.probes = 1, .lease = 60s, .successes = 2};
  policy.ramp.reset();
  return policy;
}

class BreakerTest : public ::testing::Test {
 protected:
  Breaker& breaker() {
    if (!breaker_) breaker_ = std::make_unique<Breaker>(shared(policy_), now_);
    return *breaker_;
  }
  static BreakerPolicy shared(const config::CircuitBreaker& policy) {
    return std::make_shared<const config::CircuitBreaker>(policy);
  }
  void wait(Duration d) {
    now_ = now_ + d;
    breaker().advance(now_, kMiddle);
  }
  std::expected<Pass, Refusal> ask() { return breaker().ask(now_, kMiddle); }
  void conclude(Pass pass, Ending ending) { breaker().conclude(pass, ending, now_, kMiddle); }
  // A call that is admitted and ends at once.
  void call(Ending ending) {
    const auto pass = ask();
    ASSERT_TRUE(pass.has_value());
    conclude(*pass, ending);
  }
  void calls(int n, Ending ending) {
    for (int i = 0; i < n; ++i) call(ending);
  }
  void trip() {
    calls(3, kBad);
    ASSERT_EQ(state(), BreakerState::kOpen);
  }
  void become_half_open() {
    trip();
    wait(5s);
    ASSERT_EQ(state(), BreakerState::kHalfOpen);
  }
  BreakerState state() { return breaker().state(); }
  std::string_view because() { return breaker().last_change().because; }

  config::CircuitBreaker policy_ = usual_policy();
  TimePoint now_{1000s};
  std::unique_ptr<Breaker> breaker_;
};

}  // namespace outrigger::filters
