#include "tests/unit/filters/retry_fixture.h"

namespace outrigger::filters {
namespace {

using config::Replay;

TEST_F(RetryTest, KeepsASuccess) {
  run({ok()});
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(stop(), "ok");
  EXPECT_EQ(header("x-should-retry"), "(absent)");
}

TEST_F(RetryTest, SucceedsOnTheLastAttempt) {
  run({answers(500), answers(503, Verdict::kOverloaded), ok()});
  loop_.advance(1s);
  loop_.advance(2s);
  EXPECT_EQ(status(), 200);
  ASSERT_EQ(seen_.size(), 3u);
  EXPECT_EQ(seen_[1].when, TimePoint{1s});
  EXPECT_EQ(seen_[2].when, TimePoint{3s});
  for (const SeenRequest& seen : seen_) EXPECT_EQ(seen.body, "{\"n\":1}");
  EXPECT_EQ(exchange().attempts[0].stop, "");
  EXPECT_EQ(exchange().attempts[1].waited, 1s);
  EXPECT_EQ(exchange().attempts[2].waited, 2s);
  EXPECT_EQ(stop(), "ok");
  EXPECT_EQ(header("x-should-retry"), "(absent)");
  EXPECT_EQ(counted(Metric::kRetries, "transient"), 1u);
  EXPECT_EQ(counted(Metric::kRetries, "overloaded"), 1u);
}

TEST_F(RetryTest, ExhaustedItGivesTheUpstreamsLastAnswerAndTellsClientsToStop) {
  ScriptedAttempt last = answers(500);
  last.body = "the third";
  last.headers = {{"x-should-retry", "true"}};
  run({answers(502), answers(503), last});
  loop_.advance(3s);
  EXPECT_EQ(status(), 500);
  EXPECT_EQ((*outcome_)->body.whole()->view(), "the third");
  EXPECT_EQ(header("x-should-retry"), "false");
  EXPECT_EQ(header("stripe-should-retry"), "false");
  EXPECT_EQ(stop(), "max_attempts");
  EXPECT_EQ(counted(Metric::kRetriesExhausted, "max_attempts"), 1u);
  loop_.advance(1h);
  EXPECT_EQ(seen_.size(), 3u);
}

TEST_F(RetryTest, AnAnswerIsWorthMoreThanALaterFailureToConnect) {
  ScriptedAttempt first = answers(503);
  first.body = "we are full";
  run({first, fails(Phase::kNoConnection, Verdict::kRefusedUnsent)});
  loop_.advance(3s);
  EXPECT_EQ(status(), 503);
  EXPECT_EQ((*outcome_)->body.whole()->view(), "we are full");
  EXPECT_EQ(header("x-should-retry"), "false");
}

TEST_F(RetryTest, WithoutAnyAnswerItGivesTheFailure) {
  run({fails(Phase::kNoConnection, Verdict::kRefusedUnsent)});
  loop_.advance(3s);
  EXPECT_EQ(error(), "connection_terminated");
  EXPECT_EQ(seen_.size(), 3u);
}

TEST_F(RetryTest, APlain400PassesUntouched) {
  run({answers(400, Verdict::kClientError)});
  EXPECT_EQ(status(), 400);
  EXPECT_EQ((*outcome_)->head.headers.size(), 0u);
  EXPECT_EQ(stop(), "verdict");
}

TEST_F(RetryTest, AnExhaustedQuotaIsToldOnceAndNotRepeated) {
  ScriptedAttempt quota = answers(429, Verdict::kQuotaExhausted);
  quota.hint = 1h;
  run({quota});
  EXPECT_EQ(status(), 429);
  EXPECT_EQ(header("x-should-retry"), "false");
  EXPECT_EQ(header("Retry-After"), "3600");
  EXPECT_EQ(header("retry-after-ms"), "3600000");
  again({ok()});
  EXPECT_EQ(error(), "quota_exhausted");
  EXPECT_TRUE(seen_.empty()) << "siblings do not even send";
  EXPECT_EQ(exchange().retry_after, 1h);
}

TEST_F(RetryTest, GivesUpWithTheStatusOfTheConfiguration) {
  policies_.retry->give_up_status = 424;
  run({answers(503)});
  loop_.advance(3s);
  EXPECT_EQ(status(), 424);
  again({answers(400, Verdict::kClientError)});
  EXPECT_EQ(status(), 400) << "that is no giving up";
  policies_.retry->max_attempts = 1;
  again({fails(Phase::kFullyWritten)});
  EXPECT_EQ(exchange().give_up_status, 424);
  again({answers(429, Verdict::kQuotaExhausted)});
  EXPECT_EQ(status(), 429) << "nor is this: it was never to be repeated";
}

TEST_F(RetryTest, AQuotaOfWhichNobodySaysWhenItComesBackHoldsForAMinute) {
  run({answers(429, Verdict::kQuotaExhausted)});
  EXPECT_EQ(status(), 429);
  again({ok()});
  EXPECT_EQ(error(), "quota_exhausted");
  EXPECT_TRUE(seen_.empty()) << "siblings do not even send";
  loop_.advance(61s);
  again({ok()});
  EXPECT_EQ(status(), 200);
}

TEST_F(RetryTest, TheUpstreamsWordStopsIt) {
  ScriptedAttempt no = answers(500);
  no.headers = {{"x-should-retry", "false"}};
  run({no});
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(stop(), "upstream_said_no");
}

TEST_F(RetryTest, WaitsAsLongAsItIsTold) {
  run({throttles(20s), ok()});
  loop_.advance(20s - 1ms);
  EXPECT_EQ(seen_.size(), 1u);
  loop_.advance(1ms);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(registry_.total(Metric::kRetryAfterHonored, {"openai"}), 1u);
}

TEST_F(RetryTest, NeverSleepsThroughAHintLongerThanMaxWait) {
  run({throttles(61s)});
  EXPECT_EQ(status(), 429);
  EXPECT_EQ(stop(), "hint_too_long");
  EXPECT_EQ(header("Retry-After"), "61");
}

TEST_F(RetryTest, OneCallers429PausesItsSiblings) {
  policies_.retry->max_attempts = 1;
  run({throttles(20s)});
  EXPECT_EQ(header("Retry-After"), "20");
  loop_.advance(5s);
  again({ok()});
  EXPECT_TRUE(seen_.empty());
  loop_.advance(15s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(exchange().attempts.front().waited, 15s);
}

TEST_F(RetryTest, APauseAsLongAsMaxWaitIsWaitedOut) {
  cooldowns_.extend({"openai", "", 7}, Verdict::kThrottled, 60s, loop_.now());
  run({ok()});
  loop_.advance(60s);
  EXPECT_EQ(status(), 200);
}

TEST_F(RetryTest, ALongerPauseThanTheHintOfAnAttemptCounts) {
  for (const std::optional<Duration> hint : {std::optional<Duration>(2s), {}}) {
    ScriptedAttempt first = answers(500);
    first.takes = 1s;
    first.hint = hint;
    again({first, ok()});
    cooldowns_.extend({"openai", "", 7}, Verdict::kThrottled, 91s, loop_.now());
    loop_.advance(1s);
    EXPECT_EQ(status(), 500) << "at once";
    EXPECT_EQ(stop(), "hint_too_long");
    EXPECT_EQ(header("Retry-After"), "90");
    cooldowns_.lift("openai", "", 7);
  }
}

TEST_F(RetryTest, RefusesAtOnceWhereAPauseDoesNotFit) {
  policies_.retry->hints.max_wait = 10s;
  run({throttles(20s)});
  again({ok()});
  EXPECT_EQ(error(), "cooling_down");
  EXPECT_EQ(exchange().retry_after, 20s);
  EXPECT_TRUE(seen_.empty());
  EXPECT_EQ(counted(Metric::kRetriesExhausted, "hint_too_long"), 2u);
}

TEST_F(RetryTest, APauseThatIsExtendedMeanwhileIsWaitedOutToo) {
  run({throttles(20s), ok()});
  loop_.advance(10s);
  cooldowns_.extend({"openai", "", 7}, Verdict::kThrottled, 25s, loop_.now());
  loop_.advance(24s);
  EXPECT_EQ(seen_.size(), 1u);
  loop_.advance(1s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_[1].when, TimePoint{35s});
}

TEST_F(RetryTest, ARequestThatIsLetThroughEndsAPauseThatIsOver) {
  cooldowns_.extend({"openai", "", 7}, Verdict::kQuotaExhausted, 24h, loop_.now());
  loop_.advance(5min);
  run({ok()});
  EXPECT_EQ(status(), 200);
  again({ok()});
  EXPECT_EQ(status(), 200);
}

TEST_F(RetryTest, HintsThatAreNotHonouredAreNoPauseEither) {
  policies_.retry->hints.honour = false;
  run({throttles(1h), ok()});
  loop_.advance(1s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(cooldowns_.size(), 0u);
}

TEST_F(RetryTest, AnEmptyBudgetStopsItUntilItIsRefilled) {
  policies_.retry->budget = config::RetryBudget{.ratio = 0.5, .floor = 1, .window = 10s};
  run({answers(500), ok()});
  loop_.advance(1s);
  EXPECT_EQ(status(), 200) << "the floor";
  again({answers(500)});
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(stop(), "budget");
  EXPECT_EQ(header("x-should-retry"), "false");
  for (int i = 0; i < 3; ++i) again({ok()});
  again({answers(500), ok()});
  loop_.advance(1s);
  EXPECT_EQ(status(), 200) << "six requests have earned three, a transient failure costs two";
}

TEST_F(RetryTest, AClientsOwnRetryEarnsNothing) {
  policies_.retry->budget = config::RetryBudget{.ratio = 1, .floor = 0, .window = 10s};
  run({ok()});
  again({ok()});
  outcome_.reset();
  exchange_.reset();
  seen_.clear();
  request_ = {};
  request_.head.headers.add("x-stainless-retry-count", "1");
  run({answers(500)});
  EXPECT_EQ(stop(), "budget") << "it has spent what the two have earned";
}

TEST_F(RetryTest, AnswersAtOnceWhenTheWaitDoesNotEndBeforeTheDeadline) {
  with_deadline_ = true;
  policies_.deadline = 10s;
  run({throttles(12s)});
  EXPECT_EQ(status(), 429);
  EXPECT_EQ(stop(), "deadline");
  EXPECT_EQ(header("Retry-After"), "12");
}

TEST_F(RetryTest, TheDeadlineCountsAllAttemptsAndWaits) {
  with_deadline_ = true;
  policies_.deadline = 2500ms;
  ScriptedAttempt slow = answers(500);
  slow.takes = 1s;
  run({slow});
  loop_.advance(1s);
  EXPECT_FALSE(done());
  loop_.advance(1s);
  EXPECT_EQ(seen_.size(), 2u);
  loop_.advance(500ms);
  EXPECT_EQ(error(), "deadline_exceeded");
  EXPECT_EQ(stop(), "deadline");
}

TEST_F(RetryTest, WhereADeadlineForbidsToWaitForAPauseNothingIsSent) {
  with_deadline_ = true;
  policies_.deadline = 10s;
  cooldowns_.extend({"openai", "", 7}, Verdict::kThrottled, 15s, loop_.now());
  run({ok()});
  EXPECT_EQ(error(), "cooling_down");
  EXPECT_TRUE(seen_.empty());
  EXPECT_EQ(counted(Metric::kRetriesExhausted, "deadline"), 1u);
}

TEST_F(RetryTest, AClientThatLeavesDuringBackOffLeavesNothing) {
  run({answers(500), ok()});
  loop_.advance(500ms);
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  EXPECT_EQ(error(), "client_gone");
  EXPECT_EQ(stop(), "cancelled");
  loop_.advance(1h);
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(RetryTest, AClientThatLeavesDuringAnAttemptOrAPauseLeavesNothing) {
  ScriptedAttempt slow = ok();
  slow.takes = 1h;
  run({slow});
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  EXPECT_EQ(error(), "client_gone");
  EXPECT_EQ(stop(), "cancelled");
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(RetryTest, AnOpenBreakerEndsItWithTheAnswerThatWas) {
  run({answers(503), breaker_refuses()});
  loop_.advance(1s);
  EXPECT_EQ(status(), 503);
  EXPECT_EQ(stop(), "circuit_open");
  EXPECT_EQ(exchange().attempts.size(), 1u);
}

TEST_F(RetryTest, AnOpenBreakerIsNotWaitedFor) {
  run({breaker_refuses()});
  EXPECT_EQ(error(), "circuit_open");
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(RetryTest, ARefusalByALimitEndsItAndSpendsNoBudget) {
  for (const std::string_view reason : {"rate_limited", "concurrency_limited"}) {
    ScriptedAttempt refused = breaker_refuses();
    refused.reason = reason;
    again({answers(429, Verdict::kThrottled), refused});
    loop_.advance(1s);
    EXPECT_EQ(status(), 429);
    EXPECT_EQ(stop(), "limited");
    EXPECT_EQ(exchange().attempts.size(), 1u);
    again({refused});
    EXPECT_EQ(error(), reason);
  }
  EXPECT_EQ(counted(Metric::kRetriesExhausted, "limited"), 4u);
}

TEST_F(RetryTest, EndpointsThatWereTriedInVainAreOneTry) {
  ScriptedAttempt first = fails(Phase::kNoConnection, Verdict::kRefusedUnsent);
  first.unreachable = 2;
  run({first, first, ok()});
  loop_.advance(3s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(exchange().attempts.size(), 7u);
  EXPECT_EQ(exchange().attempts[3].waited, 1s) << "the first of the second try";
  EXPECT_EQ(exchange().attempts[4].waited, 0s);
}

TEST_F(RetryTest, AvoidsTheEndpointThatFailed) {
  ScriptedAttempt first = answers(500);
  first.endpoint = 3;
  first.unreachable = 1;
  ScriptedAttempt far = answers(500);
  far.endpoint = 64;  // beyond the mask
  run({first, far, ok()});
  loop_.advance(3s);
  EXPECT_EQ(seen_[0].avoid, 0u);
  EXPECT_EQ(seen_[1].avoid, 0b1010u);
  EXPECT_EQ(seen_[2].avoid, 0b1010u);
}

TEST_F(RetryTest, ASafeCallThatTimedOutGetsMoreTime) {
  run({answers(504, Verdict::kTimeout), answers(504, Verdict::kTimeout), ok()});
  loop_.advance(3s);
  EXPECT_EQ(seen_[1].patience, 2);
  EXPECT_EQ(seen_[2].patience, 4);
}

TEST_F(RetryTest, AnUnsafeOneDoesNot) {
  policies_.replay = Replay::kKeyed;
  run({answers(504, Verdict::kTimeout), ok()});
  loop_.advance(1s);
  EXPECT_EQ(seen_[1].patience, 1);
}

}  // namespace
}  // namespace outrigger::filters
