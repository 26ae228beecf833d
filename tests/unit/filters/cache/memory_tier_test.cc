#include "filters/cache/memory_tier.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/random.h"
#include "tests/unit/filters/cache/cache_traces.h"

namespace outrigger::filters {
namespace {

using testing::numbered_key;

constexpr std::uint64_t kMebibyte = 1024 * 1024;

CacheEntryPtr entry_of(std::size_t bytes, std::string tag = "a", std::int64_t until = INT64_MAX) {
  CacheEntry entry;
  entry.tags = {std::move(tag)};
  entry.keep_until_us = until;
  entry.body = {std::string(bytes, 'b')};
  return std::make_shared<const CacheEntry>(std::move(entry));
}

TEST(MemoryTier, AnswersMoreThanLru) {
  constexpr std::size_t kKeys = 10'000, kRoom = kKeys / 10;
  for (const testing::TraceKind& kind : testing::trace_kinds()) {
    const auto trace = testing::make_trace(kind, kKeys, 300'000);
    const double lru = testing::lru_hits(trace, kRoom), tier = testing::tier_hits(trace, kRoom);
    // Where nearly all is asked for often, there is less to gain.
    const double more = kind.skew > 1.1 ? 0.015 : kind.shifts > 0 ? 0.0 : 0.03;
    EXPECT_GE(tier, lru + more) << kind.name;
  }
}

TEST(MemoryTier, GivesWhatWasPutAndNothingElse) {
  MemoryTier tier(kMebibyte);
  const CacheEntryPtr one = entry_of(10), two = entry_of(20);
  EXPECT_EQ(tier.find(numbered_key(1), 0), nullptr);
  tier.put(numbered_key(1), one);
  EXPECT_EQ(tier.find(numbered_key(1), 0), one);
  EXPECT_EQ(tier.find(numbered_key(2), 0), nullptr);
  tier.put(numbered_key(1), two);
  EXPECT_EQ(tier.find(numbered_key(1), 0), two);
  EXPECT_EQ(tier.figures().entries, 1U);
  tier.erase(numbered_key(2));
  EXPECT_EQ(tier.find(numbered_key(1), 0), two);
  tier.erase(numbered_key(1));
  EXPECT_EQ(tier.find(numbered_key(1), 0), nullptr);
  EXPECT_EQ(tier.figures().entries, 0U);
  EXPECT_EQ(tier.figures().bytes, 0U);
}

TEST(MemoryTier, NeverTakesOneKeyForAnotherThatBeginsAlike) {
  MemoryTier tier(kMebibyte);
  CacheKey one = numbered_key(1), other = one;
  other.back() ^= 1;
  tier.put(one, entry_of(10));
  EXPECT_EQ(tier.find(other, 0), nullptr);
  tier.erase(other);
  EXPECT_NE(tier.find(one, 0), nullptr);
  tier.put(other, entry_of(10));
  EXPECT_EQ(tier.find(one, 0), nullptr);
  EXPECT_NE(tier.find(other, 0), nullptr);
  EXPECT_EQ(tier.figures().entries, 1U);
}

TEST(MemoryTier, ForgetsWhatIsOfNoUse) {
  MemoryTier tier(kMebibyte);
  tier.put(numbered_key(1), entry_of(10, "a", 100));
  EXPECT_NE(tier.find(numbered_key(1), 99), nullptr);
  EXPECT_EQ(tier.find(numbered_key(1), 100), nullptr);
  EXPECT_EQ(tier.figures().entries, 0U);
  EXPECT_EQ(tier.figures().expired, 1U);
  EXPECT_EQ(tier.figures().full, 0U);
}

TEST(MemoryTier, StaysWithinItsBytesWhateverComes) {
  for (const std::uint64_t bytes :
       {std::uint64_t{0}, std::uint64_t{1000}, kMebibyte, 20 * kMebibyte}) {
    MemoryTier tier(bytes);
    Random random(bytes);
    for (int i = 0; i < 20'000; ++i) {
      const CacheKey key = numbered_key(random.below(3000));
      switch (random.below(4)) {
        case 0:
          tier.put(key, entry_of(random.below(64 * 1024)));
          break;
        case 1:
          tier.erase(key);
          break;
        default:
          (void)tier.find(key, 0);
      }
      ASSERT_LE(tier.figures().bytes, bytes);
    }
    tier.erase_if([](const CacheKey&, const CacheEntry&) { return true; });
    EXPECT_EQ(tier.figures().bytes, 0U);
    EXPECT_EQ(tier.figures().entries, 0U);
  }
}

TEST(MemoryTier, KeepsNothingThatIsTooLongForItNorWhatThatReplaces) {
  MemoryTier tier(kMebibyte);
  tier.put(numbered_key(1), entry_of(10));
  tier.put(numbered_key(2), entry_of(10));
  tier.put(numbered_key(1), entry_of(kMebibyte / 8));
  EXPECT_EQ(tier.find(numbered_key(1), 0), nullptr);
  EXPECT_NE(tier.find(numbered_key(2), 0), nullptr);
  tier.put(numbered_key(1), entry_of(kMebibyte / 9));
  EXPECT_NE(tier.find(numbered_key(1), 0), nullptr);
}

TEST(MemoryTier, KeepsWhatIsInUseThroughAScan) {
  MemoryTier tier(kMebibyte);
  tier.put(numbered_key(0), entry_of(1000));
  for (std::uint64_t i = 1; i < 100'000; ++i) {
    ASSERT_NE(tier.find(numbered_key(0), 0), nullptr) << i;
    (void)tier.put(numbered_key(i), entry_of(1000));
    // After it was asked for often enough once, a scan of all there is room for is outlived.
    if (i > 10) i += 200;
    for (std::uint64_t j = 0; i > 10 && j < 200; ++j) {
      tier.put(numbered_key(1'000'000 + i + j), entry_of(1000));
    }
  }
  EXPECT_GT(tier.figures().full, 90'000U);
}

TEST(MemoryTier, ErasesExactlyWhatIsMeant) {
  MemoryTier tier(64 * kMebibyte);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    tier.put(numbered_key(i), entry_of(1, i % 3 == 0 ? "x" : "y"));
  }
  const auto erased = tier.erase_if(
      [](const CacheKey&, const CacheEntry& entry) { return entry.tags.front() == "x"; });
  EXPECT_EQ(erased.size(), 6667U);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    ASSERT_EQ(tier.find(numbered_key(i), 0) == nullptr, i % 3 == 0) << i;
    ASSERT_EQ(tier.holds(fingerprint_of(numbered_key(i))), i % 3 != 0) << i;
  }
}

TEST(MemoryTier, IsForAnyThread) {
  MemoryTier tier(2 * kMebibyte);
  std::atomic<bool> wrong = false;
  const auto work = [&](std::uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < 10'000; ++i) {
      const std::uint64_t number = random.below(500);
      const CacheKey key = numbered_key(number);
      if (random.below(8) == 0) tier.put(key, entry_of(1000 + number));
      if (random.below(100) == 0) tier.erase(key);
      if (random.below(1000) == 0) {
        tier.erase_if([&](const CacheKey&, const CacheEntry&) { return false; });
      }
      const CacheEntryPtr found = tier.find(key, 0);
      if (found != nullptr && found->body_bytes() != 1000 + number) wrong = true;
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(wrong);
}

}  // namespace
}  // namespace outrigger::filters
