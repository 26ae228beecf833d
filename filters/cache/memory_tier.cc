#include "filters/cache/memory_tier.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace outrigger::filters {
namespace {

// Smaller ones would have no room for a long answer.
constexpr std::uint64_t kLeastShard = 8 * 1024 * 1024;

}  // namespace

MemoryTier::MemoryTier(std::uint64_t bytes) {
  const std::uint64_t count =
      std::bit_floor(std::clamp<std::uint64_t>(bytes / kLeastShard, 1, kMostShards));
  for (std::uint64_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(bytes / count));
  }
}

// What leaves is freed when the lock is not held any more, so it stands before it.
CacheEntryPtr MemoryTier::find(const CacheKey& key, std::int64_t now_us) {
  Left left;
  Shard& shard = shard_of(fingerprint_of(key));
  const std::scoped_lock lock(shard.mutex);
  return shard.core.find(key, now_us, left);
}

MemoryTier::Left MemoryTier::put(const CacheKey& key, CacheEntryPtr entry) {
  Left left;
  Shard& shard = shard_of(fingerprint_of(key));
  const std::scoped_lock lock(shard.mutex);
  shard.core.put(key, std::move(entry), left);
  return left;
}

MemoryTier::Left MemoryTier::erase(const CacheKey& key) {
  Left left;
  Shard& shard = shard_of(fingerprint_of(key));
  const std::scoped_lock lock(shard.mutex);
  shard.core.erase(key, left);
  return left;
}

bool MemoryTier::holds(Fingerprint64 key) const {
  const Shard& shard = shard_of(key);
  const std::scoped_lock lock(shard.mutex);
  return shard.core.holds(key);
}

std::vector<Fingerprint64> MemoryTier::erase_if(const Drop& drop) {
  std::vector<Fingerprint64> erased;
  for (const auto& shard : shards_) erase_from(*shard, drop, erased);
  return erased;
}

void MemoryTier::erase_from(Shard& shard, const Drop& drop, std::vector<Fingerprint64>& erased) {
  std::optional<std::size_t> next = 0;
  std::size_t places = 0;
  while (next) {
    Left left;
    const std::scoped_lock lock(shard.mutex);
    // The table has grown, and all stands elsewhere.
    if (std::exchange(places, shard.core.places()) != shard.core.places()) next = 0;
    next = shard.core.erase_some(*next, erased, left, drop);
  }
}

TierFigures MemoryTier::figures() const {
  TierFigures sum;
  for (const auto& shard : shards_) {
    const std::scoped_lock lock(shard->mutex);
    const TierFigures part = shard->core.figures();
    sum.entries += part.entries;
    sum.bytes += part.bytes;
    sum.hits += part.hits;
    sum.misses += part.misses;
    sum.full += part.full;
    sum.expired += part.expired;
  }
  return sum;
}

}  // namespace outrigger::filters
