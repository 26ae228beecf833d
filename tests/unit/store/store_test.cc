#include "proxy/store/store.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/store/fault_env.h"

namespace outrigger::store {
namespace {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    // What a disk keeps is FaultEnv's to say: memory is as good, and its syncs take no time.
    const bool in_memory = std::filesystem::is_directory("/dev/shm");
    const std::filesystem::path parent =
        in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "store-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~StoreTest() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  Status open(const std::string& key = {}, const std::string& previous = {}) {
    store_.reset();
    auto opened = Store::open({.folder = folder_,
                               .encryption_key = Secret(key),
                               .previous_key = Secret(previous),
                               .env = &env_});
    if (!opened) return std::unexpected(std::move(opened).error());
    store_ = std::move(*opened);
    return {};
  }
  Status put(const std::string& key, const std::string& value) {
    Batch batch;
    batch.put(key, value);
    return store_->write(batch);
  }
  void fill() {
    Batch batch;
    for (int i = 0; i < 2500; ++i) batch.put(fmt::format("k{:05}", i), fmt::format("v{}", i));
    ASSERT_TRUE(store_->write(batch));
  }
  std::string get(const std::string& key) {
    const auto value = store_->get(key);
    if (!value) return "error " + std::string(value.error().reason);
    return value->value_or("nothing");
  }
  // Everything that any file of the store holds.
  [[nodiscard]] std::string raw() const {
    std::string all;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }

  std::string folder_;
  FaultEnv env_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, WhatWasWrittenIsThereWhenItIsOpenedAgain) {
  EXPECT_FALSE(Store::exists(folder_));
  ASSERT_TRUE(open());
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(put("b/x", std::string("\0\xff", 2)));
  Batch batch;
  batch.put("a", "2");
  batch.erase("b/x");
  batch.put("b/y", "");
  ASSERT_TRUE(store_->write(batch));
  ASSERT_TRUE(open());
  EXPECT_TRUE(Store::exists(folder_));
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b/x"), "nothing");
  EXPECT_EQ(get("b/y"), "");
}

TEST_F(StoreTest, IsScannedInOrderByPrefixAndWithoutItsOwnKeys) {
  ASSERT_TRUE(open());
  for (const char* key : {"b/2", "a", "b/1", "c"}) ASSERT_TRUE(put(key, key));
  std::string seen;
  const auto note = [&](std::string_view key, std::string_view value) {
    EXPECT_EQ(key, value);
    seen.append(key).append(" ");
    return true;
  };
  ASSERT_TRUE(store_->scan("b/", note));
  EXPECT_EQ(seen, "b/1 b/2 ");
  seen.clear();
  ASSERT_TRUE(store_->scan("", note));
  EXPECT_EQ(seen, "a b/1 b/2 c ");
  seen.clear();
  ASSERT_TRUE(store_->scan("", [&](auto key, auto) { return (seen += key).empty(); }));
  EXPECT_EQ(seen, "a") << "until it has seen enough";
}

TEST_F(StoreTest, ASecondProcessIsToldThatItIsInUse) {
  ASSERT_TRUE(open());
  const auto second =
      Store::open({.folder = folder_, .encryption_key = {}, .previous_key = {}, .env = nullptr});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason, "store_busy");
}

TEST_F(StoreTest, EncryptedItHoldsNoWordThatWasWritten) {
  ASSERT_TRUE(open("operator"));
  ASSERT_TRUE(put("key-in-clear", "canary-value"));
  EXPECT_EQ(get("key-in-clear"), "canary-value");
  store_.reset();
  EXPECT_NE(raw().find("key-in-clear"), std::string::npos);
  EXPECT_EQ(raw().find("canary-value"), std::string::npos);
}

TEST_F(StoreTest, EncryptedItNeedsItsKey) {
  ASSERT_TRUE(open("operator"));
  ASSERT_TRUE(put("a", "1"));
  EXPECT_EQ(open("another").error().reason, "store_key");
  EXPECT_EQ(open().error().reason, "store_key");
  ASSERT_TRUE(open("operator"));
  EXPECT_EQ(get("a"), "1");
}

TEST_F(StoreTest, ItsKeyIsChangedWithTheOldOneAtHandOnce) {
  ASSERT_TRUE(open("old"));
  ASSERT_TRUE(put("a", "1"));
  ASSERT_TRUE(open("new", "old"));
  EXPECT_EQ(get("a"), "1");
  ASSERT_TRUE(open("new"));
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(open("old").error().reason, "store_key");
}

