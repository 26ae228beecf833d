// Disks that fail, files that change, processes that are killed: what is found is what was put, or
// nothing, and memory goes on.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <leveldb/db.h>

#include "tests/unit/filters/cache/answer_cache_fixture.h"
#include "tests/unit/store/fault_env.h"

namespace outrigger::filters {
namespace {

using testing::numbered_key;
namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class AnswerCacheDamageTest : public testing::AnswerCacheTest {
 protected:
  AnswerCacheDamageTest() {
    fs::create_directory(folder_ + "/state");
    write_file(folder_ + "/state/CURRENT", "not the cache's");
  }
  ~AnswerCacheDamageTest() override {
    cache_.reset();
    EXPECT_EQ(read_file(folder_ + "/state/CURRENT"), "not the cache's");
  }
  [[nodiscard]] fs::path database() const { return folder_ + "/cache"; }
  // All that is written goes on in it.
  std::unique_ptr<leveldb::DB> raw() const {
    leveldb::DB* opened = nullptr;
    EXPECT_TRUE(leveldb::DB::Open({}, database().string(), &opened).ok());
    return std::unique_ptr<leveldb::DB>(opened);
  }
  // The database's own records: key and value.
  std::vector<std::pair<std::string, std::string>> records(std::string_view prefix) const {
    std::vector<std::pair<std::string, std::string>> found;
    const auto db = raw();
    const std::unique_ptr<leveldb::Iterator> at(db->NewIterator({}));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      std::string key = at->key().ToString();
      if (key.starts_with(prefix)) found.emplace_back(std::move(key), at->value().ToString());
    }
    return found;
  }
  void expect_lost_but_working() {
    EXPECT_EQ(cache_->figures().begun_anew, 1U);
    EXPECT_TRUE(cache_->news().has_value());
    EXPECT_EQ(cache_->news(), std::nullopt);
    put(77);
    cache_->stop();
    open();
    EXPECT_TRUE(is(load(77), 77));
    EXPECT_EQ(cache_->figures().begun_anew, 0U);
  }
};

TEST_F(AnswerCacheDamageTest, AFullDiskEmptiesTheCacheAndMemoryGoesOn) {
  store::FaultEnv env;
  settings_.env = &env;
  open();
  put(1);
  settle();
  env.set_full(true);
  put(2);
  (void)cache_->purge({.key = numbered_key(UINT64_MAX)});  // it was written, or was not
  EXPECT_TRUE(is(find(1), 1));
  EXPECT_TRUE(is(find(2), 2));
  EXPECT_FALSE(cache_->may_be_on_disk(numbered_key(1)));
  EXPECT_FALSE(cache_->figures().disk_serves);
  EXPECT_TRUE(cache_->news().has_value());
  put(3);
  EXPECT_TRUE(is(find(3), 3));
  EXPECT_EQ(load(3), nullptr);
  ASSERT_FALSE(cache_->purge({}));  // nobody can say that it is gone from there
  EXPECT_EQ(find(3), nullptr);
  env.set_full(false);
  ASSERT_TRUE(cache_->purge({}));
  EXPECT_TRUE(cache_->figures().disk_serves);
  put(4);
  cache_->stop();
  open();
  EXPECT_TRUE(is(load(4), 4));
  EXPECT_EQ(load(1), nullptr);
}

// The n-th write to any file is cut short, whichever it is.
TEST_F(AnswerCacheDamageTest, OneFailedWriteLosesNoMoreThanTheDisk) {
  bool hit = true;
  for (std::int64_t n = 1; hit; ++n) {
    SCOPED_TRACE(n);
    ASSERT_LT(n, 500);
    store::FaultEnv env;
    settings_.env = &env;
    cache_ = std::make_unique<AnswerCache>(settings_);
    env.cut_append(n);
    const Status opened = cache_->open();
    for (std::uint64_t i = 0; i < 6; ++i) put(i, 1000 + 40'000 * (i % 3));
    (void)cache_->purge({.key = numbered_key(1)});
    cache_->erase(numbered_key(2));
    cache_->put(numbered_key(3), entry(33));
    EXPECT_TRUE(is(find(3), 33));
    cache_->stop();
    hit = env.hit();
    settings_.env = nullptr;
    open();
    for (std::uint64_t i = 0; i < 6; ++i) {
      const CacheEntryPtr found = load(i);
      const bool gone = i == 1 || i == 2;
      const bool equal = i == 3 ? is(found, 33) : is(found, i, 1000 + 40'000 * (i % 3));
      EXPECT_TRUE(found == nullptr || (equal && !gone)) << i;
      if (!hit && !gone) {
        EXPECT_TRUE(equal) << i;
      }
    }
    ASSERT_TRUE(cache_->purge({}));
  }
}

TEST_F(AnswerCacheDamageTest, WhatAKilledProcessLeavesIsWholeOrAbsent) {
  open();
  std::size_t found_in_all = 0;
  for (std::uint64_t round = 0; round < 8; ++round) {
    for (std::uint64_t i = 0; i < 10; ++i) put(round * 10 + i, 60'000);
    if (round % 4 == 3) settle();
    // What the system has of its files at that moment.
    const std::string left = folder_ + "/left";
    fs::create_directories(left);
    std::error_code ignored;  // a file may go while it is copied
    fs::copy(database(), left + "/cache", fs::copy_options::recursive, ignored);
    CacheSettings settings = settings_;
    settings.folder = left;
    auto running = std::exchange(cache_, std::make_unique<AnswerCache>(settings));
    ASSERT_TRUE(cache_->open());
    for (std::uint64_t i = 0; i < (round + 1) * 10; ++i) {
      const CacheEntryPtr found = load(i);
      if (found == nullptr) continue;
      ++found_in_all;
      ASSERT_TRUE(is(found, i, 60'000)) << i;
    }
    cache_ = std::move(running);
    fs::remove_all(left);
  }
  EXPECT_GT(found_in_all, 50U);
}

TEST_F(AnswerCacheDamageTest, APurgeOutlivesAPowerCut) {
  store::FaultEnv env;
  settings_.env = &env;
  open();
  for (std::uint64_t i = 0; i < 10; ++i) put(i);
  settle();  // on disk, for good, because a purge is waited for
  ASSERT_TRUE(cache_->purge({.upstream = "odd"}));
  env.cut_power();
  cache_->stop();
  cache_.reset();
  env.lose_unsynced();
  open();
  settle();
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(is(load(i), i), i % 2 == 0) << i;
}

TEST_F(AnswerCacheDamageTest, NoByteThatChangesMakesAnotherEntry) {
  open();
  put(1), put(2);
  settle();
  cache_.reset();
  open();  // what was in the log becomes a table
  put(3);
  cache_.reset();
  const fs::path whole = folder_ + "/whole";
  fs::copy(database(), whole);
  std::size_t kept = 0, tried = 0, at = 0;
  for (const auto& file : fs::directory_iterator(whole)) {
    const std::string bytes = read_file(file.path());
    if (file.path().filename() == "LOG" || file.path().filename() == "LOCK") continue;
    for (std::size_t i = 0; i < bytes.size(); ++i, ++at) {
      fs::remove_all(database());
      fs::copy(whole, database());
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (at % 8)));
      write_file(database() / file.path().filename(), changed);
      open();
      for (std::uint64_t number : {1, 2, 3}) {
        const CacheEntryPtr found = load(number);
        ASSERT_TRUE(found == nullptr || is(found, number))
            << file.path().filename() << " " << i << " " << number;
        ++tried;
        if (found != nullptr) ++kept;
      }
      cache_.reset();
    }
  }
  EXPECT_GT(tried, 1000U);
  EXPECT_GT(kept, 0U);
  EXPECT_LT(kept, tried);
}

// What stands before it in the log is whole, and would be back.
TEST_F(AnswerCacheDamageTest, AnErasureThatIsDamagedBringsNothingBack) {
  open();
  put(1);
  settle();
  cache_->erase(numbered_key(1));
  settle();
  cache_.reset();
  std::size_t logs = 0;
  for (const auto& file : fs::directory_iterator(database())) {
    if (file.path().extension() != ".log") continue;
    std::string bytes = read_file(file.path());
    bytes.back() ^= 1;
    write_file(file.path(), bytes);
    ++logs;
  }
  ASSERT_EQ(logs, 1U);
  open();
  EXPECT_EQ(load(1), nullptr);
  expect_lost_but_working();
}

TEST_F(AnswerCacheDamageTest, APieceThatIsMissingIsFound) {
  open();
  put(1, 100'000);
  cache_.reset();
  const auto pieces = records("p");
  ASSERT_EQ(pieces.size(), 3U);
  ASSERT_TRUE(raw()->Delete({}, pieces[1].first).ok());
  open();
  EXPECT_EQ(load(1), nullptr);
  settle();
  expect_lost_but_working();
}

TEST_F(AnswerCacheDamageTest, APieceOrManifestOfAnotherEntryIsFound) {
  for (const std::string_view prefix : {"p", "e"}) {
    open();
    put(1), put(2);
    cache_.reset();
    const auto all = records(prefix);
    ASSERT_EQ(all.size(), 2U);
    {
      const auto db = raw();
      ASSERT_TRUE(db->Put({}, all[0].first, all[1].second).ok());
      ASSERT_TRUE(db->Put({}, all[1].first, all[0].second).ok());
    }
    open();
    EXPECT_EQ(load(1), nullptr);
    settle();
    expect_lost_but_working();
    ASSERT_TRUE(cache_->purge({}));
  }
}

// The parts of an entry are of one writing.
TEST_F(AnswerCacheDamageTest, APieceOfAnEarlierWritingOfTheEntryIsFound) {
  open();
  put(1);
  cache_.reset();
  const auto before = records("p");
  open();
  cache_->put(numbered_key(1), entry(11));
  cache_.reset();
  const auto after = records("p");
  ASSERT_EQ(after.size(), 1U);
  EXPECT_NE(before[0].first, after[0].first);
  ASSERT_TRUE(raw()->Put({}, after[0].first, before[0].second).ok());
  open();
  EXPECT_EQ(load(1), nullptr);
}

TEST_F(AnswerCacheDamageTest, WhatIsOfAnotherVersionIsDropped) {
  for (const std::string_view version : {"2", ""}) {
    open();
    put(1);
    cache_.reset();
    const leveldb::Status changed = version.empty()
                                        ? raw()->Delete({}, "!version")
                                        : raw()->Put({}, "!version", std::string(version));
    ASSERT_TRUE(changed.ok());
    open();
    EXPECT_EQ(load(1), nullptr);
    expect_lost_but_working();
    ASSERT_TRUE(cache_->purge({}));
  }
}

TEST_F(AnswerCacheDamageTest, FilesThatAreNoneAreDropped) {
  for (const std::string_view name : {"CURRENT", "MANIFEST-000002", "000003.log"}) {
    open();
    put(1);
    cache_.reset();
    if (!fs::exists(database() / name)) continue;
    write_file(database() / name, "this is no file of a database\n");
    open();
    const CacheEntryPtr found = load(1);
    EXPECT_TRUE(found == nullptr || is(found, 1)) << name;
    put(2);
    cache_.reset();
    open();
    EXPECT_TRUE(is(load(2), 2)) << name;
    ASSERT_TRUE(cache_->purge({}));
  }
}

TEST_F(AnswerCacheDamageTest, AFolderThatCannotBeMadeMeansMemoryOnly) {
  write_file(folder_ + "/file", "");
  settings_.folder = folder_ + "/file";
  cache_ = std::make_unique<AnswerCache>(settings_);
  const Status opened = cache_->open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, "store_io");
  put(1);
  EXPECT_TRUE(is(find(1), 1));
  EXPECT_EQ(load(1), nullptr);
}

}  // namespace
}  // namespace outrigger::filters
