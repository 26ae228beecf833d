#include "proxy/store/journal.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/store/fault_env.h"

namespace outrigger::store {
namespace {

class Work final : public Job {
 public:
  using Run = std::function<void(Transaction&)>;
  using Settle = std::function<void(const Status&)>;
  explicit Work(Run run, Settle settle = {}) : run_(std::move(run)), settle_(std::move(settle)) {}
  void run(Transaction& store) override {
    if (run_) run_(store);
  }
  void settle(const Status& written) override {
    if (settle_) settle_(written);
  }

 private:
  Run run_;
  Settle settle_;
};

std::unique_ptr<Job> work(Work::Run run, Work::Settle settle = {}) {
  return std::make_unique<Work>(std::move(run), std::move(settle));
}

// Keeps the journal's thread busy until it is let go: what is submitted meanwhile is taken
// together.
class Hold {
 public:
  explicit Hold(Journal& journal) {
    journal.submit_always(work([state = state_](Transaction&) {
      state->entered.release();
      state->let_go.acquire();
    }));
    state_->entered.acquire();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { state_->let_go.release(); }

 private:
  struct State {
    std::binary_semaphore entered{0}, let_go{0};
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    const bool in_memory = std::filesystem::is_directory("/dev/shm");
    const std::filesystem::path parent =
        in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "journal-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    // In the place of the room that is kept for a full disk: there is none.
    std::filesystem::create_directory(folder_ + "/ballast");
    open();
  }
  ~JournalTest() override {
    journal_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open() {
    journal_.reset();
    journal_ = std::make_unique<Journal>();
    const Status opened =
        journal_->open({.folder = folder_, .encryption_key = {}, .previous_key = {}, .env = &env_},
                       [](Store&) { return Status{}; });
    ASSERT_TRUE(opened) << opened.error().detail;
  }
  // Until all that was submitted is settled: by a job of its own batch, since those of one that
  // failed are settled backwards.
  void drain() {
    for (int batch = 0; batch < 2; ++batch) {
      auto settled = std::make_shared<std::promise<void>>();
      journal_->submit_always(work({}, [settled](const Status&) { settled->set_value(); }));
      settled->get_future().wait();
    }
  }
  // A job that writes, and says how that went.
  void put(const std::string& key, std::string value = "1") {
    ASSERT_TRUE(journal_->submit(
        work([key, value](Transaction& store) { store.put(key, value); },
             [this, key](const Status& written) { told_ += key + (written ? "+ " : "- "); })));
  }
  std::string get(const std::string& key) const {
    const auto value = journal_->store()->get(key);
    return value ? value->value_or("nothing") : "error " + std::string(value.error().reason);
  }

  std::string folder_;
  FaultEnv env_;
  std::unique_ptr<Journal> journal_;
  std::string told_;  // by the journal's thread; read after drain()
};

TEST_F(JournalTest, RunsAndSettlesInTheOrderInWhichItWasGiven) {
  std::vector<int> ran, settled;
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(journal_->submit(work([&ran, i](Transaction&) { ran.push_back(i); },
                                      [&settled, i](const Status&) { settled.push_back(i); })));
  }
  drain();
  ASSERT_EQ(ran.size(), 3000u);
  EXPECT_TRUE(std::ranges::is_sorted(ran));
  EXPECT_EQ(settled, ran);
}

TEST_F(JournalTest, ManyJobsAreOneSyncedWrite) {
  drain();
  const std::int64_t before = env_.syncs();
  {
    const Hold hold(*journal_);
    for (int i = 0; i < 100; ++i) put(fmt::format("k{}", i));
  }
  drain();
  EXPECT_EQ(env_.syncs() - before, 1);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(get(fmt::format("k{}", i)), "1");
}

TEST_F(JournalTest, ABatchHasItsMostJobsAndNoMore) {
  drain();
  const std::int64_t before = env_.syncs();
  {
    const Hold hold(*journal_);
    for (std::size_t i = 0; i < Journal::kBatchJobs + 1; ++i) put(fmt::format("k{}", i));
  }
  drain();
  EXPECT_EQ(env_.syncs() - before, 2);
}

TEST_F(JournalTest, ABatchThatIsLargeEnoughIsWritten) {
  drain();
  const std::int64_t before = env_.syncs();
  {
    const Hold hold(*journal_);
    for (const char* key : {"a", "b", "c"}) put(key, std::string(Journal::kBatchBytes - 2, 'x'));
  }
  drain();
  EXPECT_EQ(env_.syncs() - before, 2) << "a and b, then c";
  EXPECT_EQ(told_, "a+ b+ c+ ");
}

TEST_F(JournalTest, JobsThatWriteNothingCostNoWrite) {
  drain();
  const std::int64_t syncs = env_.syncs(), appends = env_.appends();
  std::string seen;
  journal_->submit_always(work([&](Transaction& store) { seen = store.empty() ? "empty" : "not"; },
                               [&](const Status& written) { seen += written ? ", good" : ""; }));
  drain();
  EXPECT_EQ(seen, "empty, good");
  EXPECT_EQ(env_.syncs(), syncs);
  EXPECT_EQ(env_.appends(), appends);
}

TEST_F(JournalTest, AJobSeesWhatTheJobsBeforeItHaveWritten) {
  put("old");
  drain();
  std::string seen;
  const auto look = [&seen](Transaction& store) {
    for (const char* key : {"old", "new"}) {
      const auto value = store.get(key);
      ASSERT_TRUE(value);
      seen += value->value_or("nothing") + " ";
    }
  };
  {
    const Hold hold(*journal_);
    journal_->submit(work(look));
    journal_->submit(work([](Transaction& store) {
      store.put("new", "2");
      store.erase("old");
    }));
    journal_->submit(work(look));
    journal_->submit(work([](Transaction& store) {
      store.erase("new");
      store.put("old", "3");
    }));
    journal_->submit(work(look));
  }
  drain();
  EXPECT_EQ(seen, "1 nothing nothing 2 3 nothing ");
  EXPECT_EQ(get("old"), "3");
  EXPECT_EQ(get("new"), "nothing");
}

TEST_F(JournalTest, AScanSeesWhatIsOnDisk) {
  for (const char* key : {"a/1", "a/2", "a/3", "b/1"}) put(key);
  drain();
  std::string seen;
  {
    const Hold hold(*journal_);
    put("a/0");
    journal_->submit(work([&](Transaction& store) {
      EXPECT_TRUE(store.scan_from("a/", "a/2", [&](std::string_view key, std::string_view) {
        seen.append(key).append(" ");
        return true;
      }));
    }));
  }
  drain();
  EXPECT_EQ(seen, "a/2 a/3 ");
}

// What fails: a write that a full disk cuts short, or its sync.
class FailedWrite : public JournalTest, public testing::WithParamInterface<const char*> {
 protected:
  void fail_next() {
    std::string_view(GetParam()) == "append" ? env_.cut_append(1) : env_.fail_sync(1);
  }
};
INSTANTIATE_TEST_SUITE_P(, FailedWrite, testing::Values("append", "sync"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(FailedWrite, IsToldToAllOfTheBatchTheLastOneFirst) {
  drain();
  {
    const Hold hold(*journal_);
    for (const char* key : {"a", "b", "c"}) put(key);
    fail_next();
  }
  drain();
  EXPECT_EQ(told_, "c- b- a- ");
}

TEST_P(FailedWrite, IsSettledBeforeTheNextBatchIsRun) {
  drain();
  std::string order;
  {
    const Hold hold(*journal_);
    put("a");
    fail_next();
    journal_->submit(work([](Transaction&) {},
                          [&](const Status& written) {
                            order += written ? "good " : "failed ";
                            journal_->submit(work([&](Transaction&) { order += "next "; }));
                          }));
  }
  drain();
  EXPECT_EQ(order, "failed next ");
}

// LevelDB would go on behind a half-written record, and lose the rest (durability 0, fact 1).
TEST_P(FailedWrite, CostsNothingOfWhatIsWrittenAfterwards) {
  for (int i = 0; i < 20; ++i) {
    if (i == 10) fail_next();
    put(fmt::format("k{:02}", i));
    drain();
  }
  const std::string told = told_;
  EXPECT_NE(told.find("k10- k11+ "), std::string::npos) << told;
  open();
  for (int i = 0; i < 20; ++i) {
    const std::string key = fmt::format("k{:02}", i);
    if (i != 10) EXPECT_EQ(get(key), "1") << key;
  }
}

TEST_F(JournalTest, AWriteThatWasCutShortHasNotHappened) {
  put("a");
  drain();
  {
    const Hold hold(*journal_);
    put("a", "2");
    put("b");
    env_.cut_append(1);
  }
  drain();
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "nothing");
}

TEST_F(JournalTest, OnAFullDiskEveryBatchIsRefusedUntilThereIsRoom) {
  drain();
  env_.set_full(true);
  for (const char* key : {"a", "b", "c"}) {
    put(key);
    drain();
  }
  env_.set_full(false);
  put("d");
  drain();
  EXPECT_EQ(told_, "a- b- c- d+ ");
  open();
  EXPECT_EQ(get("d"), "1");
}

// What has begun can end in the room of the ballast.
TEST_F(JournalTest, ABatchThatFindsNoRoomIsWrittenInTheRoomThatWasKeptForIt) {
  journal_.reset();
  std::filesystem::remove(folder_ + "/ballast");
  open();
  drain();
  EXPECT_FALSE(journal_->tight());
  EXPECT_EQ(std::filesystem::file_size(folder_ + "/ballast"), Ballast::kBytes);
  env_.cut_append(1);
  put("a");
  drain();
  EXPECT_EQ(told_, "a+ ");
  EXPECT_EQ(get("a"), "1");
  EXPECT_TRUE(journal_->tight()) << "nothing new should begin";
  EXPECT_EQ(journal_->failures(), 0u);
  open();
  EXPECT_EQ(get("a"), "1");
}

TEST_F(JournalTest, WithoutRoomToKeepNothingNewShouldBegin) {
  EXPECT_TRUE(journal_->tight());
}

TEST_F(JournalTest, AWriteThatFailsOtherwiseLeavesTheRoomAlone) {
  journal_.reset();
  std::filesystem::remove(folder_ + "/ballast");
  open();
  drain();
  env_.fail_sync(1);
  put("a");
  drain();
  EXPECT_EQ(told_, "a- ");
  EXPECT_FALSE(journal_->tight());
  EXPECT_EQ(journal_->failures(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/ballast"));
}

TEST_F(JournalTest, StopFinishesWhatWasGivenAndTakesNoMore) {
  auto hold = std::make_unique<Hold>(*journal_);
  for (int i = 0; i < 50; ++i) put(fmt::format("k{}", i));
  std::thread stopping([this] { journal_->stop(); });
  while (journal_->submit(work({}))) std::this_thread::yield();
  hold.reset();
  stopping.join();
  EXPECT_EQ(std::ranges::count(told_, '+'), 50);
  EXPECT_FALSE(journal_->submit(work({})));
  journal_->submit_always(work([](Transaction&) { FAIL() << "after its end"; }));
  open();
  EXPECT_EQ(get("k49"), "1");
}

TEST_F(JournalTest, RefusesWhatWouldWaitTooLongButNotTheEndOfWhatHasBegun) {
  std::size_t ran = 0;
  const auto count = [&ran](Transaction&) { ++ran; };
  {
    const Hold hold(*journal_);
    for (std::size_t i = 0; i < Journal::kMostWaiting; ++i) {
      ASSERT_TRUE(journal_->submit(work(count)));
    }
    EXPECT_FALSE(journal_->submit(work(count)));
    journal_->submit_always(work(count));
    EXPECT_EQ(journal_->waiting(), Journal::kMostWaiting + 1);
  }
  drain();
  EXPECT_EQ(ran, Journal::kMostWaiting + 1);
  EXPECT_TRUE(journal_->submit(work({})));
}

TEST_F(JournalTest, TakesNothingBeforeItIsOpen) {
  Journal closed;
  EXPECT_FALSE(closed.submit(work({})));
  EXPECT_FALSE(closed.is_open());
  EXPECT_EQ(closed.store(), nullptr);
}

TEST_F(JournalTest, MayBeOpenedAgainWhenThatFailed) {
  journal_.reset();
  journal_ = std::make_unique<Journal>();
  const Store::Setup setup{
      .folder = folder_, .encryption_key = {}, .previous_key = {}, .env = &env_};
  const auto refuse = [](Store&) -> Status {
    return fail(Errc::kSystem, Origin::kProxy, "not_yet");
  };
  const Status refused = journal_->open(setup, refuse);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "not_yet");
  EXPECT_FALSE(journal_->is_open());
  ASSERT_TRUE(journal_->open(setup, [](Store&) { return Status{}; }));
  put("a");
  drain();
  EXPECT_EQ(get("a"), "1");
}

TEST_F(JournalTest, TakesJobsOfManyThreads) {
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::vector<int>> ran(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string key = fmt::format("{}/{}", t, i);
        journal_->submit_always(work([&ran, t, i, key](Transaction& store) {
          ran[static_cast<std::size_t>(t)].push_back(i);
          store.put(key, "1");
        }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  drain();
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_EQ(ran[static_cast<std::size_t>(t)].size(), static_cast<std::size_t>(kEach));
    EXPECT_TRUE(std::ranges::is_sorted(ran[static_cast<std::size_t>(t)])) << "each one's in order";
    EXPECT_EQ(get(fmt::format("{}/{}", t, kEach - 1)), "1");
  }
}

}  // namespace
}  // namespace outrigger::store
