#include "filters/idempotency/ledger.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/filters/idempotency_ledger_steps.h"

namespace outrigger::filters {
namespace {

using enum RecordEvent;

const std::string kLong = random_bytes(3 * StoredAnswer::kChunk + 17, 1);

TEST_F(LedgerTest, AKeyIsClaimedSentAndItsAnswerReplayed) {
  Running execution = claim("a");
  EXPECT_EQ(execution.record.state, RecordState::kClaimed);
  ASSERT_TRUE(advance(execution, {kSend}));
  EXPECT_EQ(execution.record.state, RecordState::kDispatched);
  EXPECT_EQ(stored("a")->record.state, RecordState::kDispatched) << "on disk before it is sent";
  ASSERT_TRUE(complete(execution, "the answer"));
  const Found again = ask("a");
  ASSERT_EQ(again.reply, Reply::kReplay);
  EXPECT_EQ(again.answer->body, "the answer");
  EXPECT_EQ(again.answer->head, answer_of("the answer").head);
  EXPECT_EQ(again.request_id, "request-a");
  EXPECT_EQ(again.record.expires_ms, kStart + kUnsent.keep_ms);
  expect_right_books();
}

TEST_F(LedgerTest, AnAnswerOfAnySizeIsReplayedByteByByte) {
  constexpr std::size_t kChunk = StoredAnswer::kChunk;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, StoredAnswer::kInline, StoredAnswer::kInline + 1, kChunk,
        kChunk + 1, 2 * kChunk, 2 * kChunk + 1, 20 * kChunk}) {
    const std::string name = std::to_string(size);
    const std::string body = random_bytes(size, size);
    completed(name, body);
    EXPECT_TRUE(replayed(name) == body) << size;
  }
  expect_right_books();
  restart();
  EXPECT_TRUE(replayed(std::to_string(2 * kChunk + 1)) ==
              random_bytes(2 * kChunk + 1, 2 * kChunk + 1));
  expect_right_books();
}

TEST_F(LedgerTest, ARequestThatCostsNothingTwiceWritesNothingBeforeItsAnswer) {
  Running execution = sent("a", kSafe);
  EXPECT_FALSE(stored("a"));
  EXPECT_EQ(execution.record.state, RecordState::kDispatched);
  leave(execution, {kLost});
  EXPECT_FALSE(stored("a"));
  EXPECT_EQ(reply("a", kSafe), Reply::kExecute);
}

TEST_F(LedgerTest, WhileOneRunsTheSameRequestJoinsIt) {
  Running execution = claim("a");
  for (const RecordEvent event : {kSend, kHead}) {
    const Found duplicate = ask("a");
    EXPECT_EQ(duplicate.reply, Reply::kJoin);
    EXPECT_EQ(duplicate.running, execution.recording);
    ASSERT_TRUE(advance(execution, {event}));
  }
  EXPECT_EQ(reply("a"), Reply::kJoin);
  ASSERT_TRUE(process_.wait(ledger().complete(process_.loop, execution.key, {now(kWhole)},
                                              execution.rules, answer_of(""), {})));
  EXPECT_EQ(reply("a"), Reply::kReplay);
}

TEST_F(LedgerTest, OfManyThatComeTogetherOneHasTheKey) {
  std::vector<Found> all(100);
  process_.run_in_step([&] {
    for (Found& each : all) {
      process_.spawn([](Ledger& ledger, LedgerLoop& loop, Found& into) -> Task<void> {
        auto found = co_await ledger.ask(loop, question_of("a", kUnsent));
        if (found) into = std::move(*found);
      }(ledger(), process_.loop, each));
    }
  });
  EXPECT_EQ(std::ranges::count(all, Reply::kExecute, &Found::reply), 1);
  EXPECT_EQ(std::ranges::count(all, Reply::kJoin, &Found::reply), 99);
  for (const Found& each : all) EXPECT_EQ(each.running, all.front().running);
  EXPECT_EQ(ledger().counts().in_flight, 1);
}