TEST_F(StoreTest, OneThatWasNotEncryptedIsWhenThereIsAKey) {
  ASSERT_TRUE(open());
  fill();
  ASSERT_TRUE(open("operator"));
  EXPECT_EQ(store_->kind(), Seal::Kind::kEncrypted);
  EXPECT_EQ(get("k00000"), "v0");
  EXPECT_EQ(get("k02499"), "v2499");
  EXPECT_EQ(open().error().reason, "store_key");
}

TEST_F(StoreTest, EncryptedAfterwardsItsFilesHoldNothingOfBefore) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(put("a", "canary-value"));
  ASSERT_TRUE(open("operator"));
  store_.reset();
  EXPECT_EQ(raw().find("canary-value"), std::string::npos);
  EXPECT_EQ(raw().find("plain:"), std::string::npos) << "the key by which it was sealed";
}

// Stores of which the encryption broke off at the n-th sync; false when there is no such sync.
class HalfEncrypted : public StoreTest {
 protected:
  bool break_off(std::int64_t n) {
    store_.reset();
    std::filesystem::remove_all(folder_ + "/state");
    EXPECT_TRUE(open());
    fill();
    store_.reset();
    env_.fail_sync(n);
    const bool opened = open("operator").has_value();
    const bool hit = env_.hit();
    env_.fail_sync(0);
    store_.reset();
    EXPECT_TRUE(hit || opened);
    return hit;
  }
  void expect_all() {
    const auto found = store_->check();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->records, 2500u);
    EXPECT_EQ(found->damaged_records, 0u);
    EXPECT_EQ(get("k00000"), "v0");
    EXPECT_EQ(get("k02499"), "v2499");
  }
};

TEST_F(HalfEncrypted, ItIsGoneOnFrom) {
  for (std::int64_t n = 1; break_off(n); ++n) {
    SCOPED_TRACE(n);
    ASSERT_TRUE(open("operator"));
    EXPECT_EQ(store_->kind(), Seal::Kind::kEncrypted);
    expect_all();
  }
}

TEST_F(HalfEncrypted, ItIsGoneOnFromByAnotherKeyWithTheOldOneAtHand) {
  for (std::int64_t n = 1; break_off(n); ++n) {
    SCOPED_TRACE(n);
    ASSERT_TRUE(open("new", "operator"));
    expect_all();
    ASSERT_TRUE(open("new"));
    expect_all();
  }
}

TEST_F(HalfEncrypted, WithoutAKeyItIsNotTakenForDamaged) {
  for (std::int64_t n = 1; break_off(n); ++n) {
    SCOPED_TRACE(n);
    if (!open()) {  // or nothing of it had begun
      EXPECT_EQ(open().error().reason, "store_key");
      ASSERT_TRUE(open("operator"));
    }
    expect_all();
  }
}

TEST_F(HalfEncrypted, ALookLeavesItAsItIs) {
  std::int64_t n = 1;
  while (break_off(n)) ++n;
  ASSERT_GT(n, 3);
  for (const std::int64_t at : {std::int64_t{1}, n / 2, n - 1}) {
    SCOPED_TRACE(at);
    ASSERT_TRUE(break_off(at));
    const auto look = [&] {
      store_.reset();
      auto opened = Store::open({.folder = folder_,
                                 .encryption_key = Secret("operator"),
                                 .previous_key = {},
                                 .env = &env_,
                                 .mode = Store::Mode::kAsItIs});
      ASSERT_TRUE(opened);
      store_ = std::move(*opened);
    };
    look();
    const Seal::Kind kind = store_->kind();
    expect_all();
    look();
    EXPECT_EQ(store_->kind(), kind);
  }
}

TEST_F(StoreTest, ALookMakesNoStore) {
  EXPECT_FALSE(Store::open({.folder = folder_,
                            .encryption_key = {},
                            .previous_key = {},
                            .env = &env_,
                            .mode = Store::Mode::kAsItIs}));
  EXPECT_FALSE(Store::exists(folder_));
}

