// The answers that are kept: in memory, and behind that on disk where there is room for them. One
// for the process; any thread unless it says otherwise. No loop waits for a disk, and what the disk
// does wrong costs no more than what was on it: memory goes on.
//
// find() takes one lock of sixteen. Changes take a lock that all of them share, and hold it for
// bookkeeping only: so what a purge has dropped is not brought back by a change that was on its
// way.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <leveldb/env.h>

#include "filters/cache/cache_figures.h"
#include "filters/cache/cache_purge.h"
#include "filters/cache/entry.h"
#include "filters/cache/memory_tier.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/base/wall_clock.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/task.h"

namespace outrigger::filters {

class DiskTier;

struct CacheSettings {
  std::uint64_t memory_bytes = 0;
  std::uint64_t disk_bytes = 0;                // 0: no disk
  std::string folder = {};                     // of all data; the database is `cache` in it
  Secret encryption_key = {};                  // empty: authenticated, not encrypted
  WallClock::Read clock = &WallClock::system;  // of the cache's own thread
  leveldb::Env* env = nullptr;                 // of tests; outlives it. nullptr: the system's
};

struct Purged {
  std::uint64_t entries = 0;  // one that was in memory and on disk counts once
};

class AnswerCache {
 public:
  // In memory only, until open().
  explicit AnswerCache(CacheSettings settings);
  ~AnswerCache();  // stop()
  AnswerCache(const AnswerCache&) = delete;
  AnswerCache& operator=(const AnswerCache&) = delete;

  // Main thread; may block. What is damaged, of another version or sealed by another key is begun
  // anew, which news() tells. Errors, for a line in the log: `store_busy`, another process has it;
  // `store_io`. Then it goes on in memory only.
  Status open();
  // Main thread. Brings to disk what waits for it, and ends the thread; every loop that was served
  // is still there. Memory stays.
  void stop();

  // From memory; counts as a use. One that is past keep_until_us is not there.
  [[nodiscard]] CacheEntryPtr find(const CacheKey& key, std::int64_t now_us) {
    return memory_.find(key, now_us);
  }
  // Worth a load(). Touches no disk.
  [[nodiscard]] bool may_be_on_disk(const CacheKey& key) const noexcept;
  // From disk, and into memory. nullptr: it is not there, was damaged, too many wait for the disk,
  // or the scope was cancelled. Call it on the loop's thread.
  [[nodiscard]] Task<CacheEntryPtr> load(Dispatcher& loop, const CacheKey& key, CancelScope& scope);
  // Replaces. In memory at once, unless it is too long for that; on disk soon, unless that is slow
  // (then no earlier one is there either).
  enum class Tiers : std::uint8_t { kBoth, kMemory };
  void put(const CacheKey& key, CacheEntryPtr entry, Tiers tiers = Tiers::kBoth);
  void erase(const CacheKey& key);
  // When it returns none of them is in memory, and none comes back from disk, after a power cut
  // neither. What is put meanwhile may be purged, too. Blocks on the disk: not on a loop that
  // serves clients. Error, `store_io`: they are gone from memory, but not for sure from disk.
  [[nodiscard]] Result<Purged> purge(const CachePurge& purge);

  // How many that would be now. Blocks as purge() does, and changes nothing.
  [[nodiscard]] Result<Purged> count(const CachePurge& purge);

  [[nodiscard]] CacheFigures figures() const;
  // What a person should know of the disk and has not been told, a line for the log.
  [[nodiscard]] std::optional<std::string> news();

 private:
  [[nodiscard]] bool is_purged(const CacheKey& key, const CacheEntry& entry) const;
  CacheEntryPtr adopt(const CacheKey& key, CacheEntryPtr loaded);

  const CacheSettings settings_;
  MemoryTier memory_;
  // Of changes. Taken before the locks of the tiers.
  mutable std::mutex mutex_;
  std::vector<const CachePurge*> purges_;  // that run
  std::unique_ptr<DiskTier> disk_;         // set by open(), before others look
  std::atomic<std::uint64_t> purged_ = 0;
};

}  // namespace outrigger::filters