TEST_F(LedgerTest, WhoeverComesTogetherWithAnEndBeginsAnew) {
  const Running execution = sent("a");
  Found after;
  process_.run_in_step([&] {
    ledger().leave(execution.key, {now(kUnexecuted)}, execution.rules);
    process_.spawn([](Task<Result<Found>> asking, Found& into) -> Task<void> {
      auto found = co_await std::move(asking);
      if (found) into = std::move(*found);
    }(ledger().ask(process_.loop, question_of("a", kUnsent)), after));
  });
  ASSERT_EQ(after.reply, Reply::kExecute);
  EXPECT_NE(after.running, execution.recording) << "which has failed";
  EXPECT_EQ(ledger().counts().in_flight, 1);
  Running again = running("a", kUnsent, after);
  ASSERT_TRUE(advance(again, {kSend}));
  ASSERT_TRUE(complete(again, "second"));
  EXPECT_EQ(replayed("a"), "second");
  expect_right_books();
}

TEST_F(LedgerTest, AnotherRequestWithTheKeyIsRefusedInEveryState) {
  const auto other = [&](std::string_view name) { return reply(name, kUnsent, "b"); };
  Running execution = claim("a");
  EXPECT_EQ(other("a"), Reply::kMismatch) << "claimed";
  ASSERT_TRUE(advance(execution, {kSend}));
  EXPECT_EQ(other("a"), Reply::kMismatch) << "dispatched";
  ASSERT_TRUE(advance(execution, {kHead}));
  EXPECT_EQ(other("a"), Reply::kMismatch) << "responding";
  leave(execution, {kLost});
  EXPECT_EQ(other("a"), Reply::kMismatch) << "unknown";
  completed("b", "answer");
  EXPECT_EQ(other("b"), Reply::kMismatch) << "completed";
  pass(kUnsent.keep_ms);
  EXPECT_EQ(other("b"), Reply::kMismatch) << "tombstone, not swept";
  sweep();
  EXPECT_EQ(other("b"), Reply::kMismatch) << "tombstone";
  leave(sent("c"), {kUnexecuted});
  EXPECT_EQ(other("c"), Reply::kMismatch) << "released";
  restart();
  for (const std::string_view name : {"a", "b", "c"}) EXPECT_EQ(other(name), Reply::kMismatch);
}

TEST_F(LedgerTest, AFingerprintOfTheOtherKindIsAskedFor) {
  Question first = question_of("a", kUnsent);
  first.canonical = Fingerprint{FingerprintKind::kCanonical, fingerprint_of("json").sha256};
  ASSERT_EQ(try_ask(first)->reply, Reply::kExecute);
  EXPECT_TRUE(try_ask(question_of("a", kUnsent))->needs_canonical);
  Question spelled_otherwise = question_of("a", kUnsent, "other bytes");
  spelled_otherwise.canonical = first.canonical;
  EXPECT_EQ(try_ask(spelled_otherwise)->reply, Reply::kJoin);
  spelled_otherwise.canonical->sha256[0] ^= 1;
  EXPECT_EQ(try_ask(spelled_otherwise)->reply, Reply::kMismatch);
}

TEST_F(LedgerTest, AKeyWhoseRequestWasProvablyNotExecutedIsFree) {
  leave(claim("a"), {kAbandon});
  EXPECT_EQ(reply("a"), Reply::kExecute);
  leave(sent("b"), {kUnexecuted});
  EXPECT_EQ(stored("b")->record.state, RecordState::kReleased);
  const Found again = ask("b");
  EXPECT_EQ(again.reply, Reply::kExecute);
  EXPECT_EQ(again.record.attempt, 1u) << "it goes on from there";
  Running execution = running("b", kUnsent, again);
  ASSERT_TRUE(advance(execution, {kSend}));
  EXPECT_EQ(execution.record.attempt, 2u);
  ASSERT_TRUE(complete(execution, "second"));
  EXPECT_EQ(replayed("b"), "second");
  expect_right_books();
}

TEST_F(LedgerTest, WhatMayHaveBeenExecutedIsSentAgainOnlyWhereThatDoesNoHarm) {
  for (const auto& [name, rules] : {std::pair("safe", kSafe), {"keyed", kKeyed}}) {
    lost(name, rules);
    const Found again = ask(name, rules);
    EXPECT_EQ(again.reply, Reply::kExecute) << name;
  }
  for (const auto& [name, rules] :
       {std::pair("unsent", kUnsent), {"never", kNever}, {"verify", kVerifyLater}}) {
    lost(name, rules);
    EXPECT_EQ(reply(name, rules), Reply::kWait) << name;
    EXPECT_EQ(reply(name, rules), Reply::kWait) << "and stays so: " << name;
  }
}

