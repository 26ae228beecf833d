// What happens while the cache's thread is in the middle of something: its clock, which it reads
// before it takes what it has found and when it writes, holds it up there.
#include <semaphore>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/filters/cache/answer_cache_fixture.h"

namespace outrigger::filters {
namespace {

using testing::cache_time;
using testing::numbered_key;

class AnswerCacheRaceTest : public testing::AnswerCacheTest {
 protected:
  AnswerCacheRaceTest() { settings_.clock = &held_clock; }
  ~AnswerCacheRaceTest() override {
    let_go();
    cache_.reset();
  }

  static std::int64_t held_clock() noexcept {
    const std::int64_t now = cache_time;
    if (holds_.exchange(false)) {
      is_held_ = true;
      held_.release();
      let_go_.acquire();
    }
    return now;
  }
  // The next time that the thread reads the clock.
  static void hold() { holds_ = true; }
  static void wait_until_held() { held_.acquire(); }
  static void let_go() {
    holds_ = false;
    if (is_held_.exchange(false)) let_go_.release();
  }
  // On disk only, and the thread is in the middle of loading it.
  void begin_load(std::uint64_t number) {
    open();
    put(number);
    cache_->stop();
    open();
    settle();
    wait_until_tidied();
    hold();
    group_.spawn(load_into(*cache_, loop_, numbered_key(number), scope_, found_));
    wait_until_held();
  }
  CacheEntryPtr end_load() {
    let_go();
    loop_.run(group_);
    return std::move(found_);
  }
  // The thread waits, and does not read the clock on its own for most of a second.
  void wait_until_tidied() {
    hold();
    CachePurge nothing;
    nothing.key = numbered_key(UINT64_MAX);
    std::thread purging([&] { ASSERT_TRUE(cache_->purge(nothing)); });
    wait_until_held();
    let_go();
    purging.join();
  }

  CancelScope scope_;
  CacheEntryPtr found_;
  TaskGroup group_{loop_};

