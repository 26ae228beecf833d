#include "tests/unit/filters/retry_fixture.h"

namespace outrigger::filters {
namespace {

using config::Replay;

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

TEST_F(RetryTest, OnlyWritesThatAreNotIdempotentGetAKey) {
  policies_.replay = Replay::kKeyed;
  request_.head.method = http::Method::kPatch;
  run({ok()});
  EXPECT_EQ(seen_[0].idempotency_key, exchange().id());
  outcome_.reset();
  exchange_.reset();
  seen_.clear();
  request_ = {};
  request_.head.method = http::Method::kPut;
  run({ok()});
  EXPECT_EQ(seen_[0].idempotency_key, "");
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
  EXPECT_EQ(stop(), "ok");
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
       {answers(500), fails(Phase::kNoConnection, Verdict::kRefusedUnsent), breaker_refuses(),
        answers(200, Verdict::kClientError)}) {
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
