// How an open breaker finds its way back (resilience 1.5, 3 item 13, 5.3 row Breaker).
#include "tests/unit/filters/breaker_fixture.h"

namespace outrigger::filters {
namespace {

class BreakerRecoveryTest : public BreakerTest {};

TEST_F(BreakerRecoveryTest, AnOpenOneAdmitsNobodyBeforeItsTime) {
  trip();
  EXPECT_EQ(breaker().retry_after(now_), 5s);
  wait(5s - 1ns);
  EXPECT_EQ(ask().error(), Refusal::kOpen);
  EXPECT_EQ(breaker().retry_after(now_), 1ns);
  wait(1ns);
  EXPECT_TRUE(ask().has_value());
}

TEST_F(BreakerRecoveryTest, TheOpenTimeIsSpreadByTheRandomNumber) {
  const std::pair<double, Duration> rows[] = {{0.0, 4s}, {0.5, 5s}, {0.75, 5500ms}};
  for (const auto& [random, expected] : rows) {
    Breaker breaker(shared(policy_), now_);
    for (int i = 0; i < 3; ++i) breaker.conclude(*breaker.ask(now_, random), kBad, now_, random);
    EXPECT_EQ(breaker.retry_after(now_), expected) << random;
  }
}

TEST_F(BreakerRecoveryTest, TheOpenTimeGrowsUpToItsMaximum) {
  become_half_open();
  for (const Duration expected : {10s, 20s, 20s, 20s}) {
    call(kBad);
    EXPECT_EQ(breaker().retry_after(now_), expected);
    wait(expected);
    ASSERT_EQ(state(), BreakerState::kHalfOpen);
  }
}

TEST_F(BreakerRecoveryTest, TheOpenTimeIsAFunctionOfTheOpenings) {
  using Open = config::BreakerOpen;
  const struct {
    Open open;
    std::uint32_t openings;
    Duration time;
  } rows[] = {
      {Open{.first = 5s, .factor = 2, .max = 2min, .jitter = 0}, 0, 5s},
      {Open{.first = 5s, .factor = 2, .max = 2min, .jitter = 0}, 4, 80s},
      {Open{.first = 5s, .factor = 2, .max = 2min, .jitter = 0}, 5, 2min},
      {Open{.first = 5s, .factor = 2, .max = 2min, .jitter = 0}, 4'000'000'000, 2min},
      {Open{.first = 5s, .factor = 1, .max = 2min, .jitter = 0}, 4'000'000'000, 5s},
      {Open{.first = 5s, .factor = 1e300, .max = 2min, .jitter = 0}, 1, 2min},
      {Open{.first = 5min, .factor = 2, .max = 2min, .jitter = 0}, 0, 2min},
  };
  for (const auto& row : rows) EXPECT_EQ(open_time(row.open, row.openings), row.time);
}

TEST_F(BreakerRecoveryTest, AHealthyTimeForgetsTheGrowth) {
  become_half_open();
  call(kBad);
  wait(10s);
  calls(2, kGood);
  ASSERT_EQ(state(), BreakerState::kClosed);
  wait(30s - 1ms);  // the window is longer than the next open time
  calls(3, kBad);
  EXPECT_EQ(breaker().retry_after(now_), 20s);
  wait(20s);
  calls(2, kGood);
  wait(30s);
  calls(3, kBad);
  EXPECT_EQ(breaker().retry_after(now_), 5s);
}

TEST_F(BreakerRecoveryTest, HalfOpenClosesAfterSuccessesInARow) {
  become_half_open();
  call(kGood);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  call(kGood);
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(because(), "probes_passed");
  EXPECT_EQ(breaker().status(now_).window, CallTally{}) << "the window begins anew";
}

TEST_F(BreakerRecoveryTest, HalfOpenReopensOnOneFailure) {
  become_half_open();
  call(kGood);
  call(kBad);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(because(), "probe_failed");
}

TEST_F(BreakerRecoveryTest, AThrottledProbeIsAFailure) {
  become_half_open();
  call(kThrottled);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerRecoveryTest, ASlowProbeIsAFailure) {
  become_half_open();
  call(kSlow);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerRecoveryTest, ACancelledProbeGivesItsPermitBackAndSaysNothing) {
  become_half_open();
  for (int i = 0; i < 5; ++i) call(kNothing);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker().status(now_).probes_out, 0u);
  EXPECT_EQ(breaker().status(now_).probes_passed, 0u);
}

TEST_F(BreakerRecoveryTest, ALostProbeFailsWhenItsLeaseRunsOut) {
  become_half_open();
  const auto probe = ask();
  ASSERT_TRUE(probe.has_value());
  wait(60s - 1ns);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  wait(1ns);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(because(), "probe_lost");
  EXPECT_EQ(breaker().status(now_).probes_out, 0u);
  conclude(*probe, kGood);  // it comes back after all
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerRecoveryTest, OneLostProbeOfTwoIsAFailure) {
  policy_.half_open.probes = 2;
  become_half_open();
  ASSERT_TRUE(ask().has_value());
  wait(30s);
  ASSERT_TRUE(ask().has_value());
  wait(30s);
  EXPECT_EQ(because(), "probe_lost");
  EXPECT_EQ(breaker().status(now_).probes_out, 1u);
}

TEST_F(BreakerRecoveryTest, ConcurrentArrivalsGetAsManyProbesAsThereAre) {
  policy_.half_open.probes = 3;
  become_half_open();
  int admitted = 0;
  for (int i = 0; i < 10; ++i) admitted += ask().has_value() ? 1 : 0;
  EXPECT_EQ(admitted, 3);
  EXPECT_EQ(ask().error(), Refusal::kProbing);
}

// resilience4j #1090: over-admission. A probe of the half-open time before is still out.
TEST_F(BreakerRecoveryTest, AProbeThatIsStillOutHoldsItsPlaceInTheNextHalfOpenTime) {
  policy_.half_open.probes = 2;
  become_half_open();
  const auto early = ask();
  call(kBad);
  wait(10s);
  ASSERT_EQ(state(), BreakerState::kHalfOpen);
  const auto second = ask();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(ask().error(), Refusal::kProbing);
  conclude(*early, kBad);  // of an earlier era: frees its place, says nothing
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  EXPECT_TRUE(ask().has_value());
}

TEST_F(BreakerRecoveryTest, LateResultsFromBeforeOpeningAreIgnored) {
  std::vector<Pass> early;
  for (int i = 0; i < 20; ++i) early.push_back(*ask());
  trip();
  for (int i = 0; i < 5; ++i) conclude(early[i], kGood);
  EXPECT_EQ(state(), BreakerState::kOpen);
  wait(5s);
  for (int i = 5; i < 10; ++i) conclude(early[i], kGood);
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "a late success closes nothing";
  conclude(early[10], kBad);
  EXPECT_EQ(state(), BreakerState::kHalfOpen) << "a late failure opens nothing";
  calls(2, kGood);
  for (int i = 11; i < 20; ++i) conclude(early[i], kBad);
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
}

TEST_F(BreakerRecoveryTest, TrafficReturnsOverTheRamp) {
  policy_.ramp = 10s;
  become_half_open();
  calls(2, kGood);
  ASSERT_EQ(state(), BreakerState::kClosed);
  EXPECT_TRUE(breaker().status(now_).ramping);
  int admitted[10] = {};
  for (int& second : admitted) {
    for (int i = 0; i < 100; ++i) {
      wait(10ms);
      const auto pass = ask();
      if (!pass) EXPECT_EQ(pass.error(), Refusal::kRamping);
      second += pass.has_value() ? 1 : 0;
    }
  }
  for (int i = 0; i < 10; ++i) EXPECT_NEAR(admitted[i], 5 + 10 * i, 2) << "second " << i;
  EXPECT_FALSE(breaker().status(now_).ramping);
  EXPECT_TRUE(breaker().quiet());
}

TEST_F(BreakerRecoveryTest, TheFirstCallOfARampPasses) {
  policy_.ramp = 10s;
  become_half_open();
  calls(2, kGood);
  EXPECT_TRUE(ask().has_value());
  EXPECT_EQ(ask().error(), Refusal::kRamping);
}

TEST_F(BreakerRecoveryTest, ARampCountsAndTripsLikeAnyClosedTime) {
  policy_.ramp = 10s;
  become_half_open();
  calls(2, kGood);
  wait(9s);
  for (int i = 0; i < 20 && state() == BreakerState::kClosed; ++i) {
    if (const auto pass = ask()) conclude(*pass, kBad);
  }
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(breaker().retry_after(now_), 10s) << "no healthy time lay between";
  EXPECT_FALSE(breaker().status(now_).ramping) << "it is over";
}

TEST_F(BreakerRecoveryTest, AResetEndsTheRamp) {
  policy_.ramp = 10s;
  become_half_open();
  calls(2, kGood);
  ASSERT_TRUE(breaker().status(now_).ramping);
  breaker().reset(now_);
  calls(5, kGood);
}

TEST_F(BreakerRecoveryTest, ForcedOpenRefusesUntilReleasedOrItsTimeIsOver) {
  breaker().force_open(now_, std::nullopt);
  wait(24h);
  EXPECT_EQ(ask().error(), Refusal::kForced);
  EXPECT_EQ(breaker().retry_after(now_), std::nullopt);
  breaker().release(now_);
  EXPECT_EQ(state(), BreakerState::kClosed);
  breaker().force_open(now_, 10min);
  EXPECT_EQ(breaker().retry_after(now_), 10min);
  wait(10min);
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(because(), "forced_time_over");
}

TEST_F(BreakerRecoveryTest, DisabledPassesAllAndCountsNothing) {
  breaker().force_close(now_);
  calls(100, kBad);
  EXPECT_EQ(state(), BreakerState::kDisabled);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
  const auto pass = ask();
  breaker().release(now_);
  conclude(*pass, kBad);
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_EQ(breaker().status(now_).failures_in_a_row, 0u);
}

TEST_F(BreakerRecoveryTest, ReleaseMeansNothingToAStateThatNobodyForced) {
  trip();
  breaker().release(now_);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

TEST_F(BreakerRecoveryTest, ResetForgetsEverything) {
  policy_.ramp = 10s;
  become_half_open();
  call(kBad);
  wait(10s);
  ASSERT_EQ(state(), BreakerState::kHalfOpen);
  breaker().reset(now_);
  EXPECT_EQ(state(), BreakerState::kClosed);
  EXPECT_FALSE(breaker().status(now_).ramping);
  calls(3, kBad);
  EXPECT_EQ(breaker().retry_after(now_), 5s);
}

// 5.3 row Breaker: "reload keeps state; changed policy resets only what must".
TEST_F(BreakerRecoveryTest, AReloadKeepsWhatTheNewPolicyDoesNotContradict) {
  calls(2, kBad);
  config::CircuitBreaker other = policy_;
  other.failures_in_a_row = 4;
  other.failure_rate = 0.9;
  other.min_calls = 50;
  other.open.first = 7s;
  breaker().adopt(shared(other), now_);
  EXPECT_EQ(breaker().status(now_).failures_in_a_row, 2u);
  EXPECT_EQ(breaker().status(now_).window.calls, 2u);
  calls(2, kBad);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(breaker().retry_after(now_), 7s);
}

TEST_F(BreakerRecoveryTest, AnotherWindowBeginsEmptyButTheRunStays) {
  calls(2, kBad);
  config::CircuitBreaker other = policy_;
  other.window = 60s;
  breaker().adopt(shared(other), now_);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
  EXPECT_EQ(breaker().status(now_).failures_in_a_row, 2u);
  other.window_calls = 20;
  call(kGood);
  breaker().adopt(shared(other), now_);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
}

TEST_F(BreakerRecoveryTest, AnotherMeaningOfFailureForgetsWhatWasCounted) {
  calls(2, kBad);
  config::CircuitBreaker other = policy_;
  other.failure = {Verdict::kTimeout};
  breaker().adopt(shared(other), now_);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
  EXPECT_EQ(breaker().status(now_).failures_in_a_row, 0u);
}

TEST_F(BreakerRecoveryTest, AReloadKeepsAnOpenTimeUpToTheNewLongestAndTheProbesThatAreOut) {
  trip();
  config::CircuitBreaker other = policy_;
  other.open.max = 3s;
  breaker().adopt(shared(other), now_);
  EXPECT_EQ(state(), BreakerState::kOpen);
  EXPECT_EQ(breaker().retry_after(now_), 3s);
  wait(3s);
  const auto probe = ask();
  breaker().adopt(shared(policy_), now_);
  EXPECT_EQ(state(), BreakerState::kHalfOpen);
  EXPECT_EQ(ask().error(), Refusal::kProbing);
  conclude(*probe, kGood);
  EXPECT_EQ(breaker().status(now_).probes_passed, 1u);
}

TEST_F(BreakerRecoveryTest, TheWaitWhileProbesAreOutIsShort) {
  EXPECT_EQ(breaker().retry_after(now_), 0s) << "closed";
  become_half_open();
  EXPECT_EQ(breaker().retry_after(now_), 0s);
  ASSERT_TRUE(ask().has_value());
  EXPECT_EQ(breaker().retry_after(now_), 5s);
  wait(58s);
  EXPECT_EQ(breaker().retry_after(now_), 2s) << "until its lease runs out";
}

}  // namespace
}  // namespace outrigger::filters
