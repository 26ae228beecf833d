#include "filters/retry/budget.h"

#include <deque>

#include <gtest/gtest.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

TimePoint at(Duration since) {
  return TimePoint{1000s + since};
}

// resilience 1.3, 3 item 10.
TEST(RetryBudget, AFewAreFreeInEachWindow) {
  RetryAccount account(10s);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(account.spend(5, 3, at(0s)));
  EXPECT_FALSE(account.can_spend(1, 3, at(0s)));
  EXPECT_FALSE(account.spend(1, 3, at(9s)));
  EXPECT_TRUE(account.spend(1, 3, at(10s))) << "the window has passed";
}

TEST(RetryBudget, RequestsEarnAndRetriesCost) {
  RetryAccount account(10s);
  for (int i = 0; i < 10; ++i) account.earn(0.2, at(0s));
  EXPECT_TRUE(account.spend(1, 0, at(1s)));
  EXPECT_TRUE(account.spend(1, 0, at(1s)));
  EXPECT_FALSE(account.spend(1, 0, at(1s)));
  for (int i = 0; i < 24; ++i) account.earn(0.2, at(2s));
  EXPECT_FALSE(account.spend(5, 0, at(2s)));
  account.earn(0.2, at(2s));
  EXPECT_TRUE(account.spend(5, 0, at(2s))) << "a time-out costs five";
  EXPECT_FALSE(account.can_spend(1, 0, at(2s))) << "all five";
}

TEST(RetryBudget, NearlyEnoughIsNotEnough) {
  RetryAccount account(10s);
  for (int i = 0; i < 3; ++i) account.earn(0.333, at(0s));
  EXPECT_FALSE(account.can_spend(1, 0, at(0s)));
  account.earn(0.001, at(0s));
  EXPECT_TRUE(account.can_spend(1, 0, at(0s)));
}

TEST(RetryBudget, WhatWasEarnedExpires) {
  RetryAccount account(10s);
  for (int i = 0; i < 100; ++i) account.earn(0.2, at(0s));
  EXPECT_TRUE(account.can_spend(20, 0, at(9s)));
  EXPECT_FALSE(account.can_spend(1, 0, at(10s)));
  EXPECT_FALSE(account.can_spend(1, 0, at(10000h)));
}

TEST(RetryBudget, AClientsOwnRetryTakesWhatThereIs) {
  RetryAccount account(10s);
  for (int i = 0; i < 5; ++i) account.earn(0.2, at(0s));
  account.charge(2, at(0s));
  EXPECT_FALSE(account.can_spend(1, 0, at(0s)));
  for (int i = 0; i < 5; ++i) account.earn(0.2, at(0s));
  EXPECT_TRUE(account.can_spend(1, 0, at(0s))) << "it makes no debt";
  for (int i = 0; i < 10; ++i) account.earn(0.2, at(0s));
  account.charge(2, at(0s));
  EXPECT_TRUE(account.can_spend(1, 0, at(0s)));
  EXPECT_FALSE(account.can_spend(2, 0, at(0s))) << "and it costs what it costs";
}

TEST(RetryBudget, TimeThatGoesBackIsTheNewestTime) {
  RetryAccount account(10s);
  account.earn(1, at(5s));
  EXPECT_TRUE(account.spend(1, 0, at(1s)));
  EXPECT_FALSE(account.spend(1, 0, at(5s)));
}

TEST(RetryBudget, CostsOneWhereNothingIsSaid) {
  const config::RetryBudget policy;
  EXPECT_EQ(retry_cost(policy, Verdict::kThrottled), 1u);
  EXPECT_EQ(retry_cost(policy, Verdict::kTransient), 2u);
  EXPECT_EQ(retry_cost(policy, Verdict::kTimeout), 5u);
  EXPECT_EQ(retry_cost(policy, Verdict::kTruncated), 1u);
}

// Whenever a retry goes through, those of the window before it are no more than the floor and what
// the window's requests have earned.
TEST(RetryBudget, NoRetryGoesBeyondFloorAndShare) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    RetryAccount account(10s);
    std::deque<Duration> requests, retries;
    Duration now{0};
    for (int i = 0; i < 3000; ++i) {
      now += Duration(static_cast<std::int64_t>(random.below(200)) * 1ms);
      if (random.below(3) == 0) {
        account.earn(0.2, at(now));
        requests.push_back(now);
        continue;
      }
      if (!account.spend(1, 3, at(now))) continue;
      retries.push_back(now);
      while (!requests.empty() && requests.front() <= now - 10s) requests.pop_front();
      while (!retries.empty() && retries.front() <= now - 9s) retries.pop_front();
      EXPECT_LE(static_cast<double>(retries.size()),
                3 + 0.2 * static_cast<double>(requests.size()) + 1e-9)
          << "seed " << seed;
    }
  }
}

TEST(SharedBudgets, OneUpstreamHasOneAccount) {
  SharedBudgets budgets;
  config::RetryBudget policy;
  policy.floor = 1;
  SharedBudget& one = budgets.of("openai", policy);
  EXPECT_EQ(&one, &budgets.of("openai", policy)) << "a reload finds it again";
  EXPECT_NE(&one, &budgets.of("erp", policy));
  EXPECT_TRUE(one.spend(policy, Verdict::kTimeout, at(0s)));
  EXPECT_FALSE(one.spend(policy, Verdict::kThrottled, at(0s)));
  for (int i = 0; i < 5; ++i) one.earn(policy, at(0s));
  EXPECT_TRUE(one.can_spend(policy, Verdict::kThrottled, at(0s)));
  one.charge(policy, Verdict::kThrottled, at(0s));
  EXPECT_FALSE(one.can_spend(policy, Verdict::kThrottled, at(0s)));
}

}  // namespace
}  // namespace outrigger::filters
