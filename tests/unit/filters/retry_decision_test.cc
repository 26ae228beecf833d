#include "filters/retry/decision.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

using config::Replay;

// A transient failure of a safe call, first try of three, one second of back-off.
AttemptFacts failure() {
  AttemptFacts facts;
  facts.verdict = Verdict::kTransient;
  facts.phase = Phase::kAnswered;
  facts.replay = Replay::kSafe;
  facts.backoff = 1s;
  return facts;
}

// What failed was the key's own, and another one is there.
TEST(RetryDecision, AnotherKeyIsTakenAtOnce) {
  struct Row {
    std::string_view what;
    Verdict verdict;
    std::function<void(AttemptFacts&)> set;
    Stop stop;
  };
  const auto nothing = [](AttemptFacts&) {};
  const Row kRows[] = {
      {"throttled", Verdict::kThrottled, nothing, Stop::kNone},
      {"refused, though no `if` names it", Verdict::kAuth, nothing, Stop::kNone},
      {"out of money", Verdict::kQuotaExhausted, nothing, Stop::kNone},
      {"the hint is of the other key", Verdict::kThrottled, [](AttemptFacts& f) { f.hint = 1h; },
       Stop::kNone},
      {"and so is its word", Verdict::kThrottled, [](AttemptFacts& f) { f.upstream_word = false; },
       Stop::kNone},
      {"a write: nothing was done", Verdict::kAuth,
       [](AttemptFacts& f) { f.replay = Replay::kUnsent; }, Stop::kNone},
      {"never is never", Verdict::kAuth, [](AttemptFacts& f) { f.replay = Replay::kNever; },
       Stop::kUnsafe},
      {"it counts", Verdict::kAuth, [](AttemptFacts& f) { f.tries = 3; }, Stop::kMaxAttempts},
      {"it is paid for", Verdict::kAuth, [](AttemptFacts& f) { f.budget_left = false; },
       Stop::kBudget},
      {"the body is gone", Verdict::kAuth, [](AttemptFacts& f) { f.body_replayable = false; },
       Stop::kNotReplayable},
      {"the time is over", Verdict::kAuth, [](AttemptFacts& f) { f.left = 0s; }, Stop::kDeadline},
      {"nobody waits", Verdict::kAuth, [](AttemptFacts& f) { f.cancelled = true; },
       Stop::kCancelled},
  };
  for (const Row& row : kRows) {
    AttemptFacts facts = failure();
    facts.verdict = row.verdict;
    facts.another_key = true;
    row.set(facts);
    const Decision decision = decide(facts, config::Retry{});
    EXPECT_EQ(decision.stop, row.stop) << row.what;
    EXPECT_EQ(decision.again, row.stop == Stop::kNone) << row.what;
    EXPECT_EQ(decision.wait, 0s) << row.what;
  }
  config::Retry narrow;
  narrow.on_verdicts = {Verdict::kTransient};
  AttemptFacts facts = failure();
  facts.verdict = Verdict::kThrottled;
  facts.another_key = true;
  EXPECT_EQ(decide(facts, narrow).stop, Stop::kVerdict) << "what the policy leaves out stays so";
}