 private:
  static inline std::atomic<bool> holds_ = false, is_held_ = false;
  static inline std::binary_semaphore held_{0};
  static inline std::counting_semaphore<> let_go_{0};
};

TEST_F(AnswerCacheRaceTest, ALoadGivesWhatIsThere) {
  begin_load(1);
  EXPECT_TRUE(is(end_load(), 1));
  EXPECT_TRUE(is(find(1), 1));
}

TEST_F(AnswerCacheRaceTest, ALoadGivesNothingThatIsOfNoUse) {
  open();
  put(1);
  cache_->stop();
  open();
  settle();
  CacheKey alike = numbered_key(1);
  alike.back() ^= 1;
  EXPECT_EQ(load(alike), nullptr);  // so the thread has tidied, and does not for a second
  EXPECT_TRUE(cache_->may_be_on_disk(numbered_key(1)));
  cache_time += 3'600'000'000;
  EXPECT_EQ(load(1), nullptr);
}

TEST_F(AnswerCacheRaceTest, ALoadDoesNotBringBackWhatWasErased) {
  begin_load(1);
  cache_->erase(numbered_key(1));
  EXPECT_EQ(end_load(), nullptr);
  EXPECT_EQ(find(1), nullptr);
  settle();
  EXPECT_FALSE(cache_->may_be_on_disk(numbered_key(1)));
}

TEST_F(AnswerCacheRaceTest, ALoadDoesNotBringBackWhatWasReplaced) {
  begin_load(1);
  cache_->put(numbered_key(1), entry(11));
  EXPECT_TRUE(is(end_load(), 11));
  EXPECT_TRUE(is(find(1), 11));
}

TEST_F(AnswerCacheRaceTest, ALoadDoesNotBringBackWhatWasPurged) {
  for (const CachePurge& purge : {CachePurge{}, CachePurge{.key = numbered_key(1)},
                                  CachePurge{.tag = "all"}, CachePurge{.upstream = "odd"}}) {
    begin_load(1);
    std::thread purging([&] { EXPECT_TRUE(cache_->purge(purge)); });
    // The purge has begun when what it is meant for cannot be put any more.
    do {
      put(1);
    } while (find(1) != nullptr);
    EXPECT_EQ(end_load(), nullptr);
    purging.join();
    EXPECT_EQ(find(1), nullptr);
    EXPECT_EQ(load(1), nullptr);
    settle();
    EXPECT_EQ(cache_->figures().disk.entries, 0U);
  }
}

TEST_F(AnswerCacheRaceTest, WhatIsNotMeantIsPutWhileAPurgeRuns) {
  begin_load(1);
  std::thread purging([&] { EXPECT_TRUE(cache_->purge({.upstream = "odd"})); });
  do {
    put(3);
  } while (find(3) != nullptr);
  put(2);
  EXPECT_EQ(end_load(), nullptr);
  purging.join();
  EXPECT_TRUE(is(find(2), 2));
  cache_->stop();
  open();
  EXPECT_TRUE(is(load(2), 2));
  EXPECT_EQ(load(3), nullptr);
}

// The thread is writing the entry when it is purged: that ends before the erasure begins.
TEST_F(AnswerCacheRaceTest, AWriteThatIsOnItsWayDoesNotBringBackWhatWasPurged) {
  open();
  settle();
  wait_until_tidied();
  hold();
  put(1);
  wait_until_held();
  std::thread purging([&] {
    const auto purged = cache_->purge({.upstream = "odd"});
    ASSERT_TRUE(purged);
    EXPECT_GE(purged->entries, 1U);
  });
  do {
    put(3);
  } while (find(3) != nullptr);
  let_go();
  purging.join();
  EXPECT_EQ(find(1), nullptr);
  cache_->stop();
  open();
  EXPECT_EQ(load(1), nullptr);
}

TEST_F(AnswerCacheRaceTest, WhatIsBeingWrittenCanBeHad) {
  settings_.memory_bytes = kMebibyte;
  open();
  settle();
  wait_until_tidied();
  hold();
  put(1, 500'000);  // too long for memory
  wait_until_held();
  EXPECT_TRUE(cache_->may_be_on_disk(numbered_key(1)));
  group_.spawn(load_into(*cache_, loop_, numbered_key(1), scope_, found_));
  EXPECT_TRUE(is(end_load(), 1, 500'000));
}

// Whoever puts never waits: what the disk cannot follow is dropped, and what it was to replace too.
TEST_F(AnswerCacheRaceTest, ASlowDiskLosesWritesAndNothingElse) {
  open();
  put(1000);
  settle();
  wait_until_tidied();
  hold();
  put(0, 1'000'000);
  wait_until_held();
  for (std::uint64_t i = 1; i < 20; ++i) put(i, 1'000'000);
  cache_->put(numbered_key(1000), entry(11, 1'000'000));
  CacheFigures figures = cache_->figures();
  EXPECT_GE(figures.dropped, 16U);
  EXPECT_LE(figures.waiting_bytes, 4 * kMebibyte + kMebibyte);
  EXPECT_TRUE(is(find(19), 19, 1'000'000));
  let_go();
  cache_->stop();
  open();
  EXPECT_EQ(load(1000), nullptr);
  EXPECT_TRUE(is(load(0), 0, 1'000'000));
  settle();
  EXPECT_EQ(cache_->figures().disk.entries, 20 - (figures.dropped - 1));
}

TEST_F(AnswerCacheRaceTest, MoreErasuresThanCanWaitEmptyTheDisk) {
  constexpr std::uint64_t kEntries = 22'000;
  open();
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    put(i, 0);
    if (i % 2000 == 0) settle();
  }
  settle();
  wait_until_tidied();
  ASSERT_EQ(cache_->figures().disk.entries, kEntries);
  hold();
  put(100'000, 1'000'000);
  wait_until_held();
  for (std::uint64_t i = 1; i < 4; ++i) put(100'000 + i, 1'000'000);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    cache_->erase(numbered_key(i));
    ASSERT_FALSE(cache_->may_be_on_disk(numbered_key(i)));
  }
  let_go();
  settle();
  EXPECT_EQ(cache_->figures().begun_anew, 1U);
  EXPECT_EQ(cache_->figures().disk.entries, 0U);
  put(1);
  cache_->stop();
  open();
  EXPECT_TRUE(is(load(1), 1));
  EXPECT_EQ(load(2), nullptr);
}

}  // namespace
}  // namespace outrigger::filters
