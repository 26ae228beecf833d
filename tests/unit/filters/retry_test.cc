#include "filters/retry/retry.h"

#include "filters/deadline/deadline.h"
#include "tests/unit/filters/scripted_attempts.h"

namespace outrigger::filters {
namespace {

using config::Replay;

class RetryTest : public ChainTest {
 protected:
  RetryTest() {
    policies_.retry->backoff = {
        .base = 1s, .factor = 2, .max = 8s, .jitter = config::Jitter::kNone};
    policies_.retry->hints.spread = 0;
    policies_.replay = Replay::kSafe;
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
    request_.head.target = "/v1/chat/completions";
    request_.body = http::Body(Slice::literal("{\"n\":1}"));
    upstream_.name = "openai";
  }

  void run(std::vector<ScriptedAttempt> script) {
    prepare(std::move(script));
    start();
    loop_.advance(0s);
  }
  void prepare(std::vector<ScriptedAttempt> script) {
    if (with_deadline_) add(std::make_unique<Deadline>(policies_));
    add(std::make_unique<Retry>(context_, policies_, "openai"));
    add(std::make_unique<ScriptedAttempts>(std::move(script), seen_));
    Exchange& it = exchange();
    it.started = loop_.now();
    it.routed.upstream = &upstream_;
    it.routed.policies = &policies_;
    it.credential = 7;
    std::copy_n("01ARYZ6S41TSV4RRFFQ69G5FAV", 26, it.id_text);
  }
  // Another request, after the first has ended.
  void again(std::vector<ScriptedAttempt> script) {
    outcome_.reset();
    exchange_.reset();
    seen_.clear();
    request_ = {};
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
    request_.body = http::Body(Slice::literal("{}"));
    run(std::move(script));
  }

  [[nodiscard]] int status() const {
    return done() && outcome_->has_value() ? (*outcome_)->head.status : 0;
  }
  [[nodiscard]] std::string_view error() const {
    return done() && !outcome_->has_value() ? outcome_->error().reason : std::string_view("none");
  }
  [[nodiscard]] std::string_view header(std::string_view name) const {
    const http::Field* field = (*outcome_)->head.headers.find(name);
    return field == nullptr ? std::string_view("(absent)") : field->value;
  }
  [[nodiscard]] std::string_view stop() const { return exchange_->attempts.back().stop; }
  [[nodiscard]] std::uint64_t counted(Metric metric, std::string_view reason) const {
    return registry_.total(metric, {"openai", reason});
  }