TEST(RetryDecision, FollowsItsTable) {
  struct Row {
    std::string_view what;
    std::function<void(AttemptFacts&)> set;
    Stop stop;
    Duration wait{0};
    std::optional<Duration> come_back = {};
  };
  const Row kRows[] = {
      {"repeats after the back-off", [](AttemptFacts&) {}, Stop::kNone, 1s},
      {"a success is kept", [](AttemptFacts& f) { f.verdict = Verdict::kOk; }, Stop::kOk},
      {"not in `if`", [](AttemptFacts& f) { f.verdict = Verdict::kClientError; }, Stop::kVerdict},
      // resilience 1.2: x-should-retry overrides
      {"the upstream says no", [](AttemptFacts& f) { f.upstream_word = false; },
       Stop::kUpstreamSaidNo},
      {"its yes adds a verdict",
       [](AttemptFacts& f) { f.verdict = Verdict::kTruncated, f.upstream_word = true; },
       Stop::kNone, 1s},
      {"but never one that is final",
       [](AttemptFacts& f) { f.verdict = Verdict::kClientError, f.upstream_word = true; },
       Stop::kVerdict},
      {"and never what is unsafe",
       [](AttemptFacts& f) { f.replay = Replay::kUnsent, f.upstream_word = true; }, Stop::kUnsafe},
      {"max_attempts counts the first", [](AttemptFacts& f) { f.tries = 3; }, Stop::kMaxAttempts},
      {"one before the last", [](AttemptFacts& f) { f.tries = 2; }, Stop::kNone, 1s},
      {"the body is gone", [](AttemptFacts& f) { f.body_replayable = false; },
       Stop::kNotReplayable},
      {"maybe executed",
       [](AttemptFacts& f) { f.replay = Replay::kUnsent, f.phase = Phase::kFullyWritten; },
       Stop::kUnsafe},
      // resilience 3, items 6 and 7
      {"a hint is slept through", [](AttemptFacts& f) { f.hint = 20s; }, Stop::kNone, 20s},
      {"spread, never earlier", [](AttemptFacts& f) { f.hint = 20s, f.extra = 2s; }, Stop::kNone,
       22s},
      {"a short hint does not shorten the back-off", [](AttemptFacts& f) { f.hint = 10ms; },
       Stop::kNone, 1s},
      {"as long as max_wait", [](AttemptFacts& f) { f.hint = 60s; }, Stop::kNone, 60s},
      {"longer than max_wait", [](AttemptFacts& f) { f.hint = 60s + 1ns; }, Stop::kHintTooLong, 0s,
       60s + 1ns},
      {"a month", [](AttemptFacts& f) { f.hint = 24h * 30; }, Stop::kHintTooLong, 0s, 24h * 30},
      {"past the deadline", [](AttemptFacts& f) { f.hint = 20s, f.left = 19s; }, Stop::kDeadline,
       0s, 20s},
      {"at the deadline", [](AttemptFacts& f) { f.left = 1s; }, Stop::kDeadline, 0s, 1s},
      {"just before it", [](AttemptFacts& f) { f.left = 1s + 1ns; }, Stop::kNone, 1s},
      {"no spread where there is no time",
       [](AttemptFacts& f) { f.hint = 20s, f.extra = 2s, f.left = 21s; }, Stop::kNone, 20s},
      {"nor where its end is the deadline",
       [](AttemptFacts& f) { f.hint = 20s, f.extra = 2s, f.left = 22s; }, Stop::kNone, 20s},
      {"the budget comes last", [](AttemptFacts& f) { f.budget_left = false; }, Stop::kBudget, 0s,
       1s},
      {"a budget is not asked in vain", [](AttemptFacts& f) { f.budget_left = false, f.tries = 3; },
       Stop::kMaxAttempts},
      {"a breaker refused", [](AttemptFacts& f) { f.circuit_open = true; }, Stop::kCircuitOpen},
      {"a limit of ours refused", [](AttemptFacts& f) { f.limited = true; }, Stop::kLimited},
      {"nobody waits", [](AttemptFacts& f) { f.cancelled = true, f.left = 1s; }, Stop::kCancelled},
      {"its client was lost with it, on HTTP/1 before its leaving is seen",
       [](AttemptFacts& f) { f.verdict = Verdict::kCancelled; }, Stop::kCancelled},
      {"the deadline has passed", [](AttemptFacts& f) { f.cancelled = true, f.left = 0s; },
       Stop::kDeadline},
      {"a quota is told, not waited for",
       [](AttemptFacts& f) { f.verdict = Verdict::kQuotaExhausted, f.hint = 5s; }, Stop::kVerdict,
       0s, 5s},
  };
  const config::Retry policy;
  for (const Row& row : kRows) {
    AttemptFacts facts = failure();
    row.set(facts);
    const Decision decision = decide(facts, policy);
    EXPECT_EQ(decision.stop, row.stop) << row.what << ": " << decision.reason();
    EXPECT_EQ(decision.again, row.stop == Stop::kNone) << row.what;
    EXPECT_EQ(decision.wait, row.wait) << row.what;
    EXPECT_EQ(decision.come_back, row.come_back) << row.what;
    EXPECT_FALSE(decision.probe_first) << row.what;
  }
}

TEST(RetryDecision, AsksFirstWhereAnOutcomeIsUnknown) {
  AttemptFacts facts = failure();
  facts.replay = Replay::kVerify;
  facts.phase = Phase::kFullyWritten;
  EXPECT_TRUE(decide(facts, {}).probe_first);
  facts.phase = Phase::kNothingAccepted;
  EXPECT_TRUE(decide(facts, {}).again);
  EXPECT_FALSE(decide(facts, {}).probe_first);
}

TEST(RetryDecision, RepeatsNothingInTheDarkWhereItCannotAsk) {
  AttemptFacts facts = failure();
  facts.replay = Replay::kVerify;
  facts.can_probe = false;
  facts.phase = Phase::kFullyWritten;
  EXPECT_EQ(decide(facts, {}).stop, Stop::kUnsafe);
  facts.phase = Phase::kNothingAccepted;
  EXPECT_TRUE(decide(facts, {}).again);
}

TEST(RetryDecision, LeavesHintsAloneWhereTheyAreNotHonoured) {
  config::Retry policy;
  policy.hints.honour = false;
  AttemptFacts facts = failure();
  facts.hint = 1h;
  EXPECT_TRUE(decide(facts, policy).again);
  EXPECT_EQ(decide(facts, policy).wait, 1s);
}

