// A ledger whose disk fails once: nothing is acknowledged that is not there, and it goes on.
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/filters/idempotency_ledger_steps.h"

namespace outrigger::filters {
namespace {

using enum RecordEvent;

const std::string kLong = random_bytes(3 * StoredAnswer::kChunk + 17, 1);
constexpr std::int64_t kKeep = kUnsent.keep_ms;

class LedgerFailure : public LedgerTest {
 protected:
  LedgerFailure() { claim("first"); }  // the process is known by now

  // The next write fails before anything of it is there.
  void refuse_next() { disk_.plan(DiskFault::kRefused, 1); }
  // It is there, and nobody knows whether it will stay: its sync fails. A write of one record that
  // is not long is two appends and a sync.
  void fail_next_sync(int appends = 2) { disk_.plan(DiskFault::kRefused, appends + 1); }
  void expect_hit() {
    EXPECT_TRUE(disk_.hit());
    disk_.plan(DiskFault::kNone, 0);
  }
  // How many appends the completion of a long answer takes.
  int appends_of_completion(const std::string& body) {
    Running execution = sent("measure");
    put_parts(execution, body);
    process_.settle();
    const std::int64_t before = disk_.operations();
    EXPECT_TRUE(complete(execution, body));
    return static_cast<int>(disk_.operations() - before) - 1;
  }
};

TEST_F(LedgerFailure, ASendingThatIsNotOnDiskIsRefusedAndTheKeyIsFree) {
  Running execution = claim("a");
  refuse_next();
  EXPECT_FALSE(advance(execution, {kSend}));
  expect_hit();
  leave(execution, {kAbandon});
  expect_right_books();
  restart();
  EXPECT_EQ(reply("a"), Reply::kExecute);
  expect_right_books();
}

// It is on disk after all: nothing was sent, but whoever is killed now could not tell.
TEST_F(LedgerFailure, ASendingWhoseSyncFailedIsRefusedAndTheKeyIsFree) {
  Running execution = claim("a");
  fail_next_sync();
  EXPECT_FALSE(advance(execution, {kSend}));
  expect_hit();
  leave(execution, {kAbandon});
  EXPECT_EQ(reply("a"), Reply::kExecute) << "it was provably not sent";
}

TEST_F(LedgerFailure, ASendingThatWasRefusedMayBeTriedAgain) {
  Running execution = claim("a");
  refuse_next();
  EXPECT_FALSE(advance(execution, {kSend}));
  expect_hit();
  ASSERT_TRUE(advance(execution, {kSend}));
  EXPECT_EQ(execution.record.attempt, 1u);
  put_parts(execution, kLong);
  process_.settle();
  expect_right_books();
  restart();
  EXPECT_EQ(reply("a"), Reply::kWait);
  EXPECT_EQ(books().chunks, 0u) << "its parts are found by its mark";
  expect_right_books();
}

TEST_F(LedgerFailure, AnAnswerThatIsNotOnDiskMayBeGivenAgain) {
  for (const std::string& body : {std::string("short"), kLong}) {
    const std::string name = std::to_string(body.size());
    Running execution = sent(name);
    if (body.size() > StoredAnswer::kInline) put_parts(execution, body);
    process_.settle();
    refuse_next();
    EXPECT_FALSE(complete(execution, body));
    expect_hit();
    ASSERT_TRUE(complete(execution, body));
    EXPECT_TRUE(replayed(name) == body);
  }
  expect_right_books();
  restart();
  EXPECT_TRUE(replayed(std::to_string(kLong.size())) == kLong);
}

TEST_F(LedgerFailure, AnAnswerWhoseSyncFailedMayBeGivenAgain) {
  const int appends = appends_of_completion("short");
  Running execution = sent("a");
  fail_next_sync(appends);
  EXPECT_FALSE(complete(execution, "short"));
  expect_hit();
  EXPECT_TRUE(complete(execution, "short")) << "it is there already";
  EXPECT_EQ(replayed("a"), "short");
  expect_right_books();
}

// Its client was told that it failed; but it is there, so it has to be there in whole.
TEST_F(LedgerFailure, AnAnswerWhoseSyncFailedIsWholeOrNotThereWhenItsExecutionGivesUp) {
  const int appends = appends_of_completion(kLong);
  Running execution = sent("a");
  put_parts(execution, kLong);
  process_.settle();
  fail_next_sync(appends);
  EXPECT_FALSE(complete(execution, kLong));
  expect_hit();
  leave(execution, {kLost});
  const Found again = ask("a");
  if (again.reply == Reply::kReplay) EXPECT_TRUE(body_of(*again.answer) == kLong);
  expect_right_books();
  restart();
  expect_right_books();
}

TEST_F(LedgerFailure, AnAnswerWithAPartThatWasNotWrittenIsNone) {
  Running execution = sent("a");
  refuse_next();
  put_parts(execution, kLong);
  process_.settle();
  expect_hit();
  EXPECT_FALSE(complete(execution, kLong));
  EXPECT_FALSE(complete(execution, kLong));
  leave(execution, {kLost});
  EXPECT_EQ(reply("a"), Reply::kWait);
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

// A part that was not written took its mark with it.
TEST_F(LedgerFailure, PartsBehindOneThatWasNotWrittenAreFoundByTheNextProcess) {
  Running execution = sent("a", kSafe);
  refuse_next();
  EXPECT_TRUE(ledger().put_chunk(execution.key, execution.blob, 0, "part"));
  process_.settle();
  expect_hit();
  EXPECT_TRUE(ledger().put_chunk(execution.key, execution.blob, 1, "part"));
  process_.settle();
  restart();
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

TEST_F(LedgerFailure, AnEndThatIsNotOnDiskLeavesTheKeyInDoubt) {
  Running execution = sent("a");
  put_parts(execution, kLong);
  process_.settle();
  refuse_next();
  leave(execution, {kUnexecuted});
  expect_hit();
  EXPECT_EQ(reply("a"), Reply::kWait);
  EXPECT_EQ(ledger().counts().in_flight, 1) << "the first one's";
}

TEST_F(LedgerFailure, WhoeverComesTogetherWithAnEndThatIsNotOnDiskHasNothing) {
  const Running execution = sent("a");
  bool refused = false;
  process_.run_in_step([&] {
    ledger().leave(execution.key, {now(kUnexecuted)}, execution.rules);
    process_.spawn([](Task<Result<Found>> asking, bool& no) -> Task<void> {
      no = !co_await std::move(asking);
    }(ledger().ask(process_.loop, question_of("a", kUnsent)), refused));
    refuse_next();
  });
  expect_hit();
  EXPECT_TRUE(refused);
  EXPECT_EQ(ledger().counts().in_flight, 1) << "the first one's";
  EXPECT_EQ(reply("a"), Reply::kWait);
  expect_right_books();
}

// The parts are named by a mark, of which there is one.
TEST_F(LedgerFailure, PartsOfAnExecutionWhoseEndIsNotOnDiskAreErasedInTheEnd) {
  Running execution = sent("a", kKeyed);
  put_parts(execution, kLong);
  process_.settle();
  refuse_next();
  leave(execution, {kLost});
  expect_hit();
  Running again = running("a", kKeyed, ask("a", kKeyed));
  ASSERT_TRUE(advance(again, {kSendUnknown}));
  ASSERT_TRUE(complete(again, "second"));
  restart();
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

TEST_F(LedgerFailure, AClaimIsNobodysWhenItsBatchFails) {
  completed("old", kLong, {.claims_tombstones = true});
  pass(kKeep);
  refuse_next();  // of the old answer's parts
  EXPECT_FALSE(try_ask(question_of("old", {.claims_tombstones = true})));
  expect_hit();
  EXPECT_EQ(ledger().counts().in_flight, 1);
  EXPECT_EQ(reply("old", {.claims_tombstones = true}), Reply::kExecute);
}

TEST_F(LedgerFailure, ASweepThatIsNotOnDiskIsDoneAgain) {
  for (const char* name : {"a", "b", "c"}) completed(name, kLong);
  pass(kKeep);
  refuse_next();
  sweep();
  expect_hit();
  EXPECT_TRUE(stored("a")->answer);
  sweep();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(stored(name)->record.state, RecordState::kTombstone) << name;
  }
  expect_right_books();
}

TEST_F(LedgerFailure, ARecoveryGoesOnWhenAWriteFails) {
  sent("a");
  Running execution = sent("b", kSafe);
  put_parts(execution, kLong);
  start();
  claim("other");
  refuse_next();
  recover();
  expect_hit();
  process_.settle();
  EXPECT_EQ(recoveries_, 1);
  EXPECT_EQ(books().chunks, 0u);
  EXPECT_EQ(stored("a")->record.state, RecordState::kUnknown);
}

TEST_F(LedgerFailure, TheCountsAreRightAfterEachWriteThatFailed) {
  for (int n = 1; n < 60; ++n) {
    const std::string name = std::to_string(n);
    disk_.plan(DiskFault::kRefused, n);
    Found found;
    if (auto asked = try_ask(question_of(name, kUnsent))) found = std::move(*asked);
    Running execution = running(name, kUnsent, found);
    execution.key = ledger_key(name);
    if (advance(execution, {kSend})) {
      if (!complete(execution, "body")) leave(execution, {kLost});
    } else {
      leave(execution, {kAbandon});
    }
    disk_.plan(DiskFault::kNone, 0);
    const Books kept = books();
    ASSERT_EQ(ledger().counts().records, kept.records) << n;
    ASSERT_EQ(ledger().counts().bytes, kept.bytes) << n;
  }
}

}  // namespace
}  // namespace outrigger::filters
