// One allowance over time: rates, bursts, debts, what a provider says, and windows.
#include "filters/rate_limit/allowance.h"

#include <gtest/gtest.h>

#include "filters/rate_limit/allowances.h"
#include "tests/unit/filters/limit_policies.h"

namespace outrigger::filters {
namespace {

constexpr config::Rate kSixtyAMinute{60, 60s};

TimePoint at(Duration since) {
  return {1000s + since};
}
Allowance configured(const config::Rate& rate = kSixtyAMinute, Duration burst = 2s) {
  Allowance one;
  one.configure(rate, burst, at(0s));
  return one;
}

TEST(Allowance, LimitsNothingUntilItIsTold) {
  Allowance one;
  EXPECT_FALSE(one.limits());
  EXPECT_TRUE(one.has(1e9, at(0s)));
  one.take(1e9, at(0s));
  EXPECT_EQ(one.wait(5, 5, at(0s)), 0s);
}

TEST(Allowance, GivesItsBurstAtOnceAndThenItsRate) {
  Allowance one = configured();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(one.has(1, at(0s)));
    one.take(1, at(0s));
  }
  EXPECT_FALSE(one.has(1, at(0s)));
  EXPECT_EQ(one.wait(0, 1, at(0s)), 1s);
  EXPECT_EQ(one.wait(3, 1, at(0s)), 4s);
  EXPECT_FALSE(one.has(1, at(999ms)));
  EXPECT_TRUE(one.has(1, at(1s)));
}

TEST(Allowance, NeverHoldsMoreThanItsBurst) {
  Allowance one = configured();
  EXPECT_DOUBLE_EQ(one.level(at(1h)), 2);
  one.give_back(50, at(1h));
  EXPECT_DOUBLE_EQ(one.level(at(1h)), 2);
}

TEST(Allowance, AlwaysLetsOneRequestPassHoweverSmallTheBurst) {
  Allowance one = configured({1, 60s}, 0s);
  EXPECT_TRUE(one.has(1, at(0s)));
  one.take(1, at(0s));
  EXPECT_EQ(one.wait(0, 1, at(0s)), 60s);
}

TEST(Allowance, WhatIsLargerThanTheBurstGoesWhenAllIsThereAndIsPaidForLater) {
  Allowance one = configured({600, 60s});  // 20 at once
  EXPECT_TRUE(one.has(100, at(0s)));
  one.take(100, at(0s));
  EXPECT_DOUBLE_EQ(one.level(at(0s)), -80);
  EXPECT_EQ(one.wait(0, 100, at(0s)), 16s);
  EXPECT_FALSE(one.has(100, at(15900ms)));
  EXPECT_TRUE(one.has(100, at(16s)));
}

TEST(Allowance, ADebtIsPaidWithHalfOfWhatComesInAndTheOtherHalfIsForSmallOnes) {
  Allowance one = configured({600, 60s});  // 10 a second
  one.take(100, at(0s));                   // 80 more than there are
  EXPECT_EQ(one.wait(0, 10, at(0s)), 2s);
  for (int i = 1; i <= 8; ++i) {
    EXPECT_FALSE(one.has(10, at(i * 2s - 1ms))) << i;
    ASSERT_TRUE(one.has(10, at(i * 2s))) << i;
    one.take(10, at(i * 2s));
  }
  EXPECT_NEAR(one.level(at(16s)), 0, 1e-9);  // 180 were taken: 20, and 10 a second
  EXPECT_EQ(one.wait(0, 10, at(16s)), 1s);
}

TEST(Allowance, WhatIsOwedIsPaidFirstByWhatIsGivenBack) {
  Allowance one = configured({600, 60s});
  one.take(100, at(0s));
  one.give_back(90, at(0s));
  EXPECT_DOUBLE_EQ(one.level(at(0s)), 10);
  EXPECT_TRUE(one.has(10, at(0s)));
}

TEST(Allowance, AClockThatWasReadEarlierTakesNothingAway) {
  Allowance one = configured();
  one.take(2, at(5s));
  EXPECT_FALSE(one.has(1, at(4s)));
  EXPECT_DOUBLE_EQ(one.level(at(4s)), 0);
}

TEST(Allowance, KeepsWhatWasTakenWhenItsRateChanges) {
  Allowance one = configured();
  one.take(2, at(0s));
  one.configure({120, 60s}, 2s, at(0s));
  EXPECT_DOUBLE_EQ(one.level(at(0s)), 0);
  EXPECT_EQ(one.wait(0, 1, at(0s)), 500ms);
  Allowance full = configured();
  full.configure({120, 60s}, 2s, at(0s));
  EXPECT_DOUBLE_EQ(full.level(at(0s)), 4);
}

// ---- what a provider says ----

struct Said {
  const char* what;
  Quota quota;
  double level;       // then
  double per_second;  // that comes in
};

TEST(Allowance, LearnsARateFromWhatAProviderSays) {
  const Said table[] = {
      {"OpenAI: 1 of 60 used, back in a second",
       {.limit = 60, .remaining = 59, .reset = 1s, .precise = true},
       59,
       1},
      {"OpenAI: a few tokens of many",
       {.limit = 150000, .remaining = 149984, .reset = 6ms, .precise = true},
       149984,
       2500},
      {"Groq: requests of a day",
       {.limit = 14400, .remaining = 14370, .reset = 180s, .precise = true},
       14370,
       14400.0 / 86400},
      {"Anthropic: rounded to seconds, too short to tell, so of a minute",
       {.limit = 50, .remaining = 49, .reset = 1s},
       49,
       50.0 / 60},
      {"Anthropic: rounded, but long enough",
       {.limit = 50, .remaining = 10, .reset = 48s},
       10,
       50.0 / 60},
      {"nothing but a limit", {.limit = 600}, 600, 10},
      {"nothing but what remains", {.remaining = 30}, 30, 0.5},
      {"Mistral: the name says it", {.limit = 5, .remaining = 4, .period = 1s}, 4, 5},
      {"all of it is there", {.limit = 60, .remaining = 60, .reset = 0s, .precise = true}, 60, 1},
      {"none is left", {.limit = 60, .remaining = 0, .reset = 60s, .precise = true}, 0, 1},
  };
  for (const Said& row : table) {
    Allowance one;
    one.learn(row.quota, 0, at(0s));
    EXPECT_TRUE(one.learnt()) << row.what;
    EXPECT_DOUBLE_EQ(one.level(at(0s)), row.level) << row.what;
    one.take(row.level, at(0s));
    EXPECT_NEAR(one.level(at(1s)), row.per_second, row.per_second * 1e-6) << row.what;
  }
}

TEST(Allowance, BelievesNothingThatMakesNoSense) {
  for (const Quota& quota : {Quota{}, Quota{.reset = 5s}, Quota{.limit = 0, .remaining = 0}}) {
    Allowance one;
    one.learn(quota, 0, at(0s));
    EXPECT_FALSE(one.limits());
  }
}

TEST(Allowance, CorrectsWhatIsLeftInBothDirections) {
  Allowance one;
  one.learn({.limit = 60, .remaining = 50}, 0, at(0s));
  one.take(20, at(0s));
  one.learn({.limit = 60, .remaining = 10}, 0, at(0s));  // somebody else uses the key, too
  EXPECT_DOUBLE_EQ(one.level(at(0s)), 10);
  one.learn({.limit = 60, .remaining = 40}, 0, at(0s));  // estimates were too high
  EXPECT_DOUBLE_EQ(one.level(at(0s)), 40);
}

TEST(Allowance, DoesNotTakeForFreeWhatIsOnItsWay) {
  Allowance one;
  one.learn({.limit = 60, .remaining = 50}, 0, at(0s));
  one.take(20, at(0s));  // none of which the provider has seen
  one.learn({.limit = 60, .remaining = 49}, 20, at(0s));
  EXPECT_DOUBLE_EQ(one.level(at(0s)), 30);
}

TEST(Allowance, AConfiguredRateIsOnlyEverLoweredByHeaders) {
  Allowance one = configured();
  one.take(2, at(0s));
  one.learn({.limit = 6000, .remaining = 5900}, 0, at(0s));
  EXPECT_DOUBLE_EQ(one.level(at(0s)), 0);
  EXPECT_DOUBLE_EQ(one.capacity(), 2);
  one.learn({.limit = 6000, .remaining = 0}, 0, at(2s));
  EXPECT_DOUBLE_EQ(one.level(at(2s)), 0);
}

TEST(Allowance, OfAWindowAllIsThereAtItsEndAndNothingBefore) {
  Allowance one;
  one.learn({.limit = 100, .remaining = 1, .reset = 30s, .window = true}, 0, at(0s));
  one.take(1, at(0s));
  EXPECT_EQ(one.wait(0, 1, at(10s)), 20s);
  EXPECT_FALSE(one.has(1, at(29s)));
  EXPECT_TRUE(one.has(100, at(30s)));
}

TEST(Allowance, LooksWindowsAheadWhenOneIsNotEnough) {
  Allowance one;
  one.learn({.limit = 10, .remaining = 0, .reset = 60s, .window = true}, 0, at(0s));
  EXPECT_EQ(one.wait(9, 1, at(0s)), 60s);
  EXPECT_EQ(one.wait(10, 1, at(0s)), 120s);
}

TEST(Allowance, ForgetsWhatNobodyConfirms) {
  Allowance one;
  one.learn({.limit = 60, .remaining = 0}, 0, at(0s));
  one.forget_stale(at(Allowance::kLearntFor - 1s));
  EXPECT_TRUE(one.limits());
  one.forget_stale(at(Allowance::kLearntFor));
  EXPECT_FALSE(one.limits());
  Allowance kept = configured();
  kept.forget_stale(at(24h));
  EXPECT_TRUE(kept.limits());
}

TEST(Allowance, MayBeMadeAnewWhenThatGivesNothingAway) {
  Allowance none;
  EXPECT_TRUE(none.untouched(at(0s)));
  Allowance one = configured();
  EXPECT_TRUE(one.untouched(at(0s)));
  one.take(1, at(0s));
  EXPECT_FALSE(one.untouched(at(0s)));
  Allowance learnt;
  learnt.learn({.limit = 60, .remaining = 0, .reset = 60s, .window = true}, 0, at(0s));
  EXPECT_FALSE(learnt.untouched(at(59s))) << "the provider would refuse";
  EXPECT_TRUE(learnt.untouched(at(60s)));
  learnt.take(1, at(61s));
  EXPECT_TRUE(learnt.untouched(at(24h))) << "nobody speaks of it any more";
}

// ---- requests and tokens together ----

config::Policies policies(std::optional<config::Rate> requests,
                          std::optional<config::Rate> tokens) {
  config::Policies all;
  all.rate_limit = rates(requests, tokens, 60s);
  return all;
}

constexpr Load kCall{.requests = 1, .prompt_tokens = 100, .answer_tokens = 400};

struct Settled {
  const char* what;
  LimitEnding ending;
  double requests;  // left of 10
  double tokens;    // left of 1000
};

TEST(Allowances, SettlesWhatWasReservedByWhatBecameOfTheCall) {
  const auto ends = [](Verdict verdict, bool reached, std::optional<TokenUsage> used = {}) {
    return LimitEnding{
        .taken = kCall, .started = at(0s), .verdict = verdict, .reached = reached, .used = used};
  };
  LimitEnding hedged = ends(Verdict::kOk, true, TokenUsage{100, 50});
  hedged.more_sent = 1;
  const Settled table[] = {
      {"used less", ends(Verdict::kOk, true, TokenUsage{90, 30}), 9, 880},
      {"used more", ends(Verdict::kOk, true, TokenUsage{300, 600}), 9, 100},
      {"does not say", ends(Verdict::kOk, true), 9, 900},
      {"was cut", ends(Verdict::kTruncated, true), 9, 900},
      {"nobody waited for it", ends(Verdict::kCancelled, true), 9, 900},
      {"was throttled", ends(Verdict::kThrottled, true), 9, 1000},
      {"was wrong", ends(Verdict::kClientError, true), 9, 1000},
      {"never got there", ends(Verdict::kRefusedUnsent, false), 10, 1000},
      {"was stopped on its way", ends(Verdict::kCancelled, false), 10, 1000},
      {"was sent twice", hedged, 8, 850},
  };
  for (const Settled& row : table) {
    Allowances all(policies(config::Rate{10, 60s}, config::Rate{1000, 60s}), at(0s));
    ASSERT_TRUE(all.take(kCall, at(0s)));
    EXPECT_DOUBLE_EQ(all.of(Counted::kTokens).level(at(0s)), 500) << row.what;
    EXPECT_FALSE(all.idle(at(1h))) << row.what;
    all.conclude(row.ending, at(0s));
    EXPECT_DOUBLE_EQ(all.of(Counted::kRequests).level(at(0s)), row.requests) << row.what;
    EXPECT_DOUBLE_EQ(all.of(Counted::kTokens).level(at(0s)), row.tokens) << row.what;
    EXPECT_TRUE(all.idle(at(1h))) << row.what;
  }
}

TEST(Allowances, TakesNothingUnlessAllIsThere) {
  Allowances all(policies(config::Rate{10, 60s}, config::Rate{1000, 60s}), at(0s));
  ASSERT_TRUE(all.take(kCall, at(0s)));
  ASSERT_TRUE(all.take(kCall, at(0s)));
  EXPECT_FALSE(all.take(kCall, at(0s)));
  EXPECT_DOUBLE_EQ(all.of(Counted::kRequests).level(at(0s)), 8);
  EXPECT_EQ(all.wait({}, kCall, at(0s)), 30s);  // 500 tokens
  EXPECT_DOUBLE_EQ(all.cost(kCall), 30);
}

TEST(Allowances, WhatALateAnswerSaysOfThePastIsPassedOver) {
  Allowances all(policies({}, {}), at(0s));
  LimitNews news;
  const auto hear = [&](double remaining, TimePoint started) {
    news.quotas[0] = {.limit = 60, .remaining = remaining};
    all.learn(news, {}, started, at(30s));
  };
  hear(20, at(10s));
  hear(55, at(1s));  // slow: it was counted long ago
  EXPECT_DOUBLE_EQ(all.of(Counted::kRequests).level(at(30s)), 20);
  hear(25, at(11s));
  EXPECT_DOUBLE_EQ(all.of(Counted::kRequests).level(at(30s)), 25);
}

TEST(Allowances, CountsInputAndOutputApartWhereTheProviderDoes) {
  Allowances all(policies({}, {}), at(0s));
  LimitNews news;
  news.quotas[static_cast<std::size_t>(Counted::kInputTokens)] = {.limit = 1000, .remaining = 150};
  news.quotas[static_cast<std::size_t>(Counted::kOutputTokens)] = {.limit = 2000, .remaining = 900};
  all.learn(news, {}, at(0s), at(0s));
  EXPECT_TRUE(all.take(kCall, at(0s)));
  EXPECT_FALSE(all.take(kCall, at(0s)));
  EXPECT_DOUBLE_EQ(all.of(Counted::kInputTokens).level(at(0s)), 50);
  EXPECT_DOUBLE_EQ(all.of(Counted::kOutputTokens).level(at(0s)), 500);
}

}  // namespace
}  // namespace outrigger::filters