  MetricRegistry registry_;
  SharedBudgets budgets_;
  SharedCooldowns cooldowns_;
  Random random_{1};
  RetryContext context_{budgets_, cooldowns_, random_, registry_.add_shard()};
  config::Policies policies_;
  config::Upstream upstream_;
  bool with_deadline_ = false;
  std::vector<SeenRequest> seen_;
};

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
  far.endpoint = 200;
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

TEST_F(RetryTest, AKeyOfOursIsTheSameForAllAttemptsAndNewForEachRequest) {
  policies_.replay = Replay::kKeyed;
  run({answers(500), answers(500), ok()});
  loop_.advance(3s);
  EXPECT_EQ(seen_[0].idempotency_key, exchange().id());
  EXPECT_EQ(seen_[1].idempotency_key, exchange().id());
  EXPECT_EQ(seen_[2].idempotency_key, exchange().id());
}

TEST_F(RetryTest, AClientsKeyIsLeftAlone) {
  policies_.replay = Replay::kKeyed;
  request_.head.headers.add("Idempotency-Key", "mine");
  run({answers(500), ok()});
  loop_.advance(1s);
  EXPECT_EQ(seen_[0].idempotency_key, "mine");
  EXPECT_EQ(seen_[1].idempotency_key, "mine");
}

TEST_F(RetryTest, NoOtherClassGetsAKey) {
  run({ok()});
  EXPECT_EQ(seen_[0].idempotency_key, "");
}

// resilience 3, "Safety table", through the filter.
TEST_F(RetryTest, APostIsRepeatedAsItsReplayClassAllows) {
  struct Column {
    ScriptedAttempt first;
    std::string_view name;
  };
  const Column kColumns[] = {
      {fails(Phase::kNoConnection, Verdict::kRefusedUnsent), "P0"},
      {fails(Phase::kNothingAccepted, Verdict::kRefusedUnsent), "P1"},
      {fails(Phase::kPartlyWritten), "P2"},
      {fails(Phase::kFullyWritten), "P3"},
      {answers(429, Verdict::kThrottled), "P4 rejected"},
      {answers(500), "P4 other"},
      {fails(Phase::kCommitted, Verdict::kTruncated), "P5"},
  };
  struct Row {
    std::optional<Replay> replay;
    std::string_view repeats;
  };
  const Row kRows[] = {
      {Replay::kNever, "nnnnnnn"}, {Replay::kUnsent, "yynnynn"}, {std::nullopt, "yynnynn"},
      {Replay::kKeyed, "yyyyyyn"}, {Replay::kSafe, "yyyyyyn"},
  };
  policies_.retry->budget.reset();
  for (const Row& row : kRows) {
    for (std::size_t i = 0; i < std::size(kColumns); ++i) {
      policies_.replay = row.replay;
      again({kColumns[i].first, ok()});
      loop_.advance(1s);
      const bool repeated = seen_.size() == 2;
      EXPECT_EQ(repeated, row.repeats[i] == 'y') << row.repeats << ' ' << kColumns[i].name;
      EXPECT_EQ(stop(), repeated ? "ok" : "unsafe");
    }
  }
}

class VerifyTest : public RetryTest {
 protected:
  VerifyTest() {
    policies_.replay = Replay::kVerify;
    policies_.verify = config::Verify{.get = "/invoices?external_id={/id}",
                                      .found_status = {},
                                      .found_json = {},
                                      .settle = 2s,
                                      .negatives = 2,
                                      .timeout = 10s};
    config::Endpoint endpoint;
    endpoint.base_path = "/api";
    upstream_.endpoints.push_back(endpoint);
    request_.head.target = "/api/invoices";
    request_.head.headers.add("Authorization", "Bearer t");
    request_.head.headers.add("Content-Type", "application/json");
    request_.head.headers.add("Idempotency-Key", "k");
    request_.body = http::Body(Slice::literal(R"({"id":"A 1"})"));
  }
};

TEST_F(VerifyTest, AWriteThatIsFoundIsAnsweredWithTheProbe) {
  ScriptedAttempt found = ok();
  found.body = R"({"id":"A 1"})";
  run({fails(Phase::kFullyWritten), found});
  loop_.advance(2s - 1ms);
  EXPECT_EQ(seen_.size(), 1u) << "time to settle";
  loop_.advance(1ms);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(header("Outrigger-Verified"), "found");
  EXPECT_EQ((*outcome_)->body.whole()->view(), R"({"id":"A 1"})");
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_TRUE(seen_[1].probing);
  EXPECT_EQ(seen_[1].method, "GET");
  EXPECT_EQ(seen_[1].target, "/api/invoices?external_id=A%201");
  EXPECT_EQ(seen_[1].body, "");
  EXPECT_EQ(seen_[1].idempotency_key, "");
  EXPECT_TRUE(exchange().attempts[1].probe);
  EXPECT_FALSE(exchange().probing);
}

TEST_F(VerifyTest, AWriteThatIsMissingTwiceIsSentAgainAsItWas) {
  const ScriptedAttempt missing = answers(404, Verdict::kClientError);
  run({fails(Phase::kFullyWritten), missing, missing, ok()});
  loop_.advance(5s);
  EXPECT_EQ(status(), 200);
  ASSERT_EQ(seen_.size(), 4u);
  EXPECT_EQ(seen_[1].when, TimePoint{2s});
  EXPECT_EQ(seen_[2].when, TimePoint{4s});
  EXPECT_EQ(seen_[3].method, "POST");
  EXPECT_EQ(seen_[3].target, "/api/invoices");
  EXPECT_EQ(seen_[3].body, R"({"id":"A 1"})");
  EXPECT_EQ(seen_[3].idempotency_key, "k");
  EXPECT_EQ(exchange().request.head.headers.size(), 3u);
  EXPECT_EQ(header("Outrigger-Verified"), "(absent)");
}

TEST_F(VerifyTest, FoundOnTheSecondLookItIsNotSentAgain) {
  run({fails(Phase::kFullyWritten), answers(404, Verdict::kClientError), ok()});
  loop_.advance(4s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_.size(), 3u);
}

TEST_F(VerifyTest, AProbeThatFailsLeavesTheOutcomeUnknown) {
  for (const ScriptedAttempt& probe :
       {answers(500), fails(Phase::kNoConnection, Verdict::kRefusedUnsent), breaker_refuses()}) {
    outcome_.reset();
    exchange_.reset();
    seen_.clear();
    request_ = {};
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
    request_.body = http::Body(Slice::literal(R"({"id":7})"));
    run({fails(Phase::kFullyWritten), probe});
    loop_.advance(2s);
    EXPECT_EQ(error(), "unknown_outcome");
    EXPECT_EQ(stop(), "unknown_outcome");
    EXPECT_EQ(seen_.size(), 2u);
  }
}

TEST_F(VerifyTest, AProbeThatHangsIsNotWaitedForLongerThanItsTime) {
  ScriptedAttempt hangs = ok();
  hangs.takes = 1h;
  run({fails(Phase::kFullyWritten), hangs});
  loop_.advance(12s);
  EXPECT_EQ(error(), "unknown_outcome");
}

TEST_F(VerifyTest, WhatTheProbeIsFilledInWithMustBeThere) {
  request_.body = http::Body(Slice::literal("no json"));
  run({fails(Phase::kFullyWritten)});
  loop_.advance(10s);
  EXPECT_EQ(error(), "unknown_outcome");
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(VerifyTest, WhatWasProvablyNotExecutedNeedsNoProbe) {
  run({fails(Phase::kNoConnection, Verdict::kRefusedUnsent), ok()});
  loop_.advance(1s);
  EXPECT_EQ(status(), 200);
  EXPECT_FALSE(seen_[1].probing);
}

TEST_F(VerifyTest, WithoutAProbeTheClassIsUnsent) {
  policies_.verify.reset();
  run({fails(Phase::kFullyWritten)});
  EXPECT_EQ(error(), "connection_terminated");
  EXPECT_EQ(stop(), "unsafe");
}

TEST_F(VerifyTest, AClientThatLeavesWhileItIsAskedLeavesNothing) {
  ScriptedAttempt hangs = ok();
  hangs.takes = 5s;
  run({fails(Phase::kFullyWritten), hangs});
  loop_.advance(3s);
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  EXPECT_EQ(error(), "client_gone");
  EXPECT_EQ(stop(), "cancelled");
}

}  // namespace
}  // namespace outrigger::filters
