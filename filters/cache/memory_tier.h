// The answers in memory, bounded in bytes: shards by key, with a lock each, held for bookkeeping
// only. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "filters/cache/cache_figures.h"
#include "filters/cache/entry.h"
#include "filters/cache/memory_shard.h"

namespace outrigger::filters {

class MemoryTier {
 public:
  explicit MemoryTier(std::uint64_t bytes);

  // One lock, one look-up, no allocation. Counts as a use. An entry that is past keep_until_us is
  // not there.
  [[nodiscard]] CacheEntryPtr find(const CacheKey& key, std::int64_t now_us);
  // What has left: for whoever calls to free, when it has no lock.
  using Left = std::vector<CacheEntryPtr>;
  // Replaces. One that is too long for its shard is not kept, and what was there before goes.
  Left put(const CacheKey& key, CacheEntryPtr entry);
  Left erase(const CacheKey& key);
  [[nodiscard]] bool holds(Fingerprint64 key) const;
  // Drops those of which `drop` is true, each part of a shard under its lock, and returns them.
  // What is put meanwhile is looked at or not.
  using Drop = std::function<bool(const CacheKey&, const CacheEntry&)>;
  std::vector<Fingerprint64> erase_if(const Drop& drop);
  [[nodiscard]] TierFigures figures() const;

 private:
  static constexpr std::size_t kMostShards = 16;
  struct Shard {
    explicit Shard(std::uint64_t bytes) : core(bytes) {}
    mutable std::mutex mutex;
    MemoryShard core;
  };
  [[nodiscard]] Shard& shard_of(Fingerprint64 key) const noexcept {
    return *shards_[key % shards_.size()];
  }
  static void erase_from(Shard& shard, const Drop& drop, std::vector<Fingerprint64>& erased);

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace outrigger::filters
