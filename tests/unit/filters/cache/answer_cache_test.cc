#include "filters/cache/answer_cache.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/filters/cache/answer_cache_fixture.h"

namespace outrigger::filters {
namespace {

using testing::AnswerCacheTest;
using testing::cache_time;
using testing::numbered_key;

TEST_F(AnswerCacheTest, IsInMemoryOnlyWithoutADisk) {
  settings_.disk_bytes = 0;
  open();
  put(1);
  EXPECT_TRUE(is(find(1), 1));
  EXPECT_FALSE(cache_->may_be_on_disk(numbered_key(1)));
  EXPECT_EQ(load(1), nullptr);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/cache"));
  ASSERT_EQ(cache_->purge({})->entries, 1U);
  EXPECT_EQ(find(1), nullptr);
}

TEST_F(AnswerCacheTest, GivesBackWhatWasPutAfterARestart) {
  open();
  const std::vector<std::size_t> sizes = {
      0, 1, 100, CacheEntry::kPiece - 1, CacheEntry::kPiece, CacheEntry::kPiece + 1, 3'000'000};
  for (std::size_t i = 0; i < sizes.size(); ++i) put(i, sizes[i]);
  cache_->stop();
  open();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(find(i), nullptr);
    EXPECT_TRUE(cache_->may_be_on_disk(numbered_key(i)));
    EXPECT_TRUE(is(load(i), i, sizes[i])) << sizes[i];
  }
  EXPECT_TRUE(is(find(1), 1, 1));  // it was taken into memory
  EXPECT_EQ(cache_->figures().disk.hits, sizes.size());
  settle();
  EXPECT_FALSE(cache_->may_be_on_disk(numbered_key(99)));
  EXPECT_EQ(load(99), nullptr);
  EXPECT_EQ(cache_->news(), std::nullopt);
}

TEST_F(AnswerCacheTest, KeepsOnDiskWhatIsTooLongForMemory) {
  settings_.memory_bytes = kMebibyte;
  open();
  put(1, 1'000'000);
  EXPECT_EQ(find(1), nullptr);
  EXPECT_TRUE(is(load(1), 1, 1'000'000));  // as it waits for the disk, or from there
  settle();
  EXPECT_TRUE(is(load(1), 1, 1'000'000));
}

TEST_F(AnswerCacheTest, WhatIsPutAgainOrErasedIsNeverSeenAgain) {
  open();
  put(1), put(2), put(3);
  settle();
  cache_->put(numbered_key(1), entry(11));
  cache_->erase(numbered_key(2));
  EXPECT_EQ(load(2), nullptr);  // while the erasure waits, or is done
  // One that is not kept drives out what it replaces all the same.
  cache_->put(numbered_key(3), entry(3, settings_.disk_bytes / 8 + 1));
  EXPECT_EQ(load(3), nullptr);
  cache_->stop();
  open();
  EXPECT_TRUE(is(load(1), 11));
  EXPECT_EQ(load(2), nullptr);
  EXPECT_EQ(load(3), nullptr);
  EXPECT_EQ(cache_->figures().disk.entries, 1U);
}

TEST_F(AnswerCacheTest, GivesNothingThatIsOfNoUseAndSweepsIt) {
  open();
  put(1);
  settle();
  cache_->stop();
  open();
  settle();
  EXPECT_EQ(cache_->figures().disk.entries, 1U);
  cache_time += 3'600'000'000;
  EXPECT_EQ(load(1), nullptr);
  settle();  // it is tidied after each round of work
  settle();
  EXPECT_EQ(cache_->figures().disk.entries, 0U);
  EXPECT_EQ(cache_->figures().disk.expired, 1U);
}

TEST_F(AnswerCacheTest, PurgesWhatIsMeantInBothTiersForGood) {
  struct Row {
    std::string_view name;
    CachePurge purge;
    std::uint64_t meant;
  };
  const std::vector<Row> rows = {
      {"a key", {.key = numbered_key(7)}, 1},
      {"a key that has not the tag", {.key = numbered_key(7), .tag = "tag-1"}, 0},
      {"a tag", {.tag = "tag-2"}, 6},
      {"a tag of all", {.tag = "all"}, 30},
      {"an upstream", {.upstream = "odd"}, 15},
      {"a model", {.model = "model-0"}, 10},
      {"what is no model", {.model = "tag-1"}, 0},
      {"an age", {.stored_before_us = testing::kCacheStart + 10}, 10},
      {"all of these",
       {.tag = "tag-1",
        .upstream = "odd",
        .model = "model-1",
        .stored_before_us = testing::kCacheStart + 10},
       1},
      {"everything", {}, 30},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    open();
    for (std::uint64_t i = 0; i < 20; ++i) put(i);
    cache_->stop();
    open();  // so these are on disk only, and the next also in memory, or on their way to disk
    for (std::uint64_t i = 20; i < 30; ++i) put(i);
    const auto counted = cache_->count(row.purge);
    ASSERT_TRUE(counted);
    EXPECT_EQ(counted->entries, row.meant) << "and nothing has gone";
    const auto purged = cache_->purge(row.purge);
    ASSERT_TRUE(purged);
    EXPECT_EQ(purged->entries, row.meant);
    for (const bool again : {false, true}) {
      if (again) open();
      for (std::uint64_t i = 0; i < 30; ++i) {
        const bool meant = row.purge.meets(numbered_key(i), *entry(i));
        const CacheEntryPtr there = find(i) != nullptr ? find(i) : load(i);
        EXPECT_EQ(is(there, i), !meant) << i;
        EXPECT_EQ(there == nullptr, meant) << i;
      }
    }
    ASSERT_TRUE(cache_->purge({}));
  }
}

TEST_F(AnswerCacheTest, StaysWithinItsBytesOnDisk) {
  settings_.disk_bytes = 8 * kMebibyte;
  settings_.memory_bytes = kMebibyte;
  open();
  for (std::uint64_t i = 0; i < 700; ++i) {
    put(i, 60'000);
    if (i % 20 == 0) settle();
    if (i % 10 == 0 && i > 100) (void)load(100);
  }
  settle();
  cache_->stop();
  const CacheFigures figures = cache_->figures();
  EXPECT_LE(figures.disk.bytes, settings_.disk_bytes);
  EXPECT_GE(figures.disk.bytes, settings_.disk_bytes / 2);
  EXPECT_GE(figures.disk.full, 550U);
  EXPECT_EQ(figures.dropped, 0U);
  std::uint64_t files = 0;  // LevelDB would keep several times as much of what has gone
  for (const auto& file : std::filesystem::directory_iterator(folder_ + "/cache")) {
    files += file.file_size();
  }
  EXPECT_LE(files, settings_.disk_bytes + settings_.disk_bytes / 4);
  open();
  EXPECT_TRUE(is(load(100), 100, 60'000));  // it was in use
  EXPECT_TRUE(is(load(699), 699, 60'000));
  EXPECT_EQ(load(50), nullptr);
}

TEST_F(AnswerCacheTest, NoTextOfAnAnswerIsInTheFilesWhenThereIsAKey) {
  for (const std::string_view key : {"", "a key of the operator"}) {
    settings_.encryption_key = Secret(std::string(key));
    open();
    CacheEntry secret = *entry(1);
    secret.body = {"canary-in-the-body"};
    secret.head.fields = {{"x-canary", "canary-in-the-head"}};
    cache_->put(numbered_key(1), std::make_shared<const CacheEntry>(std::move(secret)));
    cache_->stop();
    std::string files;
    for (const auto& file : std::filesystem::directory_iterator(folder_ + "/cache")) {
      std::ifstream in(file.path());
      files.append(std::istreambuf_iterator<char>(in), {});
    }
    EXPECT_EQ(files.find("canary") != std::string::npos, key.empty());
    open();
    EXPECT_NE(load(1), nullptr);
  }
}

TEST_F(AnswerCacheTest, AnotherKeyMeansAnotherCache) {
  const std::vector<std::string> keys = {"", "one", "two", ""};
  for (const std::string& key : keys) {
    settings_.encryption_key = Secret(std::string(key));
    open();
    EXPECT_EQ(cache_->news().has_value(), &key != keys.data());
    EXPECT_EQ(load(1), nullptr);
    put(1);
    cache_->stop();
  }
  open();
  EXPECT_TRUE(is(load(1), 1));
}

TEST_F(AnswerCacheTest, GoesWithoutADiskThatAnotherHas) {
  open();
  put(1);
  settle();
  AnswerCache other(settings_);
  const Status opened = other.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, "store_busy");
  other.put(numbered_key(2), entry(2));
  EXPECT_TRUE(is(other.find(numbered_key(2), cache_time), 2));
  ASSERT_TRUE(other.purge({}));
  other.stop();
  cache_->stop();
  open();
  EXPECT_TRUE(is(load(1), 1));  // nothing of it was touched
}

TEST_F(AnswerCacheTest, ALoadThatIsCancelledEndsAtOnce) {
  open();
  put(1);
  cache_->stop();
  open();
  CancelScope scope;
  CacheEntryPtr found = entry(9);
  TaskGroup group(loop_);
  group.spawn(load_into(*cache_, loop_, numbered_key(1), scope, found));
  scope.cancel({});
  loop_.run(group);
  EXPECT_EQ(found, nullptr);
  cache_->stop();
  EXPECT_EQ(load(1), nullptr);  // nobody answers, and nobody waits
}

// Threads that put, erase and load, and one that purges: what is found is whole and its own.
TEST_F(AnswerCacheTest, IsForAnyThread) {
  settings_.memory_bytes = kMebibyte;
  open();
  std::atomic<bool> wrong = false;
  const auto work = [&](std::uint64_t seed) {
    testing::CacheLoop loop;
    Random random(seed);
    for (int i = 0; i < 400; ++i) {
      const std::uint64_t number = random.below(100);
      const CacheKey key = numbered_key(number);
      const auto action = random.below(10);
      if (action < 4) put(number, 5000);
      if (action == 4) cache_->erase(key);
      CacheEntryPtr found = cache_->find(key, cache_time);
      if (found == nullptr) {
        CancelScope scope;
        TaskGroup group(loop);
        group.spawn(load_into(*cache_, loop, key, scope, found));
        loop.run(group);
      }
      if (found != nullptr && !is(found, number, 5000)) wrong = true;
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 3; ++seed) threads.emplace_back(work, seed);
  for (int i = 0; i < 20; ++i) {
    if (!cache_->purge({.upstream = i % 2 == 0 ? "even" : "odd"})) wrong = true;
    (void)cache_->figures();
  }
  if (!cache_->purge({})) wrong = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
  ASSERT_TRUE(cache_->purge({}));
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_FALSE(cache_->may_be_on_disk(numbered_key(i)));
  EXPECT_EQ(cache_->figures().disk.entries, 0U);
  EXPECT_EQ(cache_->figures().begun_anew, 0U);
}

}  // namespace
}  // namespace outrigger::filters