// The invariants of resilience 5.4, over whatever facts there may be.
TEST(RetryDecision, KeepsItsInvariants) {
  Random random(11);
  const auto flip = [&] { return random.below(2) == 0; };
  const auto time = [&] {
    return Duration(static_cast<std::int64_t>(random.below(120'000)) * 1ms);
  };
  std::set<Stop> seen;
  for (int i = 0; i < 200'000; ++i) {
    AttemptFacts facts;
    facts.verdict = static_cast<Verdict>(random.below(kVerdictNames.size()));
    facts.phase = static_cast<Phase>(random.below(6));
    facts.replay = static_cast<Replay>(random.below(5));
    facts.tries = static_cast<std::uint32_t>(1 + random.below(4));
    facts.cancelled = random.below(8) == 0;
    facts.circuit_open = random.below(8) == 0;
    facts.limited = random.below(8) == 0;
    facts.body_replayable = flip();
    facts.can_probe = flip();
    facts.budget_left = flip();
    if (random.below(3) == 0) facts.upstream_word = flip();
    if (flip()) facts.hint = time();
    if (flip()) facts.left = time();
    facts.backoff = time() / 10;
    facts.extra = time() / 20;
    config::Retry policy;
    policy.hints.honour = flip();
    const Decision decision = decide(facts, policy);
    seen.insert(decision.stop);
    EXPECT_EQ(decision.again, decision.stop == Stop::kNone);
    EXPECT_EQ(decision.reason().empty(), decision.again);
    if (!decision.again) continue;
    EXPECT_FALSE(facts.cancelled || facts.circuit_open || facts.limited || !facts.body_replayable);
    EXPECT_TRUE(facts.budget_left);
    EXPECT_TRUE(facts.can_probe || !decision.probe_first);
    EXPECT_LT(facts.tries, policy.max_attempts);
    EXPECT_NE(may_repeat(facts.phase, facts.replay, facts.verdict), Repeat::kNo);
    EXPECT_GE(decision.wait, facts.backoff);
    if (facts.left) EXPECT_LT(decision.wait, *facts.left);
    if (facts.hint && policy.hints.honour) {
      EXPECT_GE(decision.wait, *facts.hint);
      EXPECT_LE(*facts.hint, policy.hints.max_wait);
    }
  }
  EXPECT_EQ(seen.size(), 13u) << "every reason but unknown_outcome, which the verifier gives";
}

// resilience 1.2: `if` decides, and x-should-retry overrides it in both directions.
TEST(RetryDecision, RepeatsAVerdictOutsideOfThePolicyOnlyWhenTheUpstreamAsksForIt) {
  config::Retry narrow;
  narrow.on_verdicts = {Verdict::kThrottled};
  AttemptFacts facts = failure();
  facts.verdict = Verdict::kTransient;
  EXPECT_EQ(decide(facts, narrow).stop, Stop::kVerdict);
  facts.upstream_word = false;
  EXPECT_EQ(decide(facts, narrow).stop, Stop::kVerdict);
  facts.upstream_word = true;
  EXPECT_TRUE(decide(facts, narrow).again);
  facts.verdict = Verdict::kThrottled;
  facts.upstream_word = {};
  EXPECT_TRUE(decide(facts, narrow).again);
}

// llm 2.2: what an SDK would repeat in vain is marked; a plain 400 passes untouched.
TEST(RetryDecision, TellsClientsToStopOnlyWhereTheyWouldGoOn) {
  struct Row {
    Stop stop;
    Verdict verdict;
    int status;
    bool stops;
  };
  constexpr Row kRows[] = {
      {Stop::kNone, Verdict::kTransient, 503, false},
      {Stop::kOk, Verdict::kOk, 200, false},
      {Stop::kVerdict, Verdict::kClientError, 400, false},
      {Stop::kVerdict, Verdict::kAuth, 401, false},
      {Stop::kVerdict, Verdict::kClientError, 408, true},
      {Stop::kVerdict, Verdict::kClientError, 409, true},
      {Stop::kVerdict, Verdict::kClientError, 428, false},
      {Stop::kVerdict, Verdict::kClientError, 429, true},
      {Stop::kVerdict, Verdict::kQuotaExhausted, 403, true},
      {Stop::kVerdict, Verdict::kQuotaExhausted, 429, true},
      {Stop::kVerdict, Verdict::kClientError, 499, false},
      {Stop::kVerdict, Verdict::kClientError, 500, true},
      {Stop::kVerdict, Verdict::kClientError, 501, true},
      {Stop::kMaxAttempts, Verdict::kTransient, 500, true},
      {Stop::kUnsafe, Verdict::kTransient, 500, true},
      {Stop::kBudget, Verdict::kInvalidResponse, 200, true},
      {Stop::kCancelled, Verdict::kTransient, 500, false},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(stops_clients(row.stop, row.verdict, row.status), row.stops)
        << to_string(row.stop) << ' ' << row.status;
  }
}

}  // namespace
}  // namespace outrigger::filters
