// What a process finds that another one has left.
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/filters/idempotency_ledger_steps.h"

namespace outrigger::filters {
namespace {

using enum RecordEvent;

const std::string kLong = random_bytes(3 * StoredAnswer::kChunk + 17, 1);

TEST_F(LedgerTest, AfterARestartAnswersAreReplayed) {
  completed("short", "the answer");
  completed("long", kLong);
  completed("safe", "safe", kSafe);
  restart();
  EXPECT_EQ(replayed("short"), "the answer");
  EXPECT_TRUE(replayed("long") == kLong);
  EXPECT_EQ(replayed("safe", kSafe), "safe");
  expect_right_books();
}

TEST_F(LedgerTest, AfterARestartWhatWasSentMayHaveBeenExecuted) {
  sent("unsent");
  sent("keyed", kKeyed);
  sent("verify", kVerifyLater);
  Running responding = sent("responding");
  ASSERT_TRUE(advance(responding, {kHead}));
  sent("safe", kSafe);
  claim("claimed");
  start();
  EXPECT_EQ(recover(), std::pair(std::size_t{4}, std::size_t{0}));
  for (const char* name : {"unsent", "responding", "keyed", "verify"}) {
    EXPECT_EQ(stored(name)->record.state, RecordState::kUnknown) << name;
  }
  EXPECT_EQ(reply("unsent"), Reply::kWait);
  EXPECT_EQ(reply("responding"), Reply::kWait);
  EXPECT_EQ(reply("verify", kVerifyLater), Reply::kWait);
  EXPECT_EQ(reply("keyed", kKeyed), Reply::kExecute);
  EXPECT_EQ(reply("safe", kSafe), Reply::kExecute);
  EXPECT_EQ(reply("claimed"), Reply::kExecute) << "nothing of it was sent";
  expect_right_books();
}

// The recovery takes its time: whoever asks first finds the same.
TEST_F(LedgerTest, AfterARestartNobodyNeedsToWaitForTheRecovery) {
  sent("unsent");
  sent("keyed", kKeyed);
  start();
  EXPECT_EQ(reply("unsent"), Reply::kWait);
  const Found again = ask("keyed", kKeyed);
  EXPECT_EQ(again.reply, Reply::kExecute);
  EXPECT_EQ(again.record.state, RecordState::kUnknown);
  Running execution = running("keyed", kKeyed, again);
  ASSERT_TRUE(advance(execution, {kSendUnknown}));
  EXPECT_EQ(recover().first, 1u) << "not what is at work again";
  ASSERT_TRUE(complete(execution, "answer"));
  EXPECT_EQ(replayed("keyed", kKeyed), "answer");
  expect_right_books();
}

TEST_F(LedgerTest, TheWordOfAnEarlierProcessIsWorthNothing) {
  Running execution = sent("a");
  restart();
  EXPECT_FALSE(complete(execution, "too late"));
  leave(execution, {kUnexecuted});
  EXPECT_EQ(stored("a")->record.state, RecordState::kUnknown);
}

TEST_F(LedgerTest, EveryProcessHasAnEpochOfItsOwn) {
  std::uint64_t before = 0;
  for (int i = 0; i < 4; ++i) {
    const Running execution = claim(std::to_string(i));
    EXPECT_GT(execution.record.epoch, before);
    before = execution.record.epoch;
    restart();
  }
}

TEST_F(LedgerTest, AProcessThatWroteNothingLeavesNoEpochBehind) {
  sent("a");
  for (int i = 0; i < 3; ++i) start();
  EXPECT_EQ(reply("a"), Reply::kWait);
}

TEST_F(LedgerTest, PartsOfAnAnswerThatWasNeverWholeAreErasedAtTheRecovery) {
  for (const auto& [name, rules] : {std::pair("unsent", kUnsent), {"safe", kSafe}}) {
    Running execution = sent(name, rules);
    put_parts(execution, kLong);
  }
  process_.settle();
  EXPECT_EQ(books().chunks, 6u);
  restart();
  EXPECT_EQ(books().chunks, 0u);
  expect_right_books();
}

// Whoever takes the key over writes parts of its own.
TEST_F(LedgerTest, PartsOfAnEarlierProcessAreErasedWhenItsKeyIsAtWorkAgain) {
  Running execution = sent("a", kKeyed);
  put_parts(execution, kLong);
  start();
  Running again = running("a", kKeyed, ask("a", kKeyed));
  ASSERT_TRUE(advance(again, {kSendUnknown}));
  recover();
  ASSERT_TRUE(complete(again, kLong));
  EXPECT_TRUE(replayed("a", kKeyed) == kLong);
  expect_right_books();
  restart();
  expect_right_books();
}

// A batch of its own, as somebody else would have written it.
class LeftOver final : public store::Job {
 public:
  LeftOver(std::string name, std::string value)
      : name_(std::move(name)), value_(std::move(value)) {}
  void run(store::Transaction& store) override { store.put(name_, value_); }
  void settle(const Status&) override {}