TEST_F(StoreTest, OneThatLostItsBeginningIsNotBegunAnew) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(put("a", "1"));
  store_.reset();
  {
    DurableEnv env(leveldb::Env::Default());
    auto database = Database::open(folder_ + "/state", env, Database::Missing::kRefuse);
    leveldb::WriteBatch batch;
    batch.Delete("!version");
    ASSERT_TRUE((*database)->write(batch));
  }
  EXPECT_EQ(open().error().reason, "store_corrupt");
}

TEST_F(StoreTest, ARecordThatWasChangedOrMovedIsFoundAndNeverUsed) {
  for (const char* key : {"", "operator"}) {
    ASSERT_TRUE(open(key));
    ASSERT_TRUE(put("a", "value of a"));
    ASSERT_TRUE(put("b", "value of b"));
    store_.reset();
    {
      DurableEnv env(leveldb::Env::Default());
      auto database = Database::open(folder_ + "/state", env, Database::Missing::kRefuse);
      ASSERT_TRUE(database);
      std::string a = **(*database)->get("a");
      const std::string b = **(*database)->get("b");
      a[a.size() / 2] = static_cast<char>(a[a.size() / 2] ^ 1);
      leveldb::WriteBatch batch;
      batch.Put("a", a);         // one bit
      batch.Put("c", b);         // a copy in another place
      batch.Put("d", "");        // nothing
      batch.Put("e", "\x01xy");  // too short
      ASSERT_TRUE((*database)->write(batch));
    }
    ASSERT_TRUE(open(key));
    EXPECT_EQ(get("a"), "error store_corrupt");
    EXPECT_EQ(get("b"), "value of b");
    for (const char* bad : {"c", "d", "e"}) EXPECT_EQ(get(bad), "error store_corrupt") << bad;
    EXPECT_FALSE(store_->scan("", [](auto, auto) { return true; }));
    const auto found = store_->check();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->records, 5u);
    EXPECT_EQ(found->damaged, (std::vector<std::string>{"a", "c", "d", "e"}));
    store_.reset();
    std::filesystem::remove_all(folder_ + "/state");
  }
}

TEST_F(StoreTest, OneOfALaterVersionIsLeftAlone) {
  ASSERT_TRUE(open());
  store_.reset();
  {
    DurableEnv env(leveldb::Env::Default());
    auto database = Database::open(folder_ + "/state", env, Database::Missing::kRefuse);
    leveldb::WriteBatch batch;
    batch.Put("!version", "2");
    ASSERT_TRUE((*database)->write(batch));
  }
  EXPECT_EQ(open().error().reason, "store_version");
}

TEST_F(StoreTest, ABackupIsAStoreLikeItself) {
  ASSERT_TRUE(open("operator"));
  fill();
  const std::string copy = folder_ + "/copy";
  ASSERT_TRUE(store_->back_up_to(copy));
  EXPECT_FALSE(store_->back_up_to(copy)) << "nothing is written over";
  const auto opened = Store::open(
      {.folder = copy, .encryption_key = Secret("operator"), .previous_key = {}, .env = nullptr});
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->check()->records, 2501u);
  EXPECT_EQ((*opened)->check()->damaged_records, 0u);
}

TEST_F(StoreTest, ABackupThatFailsLeavesNothingBehind) {
  ASSERT_TRUE(open());
  fill();
  const std::string copy = folder_ + "/copy";
  for (std::int64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    env_.fail_sync(n);
    const Status copied = store_->back_up_to(copy);
    const bool hit = env_.hit();
    env_.fail_sync(0);
    if (copied && !hit) break;
    if (!copied) {
      EXPECT_FALSE(Store::exists(copy));
      EXPECT_TRUE(std::filesystem::is_empty(copy));
    }
    std::filesystem::remove_all(copy);
  }
  EXPECT_TRUE(Store::exists(copy));
}

TEST_F(StoreTest, ABackupMixesWithNothing) {
  ASSERT_TRUE(open());
  std::filesystem::create_directories(folder_ + "/copy/other");
  EXPECT_FALSE(store_->back_up_to(folder_ + "/copy"));
}

