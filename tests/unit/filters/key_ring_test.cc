#include "filters/credentials/key_ring.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr TimePoint kStart{Duration{1h}};

TEST(KeyRecord, ARefusedKeyComesBackByAProbeOnly) {
  KeyRecord key;
  EXPECT_FALSE(key.shut(kStart));
  EXPECT_TRUE(key.set_aside(Aside::kAuth, {}, kStart));
  EXPECT_FALSE(key.set_aside(Aside::kAuth, {}, kStart)) << "it is told once";
  EXPECT_EQ(key.shut(kStart)->left, 5min);
  EXPECT_FALSE(key.take_probe(kStart + (5min - 1ms)));
  EXPECT_TRUE(key.shut(kStart + 24h)) << "time alone mends no key";
  EXPECT_TRUE(key.take_probe(kStart + 5min));
  EXPECT_FALSE(key.take_probe(kStart + 5min)) << "one request finds out";
  EXPECT_TRUE(key.take_probe(kStart + 10min));
  EXPECT_TRUE(key.take_back(kStart + 10min));
  EXPECT_FALSE(key.take_back(kStart + 10min));
  EXPECT_FALSE(key.shut(kStart + 10min));
}

TEST(KeyRecord, ASuccessThatBeganBeforeTheRefusalSaysNothingOfTheKey) {
  KeyRecord key;
  key.set_aside(Aside::kQuota, 1h, kStart);
  EXPECT_FALSE(key.take_back(TimePoint{59min}));
  key.set_aside(Aside::kQuota, 1h, kStart + 10s);
  EXPECT_TRUE(key.take_back(kStart + 5s)) << "it worked after it was set aside";
  key.set_aside(Aside::kQuota, 1h, kStart + 20s);
  key.set_aside(Aside::kAuth, {}, kStart + 30s);
  EXPECT_FALSE(key.take_back(kStart + 25s)) << "it was refused since";
  EXPECT_TRUE(key.take_back(kStart + 30s));
}

TEST(KeyRecord, AKeyOutOfMoneyComesBackWhenItsTimeIsOver) {
  KeyRecord key;
  EXPECT_TRUE(key.set_aside(Aside::kQuota, 3min, kStart));
  EXPECT_EQ(key.shut(kStart + 1min)->left, 2min);
  EXPECT_FALSE(key.take_probe(kStart + 2min));
  EXPECT_FALSE(key.shut(kStart + 3min));
  EXPECT_TRUE(key.set_aside(Aside::kQuota, 1h, kStart + 4min)) << "and is told of again";
}

TEST(KeyRecord, ALongTimeWithoutMoneyIsProbed) {
  KeyRecord key;
  key.set_aside(Aside::kQuota, 24h, kStart);
  EXPECT_EQ(key.shut(kStart)->left, 5min);
  EXPECT_TRUE(key.take_probe(kStart + 5min));
  EXPECT_EQ(key.shut(kStart + 5min)->left, 5min);
}

TEST(KeyRecord, TheTimeIsExtendedNeverShortened) {
  KeyRecord key;
  key.set_aside(Aside::kQuota, 3min, kStart);
  key.set_aside(Aside::kQuota, 1min, kStart);
  EXPECT_TRUE(key.shut(kStart + 2min));
  key.set_aside(Aside::kQuota, 4min, kStart + 2min);
  EXPECT_TRUE(key.shut(kStart + 5min));
  EXPECT_FALSE(key.shut(kStart + 6min));
}

TEST(KeyRecord, ARefusalOutlivesTheWantOfMoney) {
  KeyRecord key;
  key.set_aside(Aside::kQuota, 1min, kStart);
  key.set_aside(Aside::kAuth, {}, kStart);
  EXPECT_EQ(key.shut(kStart + 2min)->why, Aside::kAuth);
}

TEST(SharedKeys, AnotherWorkerGetsTheSameRing) {
  SharedKeys keys;
  const auto one = keys.ring("openai", {1, 2, 3});
  const auto other = keys.ring("openai", {1, 2, 3});
  EXPECT_EQ(one, other);
  EXPECT_EQ(one->next(), 0u);
  EXPECT_EQ(other->next(), 1u);
  EXPECT_EQ(one->next(), 2u);
  EXPECT_EQ(other->next(), 0u);
  EXPECT_NE(keys.ring("mistral", {1, 2, 3}), one);
}

TEST(SharedKeys, AKeyKeepsItsStateOverAReload) {
  SharedKeys keys;
  auto before = keys.ring("openai", {1, 2});
  before->record(1).set_aside(Aside::kAuth, {}, kStart);
  const auto after = keys.ring("openai", {2, 3});
  before.reset();
  EXPECT_TRUE(after->record(0).shut(kStart)) << "the key is the same, at another place";
  EXPECT_FALSE(after->record(1).shut(kStart));
  EXPECT_EQ(keys.all().size(), 1u);
}

TEST(SharedKeys, OneOfAllThreadsTellsAndOneProbes) {
  SharedKeys keys;
  const auto kept = keys.ring("openai", {1, 2});  // as long as all of them
  constexpr int kThreads = 4;
  std::atomic<int> told = 0;
  std::atomic<int> probes = 0;
  std::atomic<int> back = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const auto ring = keys.ring("openai", {1, 2});
      for (int round = 0; round < 1000; ++round) {
        KeyRecord& record = ring->record(ring->next());
        told += record.set_aside(Aside::kAuth, {}, kStart);
        probes += record.take_probe(kStart + 5min);
        EXPECT_GE(keys.all().size(), 1u);
        (void)record.shut(kStart);
      }
      back += ring->record(0).take_back(kStart);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(told, 2);
  EXPECT_EQ(told - back, kept->record(0).shut(kStart) ? 2 : 1);
  EXPECT_GE(probes, 2);
}

TEST(SharedKeys, AKeyThatTheConfigurationDroppedIsForgotten) {
  SharedKeys keys;
  keys.ring("openai", {1})->record(0).set_aside(Aside::kAuth, {}, kStart);
  EXPECT_FALSE(keys.ring("openai", {1})->record(0).shut(kStart));
}

}  // namespace
}  // namespace outrigger::filters