 private:
  const std::string name_, value_;
};

TEST_F(LedgerTest, ADamagedRecordHidesNoOther) {
  for (const char* name : {"a", "b", "c"}) sent(name);
  process_.journal().submit_always(
      std::make_unique<LeftOver>(record_name(ledger_key("b")), "no record"));
  process_.settle();
  start();
  recover();
  for (int i = 0; i < 5; ++i) process_.settle();
  EXPECT_EQ(recoveries_, 1);
  EXPECT_EQ(found_, std::pair(std::size_t{2}, std::size_t{0}));
  EXPECT_EQ(reply("a"), Reply::kWait);
  EXPECT_EQ(reply("c"), Reply::kWait);
  const auto damaged = try_ask(question_of("b", kUnsent));
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().reason, "store_corrupt");
}

TEST_F(LedgerTest, AMarkThatIsLeftOverCostsNoAnswer) {
  completed("a", kLong);
  const std::string blob = stored("a")->answer->blob;
  process_.journal().submit_always(
      std::make_unique<LeftOver>(in_flight_name(ledger_key("a")), blob));
  process_.settle();
  restart();
  EXPECT_TRUE(replayed("a") == kLong);
  expect_right_books();
}

TEST_F(LedgerTest, ARecoveryOfManyTakesItsTimeAndFindsThemAll) {
  constexpr std::size_t kMany = 2'500;
  process_.run_in_step([&] {
    for (std::size_t i = 0; i < kMany; ++i) {
      process_.spawn([](Ledger& ledger, LedgerLoop& loop, std::string name) -> Task<void> {
        const auto found = co_await ledger.ask(loop, question_of(name, kUnsent));
        if (!found) co_return;
        (void)co_await ledger.advance(loop, ledger_key(name), {now(kSend)}, kUnsent);
      }(ledger(), process_.loop, std::to_string(i)));
    }
  });
  start();
  std::size_t found = 0;
  ledger().recover([&](std::size_t unknown, std::size_t) { found = unknown; });
  for (int i = 0; i < 4; ++i) process_.settle();
  EXPECT_EQ(found, kMany);
  EXPECT_EQ(books().in_flight, 0u);
  expect_right_books();
}

// Each write that fails opens the store again.
TEST_F(LedgerTest, ARecoveryOfManyDoesNotTryAgainAndAgainOnAFullDisk) {
  process_.run_in_step([&] {
    for (int i = 0; i < 1'100; ++i) {
      process_.spawn([](Ledger& ledger, LedgerLoop& loop, std::string name) -> Task<void> {
        if (!co_await ledger.ask(loop, question_of(name, kUnsent))) co_return;
        (void)co_await ledger.advance(loop, ledger_key(name), {now(kSend)}, kUnsent);
      }(ledger(), process_.loop, std::to_string(i)));
    }
  });
  start();
  disk_.plan(DiskFault::kFull, 1);
  recover();
  for (int i = 0; i < 20; ++i) process_.settle();
  EXPECT_LE(process_.journal().failures(), 10u);
  disk_.heal();
  process_.settle();
}

TEST_F(LedgerTest, ARecoveryOfNothingIsDoneToo) {
  EXPECT_EQ(recover(), std::pair(std::size_t{0}, std::size_t{0}));
  EXPECT_EQ(recoveries_, 1);
}

TEST_F(LedgerTest, TheCountsOutliveTheProcess) {
  completed("a", "12345");
  sent("b");
  start();
  claim("c");
  EXPECT_EQ(ledger().counts().records, 2);
  EXPECT_EQ(ledger().counts().bytes, 5);
}

}  // namespace
}  // namespace outrigger::filters