// Acknowledged writes, and the one that may or may not have happened.
class Acknowledged {
 public:
  explicit Acknowledged(Store& store) : store_(&store) {}
  void use(Store& store) { store_ = &store; }
  bool put(int i) {
    Batch batch;
    batch.put(fmt::format("k{:05}", i), fmt::format("v{}", i));
    const bool done = store_->write(batch).has_value();
    if (done) told_[i] = true;
    return done;
  }
  [[nodiscard]] std::size_t lost() const {
    std::size_t lost = 0;
    for (const auto& [i, told] : told_) {
      const auto value = store_->get(fmt::format("k{:05}", i));
      if (!value || *value != fmt::format("v{}", i)) ++lost;
    }
    return lost;
  }
  [[nodiscard]] std::size_t count() const { return told_.size(); }

 private:
  Store* store_;
  std::map<int, bool> told_;
};

// LevelDB alone loses 899 of 999 acknowledged writes here, after a clean close (durability 0, fact
// 1): it goes on behind the half-written record, and its reader does not.
TEST_F(StoreTest, OneShortWriteLosesNothingThatWasAcknowledged) {
  ASSERT_TRUE(open());
  Acknowledged writes(*store_);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(writes.put(i));
  env_.cut_append(1);
  EXPECT_FALSE(writes.put(100));
  for (int i = 101; i < 1000; ++i) ASSERT_TRUE(writes.put(i)) << i;
  ASSERT_TRUE(open());
  writes.use(*store_);
  EXPECT_EQ(writes.count(), 999u);
  EXPECT_EQ(writes.lost(), 0u);
}

// Asynchronous writes before a synced one may be missing behind it (durability 0, fact 2): there
// are none here.
TEST_F(StoreTest, APowerCutLosesNothingThatWasAcknowledged) {
  ASSERT_TRUE(open());
  Acknowledged writes(*store_);
  const std::string big(20'000, 'x');  // memtables are switched on the way
  for (int i = 0; i < 1200; ++i) {
    ASSERT_TRUE(put(fmt::format("fill{}", i), big));
    ASSERT_TRUE(writes.put(i));
  }
  env_.cut_power();
  store_.reset();
  env_.lose_unsynced();
  ASSERT_TRUE(open());
  writes.use(*store_);
  EXPECT_EQ(writes.lost(), 0u);
}

TEST_F(StoreTest, AFullDiskRefusesAndThenGoesOn) {
  ASSERT_TRUE(open());
  Acknowledged writes(*store_);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(writes.put(i));
  env_.set_full(true);
  for (int i = 50; i < 60; ++i) EXPECT_FALSE(writes.put(i));
  env_.set_full(false);
  for (int i = 60; i < 100; ++i) ASSERT_TRUE(writes.put(i));
  ASSERT_TRUE(open());
  writes.use(*store_);
  EXPECT_EQ(writes.lost(), 0u);
}

// The n-th operation fails, for every n until a run ends unhit (as SQLite is tested).
class StoreFaults : public StoreTest, public testing::WithParamInterface<const char*> {
 protected:
  void plan(std::int64_t n) {
    if (std::string_view(GetParam()) == "append") {
      env_.cut_append(n);
    } else {
      env_.fail_sync(n);
    }
  }
  // Opens, writes, closes, opens, writes, compacts; says what it was told was done.
  void work(Acknowledged*& writes, std::unique_ptr<Acknowledged>& held) {
    for (int round = 0; round < 3; ++round) {
      if (!open()) continue;
      if (held == nullptr) held = std::make_unique<Acknowledged>(*store_);
      held->use(*store_);
      for (int i = 0; i < 10; ++i) static_cast<void>(held->put(round * 10 + i));
      static_cast<void>(store_->compact());
    }
    writes = held.get();
  }
};
INSTANTIATE_TEST_SUITE_P(, StoreFaults, testing::Values("append", "sync"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(StoreFaults, LoseNothingThatWasAcknowledged) {
  std::size_t runs = 0;
  for (std::int64_t n = 1;; ++n, ++runs) {
    std::filesystem::remove_all(folder_ + "/state");
    Acknowledged* writes = nullptr;
    std::unique_ptr<Acknowledged> held;
    plan(n);
    work(writes, held);
    const bool hit = env_.hit();
    plan(0);
    ASSERT_TRUE(open()) << GetParam() << " " << n;
    if (writes != nullptr) {
      writes->use(*store_);
      ASSERT_EQ(writes->lost(), 0u) << GetParam() << " " << n;
    }
    store_.reset();
    if (!hit) break;
  }
  EXPECT_GT(runs, 40u);
}

}  // namespace
}  // namespace outrigger::store
