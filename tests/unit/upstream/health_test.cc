#include "proxy/upstream/health.h"

#include <gtest/gtest.h>

namespace outrigger::upstream {
namespace {

TimePoint at(Duration d) {
  return TimePoint{d};
}

config::PassiveHealth passive() {
  config::PassiveHealth policy;
  policy.connect_failures = 3;
  policy.eject = 10s;
  policy.max_eject = 35s;
  return policy;
}

TEST(PassiveEjection, SetsAnEndpointAsideAfterFailuresInARow) {
  PassiveEjection endpoint(passive());
  EXPECT_FALSE(endpoint.on_failure(at(0s)));
  EXPECT_FALSE(endpoint.on_failure(at(1s)));
  EXPECT_FALSE(endpoint.ejected(at(1s)));
  EXPECT_TRUE(endpoint.on_failure(at(2s)));
  EXPECT_TRUE(endpoint.ejected(at(2s)));
  EXPECT_TRUE(endpoint.ejected(at(11s)));
  EXPECT_FALSE(endpoint.ejected(at(12s)));
}

TEST(PassiveEjection, ForgetsFailuresAfterASuccess) {
  PassiveEjection endpoint(passive());
  endpoint.on_failure(at(0s));
  endpoint.on_failure(at(0s));
  endpoint.on_success();
  endpoint.on_failure(at(1s));
  EXPECT_FALSE(endpoint.on_failure(at(1s)));
  EXPECT_FALSE(endpoint.ejected(at(1s)));
}

TEST(PassiveEjection, DoublesTheTimeForEachFailedTrialUpToTheMaximum) {
  PassiveEjection endpoint(passive());
  TimePoint now = at(0s);
  for (int i = 0; i < 3; ++i) endpoint.on_failure(now);
  for (const Duration length : {10s, 20s, 35s, 35s}) {
    EXPECT_TRUE(endpoint.ejected(now + (length - 1ms)));
    EXPECT_FALSE(endpoint.ejected(now + length));
    now = now + length;
    EXPECT_TRUE(endpoint.on_failure(now)) << "one failure on trial is enough";
  }
}

TEST(PassiveEjection, CountsNothingWhileSetAside) {
  PassiveEjection endpoint(passive());
  for (int i = 0; i < 3; ++i) endpoint.on_failure(at(0s));
  EXPECT_FALSE(endpoint.on_failure(at(1s)));
  EXPECT_FALSE(endpoint.ejected(at(10s)));
}

TEST(PassiveEjection, DoesNothingWithoutAPolicy) {
  PassiveEjection endpoint(std::nullopt);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(endpoint.on_failure(at(0s)));
  EXPECT_FALSE(endpoint.ejected(at(0s)));
}

TEST(ProbeTally, ChangesItsMindOnlyAfterResultsInARow) {
  config::ActiveHealth policy;
  policy.healthy_after = 2;
  policy.unhealthy_after = 3;
  ProbeTally tally(policy);
  using Change = ProbeTally::Change;
  struct Step {
    bool good;
    Change change;
    bool up;
  };
  const Step steps[] = {
      {false, Change::kNone, true},  {false, Change::kNone, true}, {true, Change::kNone, true},
      {false, Change::kNone, true},  {false, Change::kNone, true}, {false, Change::kDown, false},
      {false, Change::kNone, false}, {true, Change::kNone, false}, {false, Change::kNone, false},
      {true, Change::kNone, false},  {true, Change::kUp, true},    {true, Change::kNone, true},
  };
  int n = 0;
  for (const Step& step : steps) {
    EXPECT_EQ(tally.on_result(step.good), step.change) << "step " << n;
    EXPECT_EQ(tally.up(), step.up) << "step " << n;
    ++n;
  }
}

}  // namespace
}  // namespace outrigger::upstream
