// The limit of calls at a time: what raises it, what lowers it, and what says nothing.
#include "filters/concurrency/aimd.h"

#include <gtest/gtest.h>

#include "tests/unit/filters/limit_policies.h"

namespace outrigger::filters {
namespace {

constexpr Load kOne{.requests = 1};

TimePoint at(Duration since) {
  return {1000s + since};
}

class AimdTest : public ::testing::Test {
 protected:
  AimdTest() { policies_.concurrency = at_a_time(10, 2, 12); }
  Aimd& aimd() {
    if (!aimd_) aimd_.emplace(policies_, at(0s));
    return *aimd_;
  }
  void take(std::uint32_t calls) {
    for (std::uint32_t i = 0; i < calls; ++i) ASSERT_TRUE(aimd().take(kOne, at(0s)));
  }
  void end(Verdict verdict, Duration started = 0s, Duration now = 1s, bool reached = true) {
    aimd().conclude({.taken = kOne, .started = at(started), .verdict = verdict, .reached = reached},
                    at(now));
  }
  std::uint32_t limit() { return *aimd().at_a_time(); }

  config::Policies policies_;
  std::optional<Aimd> aimd_;
};

TEST_F(AimdTest, LetsNoMorePassThanTheLimit) {
  take(10);
  EXPECT_FALSE(aimd().take(kOne, at(0s)));
  end(Verdict::kOk);
  EXPECT_TRUE(aimd().take(kOne, at(0s)));
}

TEST_F(AimdTest, RisesWithEachGoodCallUntilItFellForTheFirstTime) {
  policies_.concurrency = at_a_time(10, 2, 1000);
  take(10);
  for (int i = 0; i < 6; ++i) end(Verdict::kOk);
  EXPECT_EQ(limit(), 14u) << "the last ones found less than half of it in use";
  take(10);
  for (int i = 0; i < 8; ++i) end(Verdict::kOk);
  EXPECT_EQ(limit(), 19u);
}

TEST_F(AimdTest, ThenRisesByOneForALimitsWorthOfGoodCallsWhileHalfIsInUse) {
  take(1);
  end(Verdict::kThrottled);
  ASSERT_EQ(limit(), 7u);
  take(4);
  for (int i = 0; i < 6; ++i) {
    end(Verdict::kOk);
    take(1);
  }
  EXPECT_EQ(limit(), 7u);
  end(Verdict::kOk);
  EXPECT_EQ(limit(), 8u);
}

TEST_F(AimdTest, DoesNotRiseWhileLessThanHalfIsInUse) {
  for (int i = 0; i < 100; ++i) {
    take(4);
    for (int j = 0; j < 4; ++j) end(Verdict::kOk);
  }
  EXPECT_EQ(limit(), 10u);
}

TEST_F(AimdTest, StaysBetweenItsBounds) {
  for (int i = 0; i < 60; ++i) {
    take(limit());
    while (aimd().in_use() > 0) end(Verdict::kOk);
  }
  EXPECT_EQ(limit(), 12u);
  for (int i = 0; i < 20; ++i) {
    take(1);
    end(Verdict::kThrottled, std::chrono::seconds(100 + i), std::chrono::seconds(101 + i));
  }
  EXPECT_EQ(limit(), 2u);
}

TEST_F(AimdTest, FallsOnceForAllCallsOfATime) {
  take(10);
  for (int i = 0; i < 10; ++i) end(Verdict::kThrottled, 0s, 1s);
  EXPECT_EQ(limit(), 7u);
  take(2);
  end(Verdict::kThrottled, 1s, 2s);  // started when it had just fallen
  EXPECT_EQ(limit(), 7u);
  end(Verdict::kOverloaded, 1001ms, 2s);
  EXPECT_EQ(limit(), 4u);
}

TEST_F(AimdTest, FallsByAtLeastOne) {
  policies_.concurrency->decrease = 0.99;
  take(1);
  end(Verdict::kThrottled);
  EXPECT_EQ(limit(), 9u);
}

TEST_F(AimdTest, IsMovedByNothingElse) {
  for (const Verdict verdict :
       {Verdict::kCancelled, Verdict::kClientError, Verdict::kAuth, Verdict::kContentPolicy,
        Verdict::kTransient, Verdict::kTimeout, Verdict::kTruncated, Verdict::kRefusedUnsent,
        Verdict::kQuotaExhausted, Verdict::kInvalidResponse}) {
    for (int i = 0; i < 30; ++i) {
      take(10);
      for (int j = 0; j < 10; ++j) end(verdict, 5s, 6s);
    }
    EXPECT_EQ(limit(), 10u) << to_string(verdict);
  }
}

TEST_F(AimdTest, IsNotMovedByHowLongACallTakes) {
  policies_.concurrency = at_a_time(10, 2, 1000);
  Aimd quick(policies_, at(0s));
  Aimd slow(policies_, at(0s));
  for (Aimd* one : {&quick, &slow}) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(one->take(kOne, at(0s)));
    for (int i = 0; i < 10; ++i) {
      const Duration took = one == &slow ? Duration(24h) : Duration(1ms);
      one->conclude({.taken = kOne, .started = at(0s), .verdict = Verdict::kOk, .reached = true},
                    at(took));
    }
  }
  EXPECT_EQ(quick.at_a_time(), slow.at_a_time());
}

TEST_F(AimdTest, WhatNeverReachedTheUpstreamSaysNothing) {
  for (int i = 0; i < 30; ++i) {
    take(1);
    end(Verdict::kThrottled, 5s, 6s, false);
  }
  EXPECT_EQ(limit(), 10u);
  EXPECT_EQ(aimd().in_use(), 0u);
}

TEST_F(AimdTest, EveryVerdictGivesItsSlotBack) {
  for (std::size_t verdict = 0; verdict < kVerdictNames.size(); ++verdict) {
    take(1);
    end(static_cast<Verdict>(verdict));
    EXPECT_EQ(aimd().in_use(), 0u);
    EXPECT_TRUE(aimd().idle(at(0s)));
  }
}

TEST_F(AimdTest, AFixedLimitIsFixed) {
  policies_.concurrency = at_a_time(4, 4, 4);
  take(4);
  for (int i = 0; i < 4; ++i) end(i % 2 == 0 ? Verdict::kThrottled : Verdict::kOk);
  for (int i = 0; i < 100; ++i) {
    take(4);
    for (int j = 0; j < 4; ++j) end(Verdict::kOk, 5s, 6s);
  }
  EXPECT_EQ(limit(), 4u);
}

TEST_F(AimdTest, KeepsItsLimitInTheBoundsOfANewPolicy) {
  take(8);
  policies_.concurrency->max = 5;
  aimd().adopt(policies_, at(0s));
  EXPECT_EQ(limit(), 5u);
  EXPECT_EQ(aimd().in_use(), 8u);
  EXPECT_FALSE(aimd().take(kOne, at(0s)));
  policies_.concurrency->max = 50;
  aimd().adopt(policies_, at(0s));
  EXPECT_EQ(limit(), 5u);
}

TEST_F(AimdTest, KnowsHowLongAWaitWillBeOnceCallsHaveEnded) {
  policies_.concurrency = at_a_time(10, 10, 10);
  take(10);
  EXPECT_EQ(aimd().wait({}, kOne, at(0s)), std::nullopt);
  for (int i = 1; i <= 10; ++i) {
    end(Verdict::kOk, 0s, i * 2s);
    take(1);
  }
  EXPECT_EQ(aimd().wait({}, kOne, at(20s)), 2s);
  EXPECT_EQ(aimd().wait({.requests = 4}, kOne, at(20s)), 10s);
  end(Verdict::kOk, 0s, 22s);
  EXPECT_EQ(aimd().wait({}, kOne, at(22s)), 0s);
}

}  // namespace
}  // namespace outrigger::filters