TEST_F(LedgerTest, AfterTheUpstreamsHorizonAKeyIsOfNoUse) {
  lost("a", kKeyed);
  pass(kKeyed.horizon_ms - 1);
  Running execution = running("a", kKeyed, ask("a", kKeyed));
  const auto step = advance(execution, {kSendUnknown});
  ASSERT_TRUE(step);
  EXPECT_EQ(step->send_before_ms, kStart + kKeyed.horizon_ms);
  leave(execution, {kLost});
  pass(1);
  EXPECT_EQ(reply("a", kKeyed), Reply::kWait);
}

TEST_F(LedgerTest, WhatCanBeAskedAfterIsTakenOver) {
  lost("a", kVerified);
  const Found again = ask("a", kVerified);
  EXPECT_EQ(again.reply, Reply::kExecute);
  ASSERT_NE(again.running, nullptr) << "for whoever asks the upstream";
  EXPECT_EQ(again.record.state, RecordState::kUnknown);
  Running execution = running("a", kVerified, again);
  EXPECT_EQ(reply("a", kVerified), Reply::kJoin) << "it is being found out";
  leave(execution, {});
  EXPECT_EQ(stored("a")->record.state, RecordState::kUnknown);
  EXPECT_EQ(reply("a", kVerifyLater), Reply::kWait);
}

// ---- what a person settles ----

Question resolved(std::string_view name, Resolution resolution) {
  Question question = question_of(name, kUnsent);
  question.resolution = resolution;
  return question;
}

TEST_F(LedgerTest, APersonHasWhatMayHaveBeenExecutedSentAgain) {
  lost("a");
  const auto again = try_ask(resolved("a", Resolution::kResubmit));
  ASSERT_TRUE(again);
  ASSERT_EQ(again->reply, Reply::kExecute);
  Running execution = running("a", kUnsent, *again);
  EXPECT_EQ(execution.record.state, RecordState::kResubmitting);
  EXPECT_EQ(reply("a"), Reply::kJoin);
  ASSERT_TRUE(advance(execution, {kSend}));
  ASSERT_TRUE(complete(execution, "answer"));
  EXPECT_EQ(replayed("a"), "answer");
  expect_right_books();
}

TEST_F(LedgerTest, APersonSaysThatWhatMayHaveBeenExecutedIsDone) {
  lost("a");
  EXPECT_EQ(try_ask(resolved("a", Resolution::kDiscard))->reply, Reply::kGone);
  EXPECT_EQ(stored("a")->record.state, RecordState::kTombstone);
  EXPECT_EQ(reply("a"), Reply::kGone);
  expect_right_books();
  pass(kUnsent.remember_ms);
  sweep();
  EXPECT_EQ(reply("a"), Reply::kExecute);
  expect_right_books();
}

TEST_F(LedgerTest, AResubmissionThatEndsBeforeItIsSentLeavesAllAsItWas) {
  lost("a");
  const Found again = *try_ask(resolved("a", Resolution::kResubmit));
  leave(running("a", kUnsent, again), {});
  const Found after = ask("a");
  EXPECT_TRUE(after.reply == Reply::kWait || after.reply == Reply::kDead)
      << "and nobody is told to join what does not run: " << static_cast<int>(after.reply);
  EXPECT_EQ(try_ask(resolved("a", Resolution::kResubmit))->reply, Reply::kExecute);
}

TEST_F(LedgerTest, AResubmissionThatItsProcessDidNotOutliveCanBeSettledAgain) {
  lost("a");
  ASSERT_TRUE(try_ask(resolved("a", Resolution::kResubmit)));
  restart();
  EXPECT_NE(reply("a"), Reply::kExecute);
  EXPECT_EQ(try_ask(resolved("a", Resolution::kResubmit))->reply, Reply::kExecute);
}

TEST_F(LedgerTest, AStepThatIsNotAllowedChangesNothing) {
  Running execution = sent("a");
  ASSERT_TRUE(advance(execution, {kLost}));
  const auto again = advance(execution, {kSendUnknown});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kInternal);
  EXPECT_EQ(stored("a")->record.state, RecordState::kUnknown);
  leave(execution, {});
  EXPECT_EQ(reply("a"), Reply::kWait);
  expect_right_books();
}

