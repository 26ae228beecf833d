// What time does to records, and what a clock that is set back does not (durability 4.4, 4.5).
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/filters/idempotency_ledger_steps.h"

namespace outrigger::filters {
namespace {

using enum RecordEvent;

const std::string kLong = random_bytes(3 * StoredAnswer::kChunk + 17, 1);
constexpr std::int64_t kKeep = kUnsent.keep_ms, kRemember = kUnsent.remember_ms;
constexpr RecordRules kReusable{.claims_tombstones = true};

TEST_F(LedgerTest, AnAnswerIsKeptThenItsKeyIsThenNothing) {
  for (const bool swept : {false, true}) {
    const std::string name = swept ? "swept" : "not swept";
    completed(name, kLong);
    const std::int64_t done = wall_ms;
    const auto reply_at = [&](std::int64_t time_ms) {
      wall_ms = done + time_ms;
      if (swept) sweep();
      return reply(name);
    };
    EXPECT_EQ(reply_at(kKeep - 1), Reply::kReplay) << name;
    EXPECT_EQ(reply_at(kKeep), Reply::kGone) << name;
    EXPECT_EQ(reply_at(kKeep + kRemember - 1), Reply::kGone) << name;
    EXPECT_EQ(reply_at(kKeep + kRemember), Reply::kExecute) << name;
  }
}

TEST_F(LedgerTest, ASweepLeavesTheKeyThenNothing) {
  completed("a", kLong);
  pass(kKeep - 1);
  sweep();
  EXPECT_TRUE(stored("a")->answer);
  pass(1);
  sweep();
  EXPECT_EQ(stored("a")->record.state, RecordState::kTombstone);
  EXPECT_FALSE(stored("a")->answer);
  EXPECT_EQ(books().chunks, 0u);
  EXPECT_EQ(ledger().counts().bytes, 0);
  expect_right_books();
  pass(kRemember - 1);
  sweep();
  EXPECT_TRUE(stored("a"));
  pass(1);
  sweep();
  EXPECT_FALSE(stored("a"));
  EXPECT_EQ(ledger().counts().records, 0);
  expect_right_books();
}

TEST_F(LedgerTest, ASweepGoesOnUntilNothingIsDue) {
  constexpr int kMany = 1'200;
  process_.run_in_step([&] {
    for (int i = 0; i < kMany; ++i) {
      process_.spawn([](Ledger& ledger, LedgerLoop& loop, std::string name) -> Task<void> {
        if (!co_await ledger.ask(loop, question_of(name, kSafe))) co_return;
        (void)co_await ledger.complete(loop, ledger_key(name),
                                       {now(kSend), now(kHead), now(kWhole)}, kSafe, answer_of("x"),
                                       {});
      }(ledger(), process_.loop, std::to_string(i)));
    }
  });
  EXPECT_EQ(ledger().counts().records, kMany);
  pass(kKeep + kRemember);
  for (int i = 0; i < 4; ++i) process_.settle();
  ledger().sweep();
  for (int i = 0; i < 4; ++i) process_.settle();
  EXPECT_EQ(ledger().counts().records, 0);
  expect_right_books();
}

TEST_F(LedgerTest, ASweepGoesOnWhereTheLastOneWas) {
  completed("a", "answer");
  pass(kKeep);
  sweep();
  completed("b", "answer");
  restart();
  pass(kKeep);
  sweep();
  EXPECT_EQ(stored("a")->record.state, RecordState::kTombstone);
  EXPECT_EQ(stored("b")->record.state, RecordState::kTombstone);
  const store::Store& store = process_.store();
  const auto cursor = store.get("m/swept");
  ASSERT_TRUE(cursor && *cursor);
  EXPECT_EQ(**cursor, expiry_name(kStart + 2 * kKeep, ledger_key("b")));
  expect_right_books();
}

TEST_F(LedgerTest, WhatMayHaveBeenExecutedIsNotForgotten) {
  lost("a");
  pass(10 * (kKeep + kRemember));
  sweep();
  EXPECT_EQ(reply("a"), Reply::kWait);
}

TEST_F(LedgerTest, AKeyWhoseAnswerIsGoneMayBeUsedAnewWhereThatIsAllowed) {
  completed("a", kLong, kReusable);
  pass(kKeep);
  const Found again = ask("a", kReusable, "another request");
  ASSERT_EQ(again.reply, Reply::kExecute);
  Running execution = running("a", kReusable, again);
  ASSERT_TRUE(advance(execution, {kSend}));
  ASSERT_TRUE(complete(execution, "second"));
  EXPECT_EQ(stored("a")->answer->body, "second");
  expect_right_books();
}

// What is on disk is what there is, should the process be killed now.
TEST_F(LedgerTest, AKeyThatIsUsedAnewCostsItsOldAnswerOnce) {
  completed("a", kLong, kReusable);
  completed("b", "another");
  pass(kKeep);
  ASSERT_EQ(reply("a", kReusable), Reply::kExecute);
  restart();
  expect_right_books();
  ASSERT_EQ(reply("a", kReusable), Reply::kExecute);
  restart();
  expect_right_books();
  pass(kRemember);
  sweep();
  EXPECT_EQ(ledger().counts().bytes, 0);
}

TEST_F(LedgerTest, PartsThatSomebodyReadsAreNotSwept) {
  completed("a", kLong);
  Found reader = ask("a");
  ASSERT_NE(reader.lease, nullptr);
  pass(kKeep);
  sweep();
  EXPECT_TRUE(body_of(*reader.answer) == kLong);
  expect_right_books();
  reader.lease.reset();
  pass(120'000);
  sweep();
  EXPECT_EQ(books().chunks, 0u);
  EXPECT_EQ(stored("a")->record.state, RecordState::kTombstone);
  expect_right_books();
}

TEST_F(LedgerTest, AnAnswerThatIsOverStaysSoThoughSomebodyReadsIt) {
  completed("a", kLong);
  const Found reader = ask("a");
  pass(kKeep);
  EXPECT_EQ(reply("a"), Reply::kGone);
  sweep();
  EXPECT_EQ(reply("a"), Reply::kGone);
}

TEST_F(LedgerTest, PartsThatSomebodyReadsStayWhenTheKeyIsUsedAnew) {
  completed("a", kLong, kReusable);
  Found reader = ask("a", kReusable);
  pass(kKeep);
  completed("a", "second", kReusable);
  EXPECT_EQ(replayed("a", kReusable), "second");
  EXPECT_TRUE(body_of(*reader.answer) == kLong);
  expect_right_books();
  reader.lease.reset();
  sweep();
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

// A sweep that comes by while a key is at work leaves nothing behind.
TEST_F(LedgerTest, AKeyThatIsAtWorkWhenItIsDueIsSweptLater) {
  leave(sent("a"), {kUnexecuted});
  const std::int64_t over = stored("a")->record.expires_ms;
  Running execution = running("a", kUnsent, ask("a"));
  ASSERT_TRUE(advance(execution, {kSend}));
  wall_ms = over;
  sweep();
  ASSERT_TRUE(complete(execution, "answer"));
  expect_right_books();
  pass(kKeep + kRemember);
  sweep();
  EXPECT_EQ(ledger().counts().records, 0);
  expect_right_books();
}

// Nothing of its work may ever be written.
TEST_F(LedgerTest, ASweepPassesByNoKeyThatIsAtWork) {
  completed("a", kLong, kReusable);
  completed("b", kLong, kReusable);
  pass(kKeep);
  claim("a", kReusable);
  sweep();
  EXPECT_EQ(stored("b")->record.state, RecordState::kTombstone);
  restart();
  sweep();
  EXPECT_EQ(stored("a")->record.state, RecordState::kTombstone);
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

TEST_F(LedgerTest, AClockThatIsSetBackBringsNothingBack) {
  completed("a", kLong);
  pass(kKeep);
  EXPECT_EQ(reply("a"), Reply::kGone);
  wall_ms = kStart;
  EXPECT_EQ(reply("a"), Reply::kGone);
  sweep();
  EXPECT_EQ(stored("a")->record.state, RecordState::kTombstone);
}

TEST_F(LedgerTest, AClockThatIsSetBackBringsNothingBackInTheNextProcess) {
  completed("a", kLong);
  pass(kKeep);
  EXPECT_EQ(reply("a"), Reply::kGone);
  restart();
  wall_ms = kStart;
  EXPECT_EQ(reply("a"), Reply::kGone);
}

// The clock was ahead, and was put right: what is completed from then on is kept all the same.
TEST_F(LedgerTest, AnAnswerIsKeptAlthoughTheClockWasSetBack) {
  pass(10 * kKeep);
  claim("other");
  wall_ms = kStart;
  completed("a", "answer");
  EXPECT_EQ(replayed("a"), "answer");
}

TEST_F(LedgerTest, AKeyIsRememberedAlthoughTheClockWasSetBack) {
  pass(2 * (kKeep + kRemember));
  claim("other");
  wall_ms = kStart;
  completed("a", "answer");
  EXPECT_NE(reply("a"), Reply::kExecute) << "it would be executed twice";
}

TEST_F(LedgerTest, WhatIsWrittenAfterTheClockWasSetBackIsSweptInTheEnd) {
  completed("a", "answer");
  pass(10 * kKeep);
  sweep();
  wall_ms = kStart;
  completed("b", "answer");
  expect_right_books();
  pass(20 * (kKeep + kRemember));
  sweep();
  EXPECT_EQ(ledger().counts().records, 0);
}

}  // namespace
}  // namespace outrigger::filters