TEST_F(LedgerTest, WhatIsWrittenInVainIsErased) {
  Running execution = sent("a");
  put_parts(execution, kLong);
  process_.settle();
  EXPECT_EQ(books().chunks, 3u);
  leave(execution, {kLost});
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

TEST_F(LedgerTest, AFullStoreTakesNoClaimsAndCompletesWhatRuns) {
  completed("kept", std::string(1000, 'x'));
  Running execution = sent("running");
  ledger().bound({.bytes = 1000, .records = 100});
  const auto refused = try_ask(question_of("new", kUnsent));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "store_full");
  EXPECT_EQ(reply("running"), Reply::kJoin);
  EXPECT_EQ(replayed("kept"), std::string(1000, 'x'));
  ASSERT_TRUE(complete(execution, kLong));
  EXPECT_TRUE(replayed("running") == kLong);
  ledger().bound({.bytes = 1'000'000, .records = 2});
  EXPECT_FALSE(try_ask(question_of("new", kUnsent)));
  ledger().bound({.bytes = 1'000'000, .records = 3});
  EXPECT_EQ(reply("new"), Reply::kExecute);
  expect_right_books();
}

TEST_F(LedgerTest, RoomIsThereAgainWhenAnswersHaveExpired) {
  completed("a", kLong);
  ledger().bound({.bytes = 1000, .records = 100});
  EXPECT_FALSE(try_ask(question_of("new", kUnsent)));
  pass(kUnsent.keep_ms);
  sweep();
  EXPECT_EQ(reply("new"), Reply::kExecute);
}

TEST_F(LedgerTest, AnAnswerThatIsTooLongToBeKeptIsRememberedWithoutIt) {
  Running execution = sent("a");
  StoredAnswer answer = answer_of("");
  answer.length = 1'000'000;
  answer.kept = false;
  ASSERT_TRUE(complete(execution, answer, {}));
  EXPECT_EQ(reply("a"), Reply::kGone);
  EXPECT_EQ(stored("a")->record.state, RecordState::kCompleted);
  restart();
  EXPECT_EQ(reply("a"), Reply::kGone);
}

TEST_F(LedgerTest, AnAnswerThatIsNotKeptTakesNoRoom) {
  Running execution = sent("a");
  StoredAnswer answer = answer_of("");
  answer.length = 1'000'000;
  answer.kept = false;
  ASSERT_TRUE(complete(execution, answer, {}));
  expect_right_books();
}

// Its first parts were written before it was too long.
TEST_F(LedgerTest, PartsOfAnAnswerThatIsNotKeptAreErased) {
  Running execution = sent("a");
  put_parts(execution, kLong);
  StoredAnswer answer = answer_of("");
  answer.length = kLong.size();
  answer.kept = false;
  ASSERT_TRUE(complete(execution, answer, {}));
  EXPECT_EQ(books().chunks, 0u);
}

TEST_F(LedgerTest, AMissingPartIsFoundWhenItIsRead) {
  const auto part = ledger().read_chunk("0123456789abcdef", 0);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().reason, "store_corrupt");
}

// What has begun is brought to its end, however long the journal's queue is.
TEST_F(LedgerTest, AnAnswerIsTakenWhenNewWorkIsRefused) {
  Running execution = sent("a");
  Status done;
  bool refused = false;
  process_.run_in_step([&] {
    while (process_.journal().submit(std::make_unique<WhenSettled>([] {}))) continue;
    process_.spawn([](Ledger& ledger, LedgerLoop& loop, bool& no) -> Task<void> {
      no = !co_await ledger.ask(loop, question_of("b", kUnsent));
    }(ledger(), process_.loop, refused));
    process_.spawn([](Task<Status> completing, Status& status) -> Task<void> {
      status = co_await std::move(completing);
    }(ledger().complete(process_.loop, execution.key, {now(kHead), now(kWhole)}, execution.rules,
                                                               answer_of(""), {}),
                                                               done));
  });
  EXPECT_TRUE(refused);
  EXPECT_TRUE(done) << done.error().reason;
}

}  // namespace
}  // namespace outrigger::filters
