// The entries in the cache's database, and which of them go when there are too many: the oldest
// that nobody has asked for. One thread. Whatever returns an error has found that the database is
// not to be trusted: begin_anew().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "filters/cache/cache_purge.h"
#include "filters/cache/disk_index.h"
#include "filters/cache/disk_record.h"
#include "filters/cache/entry.h"
#include "proxy/base/result.h"
#include "proxy/base/wall_clock.h"
#include "proxy/store/cache_database.h"

namespace outrigger::filters {

struct DiskChange {
  CacheKey key{};
  CacheEntryPtr entry;  // nullptr: it goes
};

enum class PurgeWork : std::uint8_t { kDrop, kCount };

// A purge that is carried out bit by bit.
struct PurgeRun {
  CachePurge purge;
  PurgeWork work;
  std::vector<DiskSlot> left;  // that it may be meant for
  std::vector<Fingerprint64> purged;
};

class DiskShelf {
 public:
  struct Bounds {
    std::uint64_t bytes = 0;    // of all files, about
    std::uint64_t entries = 0;  // each takes some memory, too
  };
  struct Counts {
    std::uint64_t full = 0, expired = 0;
  };
  using InMemory = std::function<bool(Fingerprint64)>;

  DiskShelf(std::unique_ptr<store::CacheDatabase> database, Bounds bounds, WallClock::Read clock,
            InMemory in_memory);

  // What is there, for any thread to ask; incomplete until known().
  [[nodiscard]] const DiskIndex& index() const noexcept { return index_; }
  [[nodiscard]] bool known() const noexcept { return known_; }

  // nullptr: it is not there, or of no use any more.
  [[nodiscard]] Result<CacheEntryPtr> read(const CacheKey& key);
  // All of them, or an error.
  Status write(std::span<const DiskChange> changes, store::CacheDatabase::Until until);
  // A bit of what is always to be done: finding what was there at the start, making room, dropping
  // what is of no use. Whether there is more of it now.
  Result<bool> tidy();
  // What has to be looked at; once known().
  [[nodiscard]] PurgeRun begin_purge(CachePurge purge, PurgeWork work) const;
  // Some of it, for good. Whether there is more.
  Result<bool> go_on(PurgeRun& run);
  Status begin_anew();
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 private:
  [[nodiscard]] Result<std::optional<Manifest>> manifest_of(Fingerprint64 entry) const;
  [[nodiscard]] Result<std::optional<DiskSlot>> slot_at(Fingerprint64 entry) const;
  [[nodiscard]] Result<std::string> read_pieces(const Manifest& manifest,
                                                std::uint32_t count) const;
  [[nodiscard]] Result<bool> is_meant(const CachePurge& purge, const DiskSlot& slot) const;
  DiskSlot put(leveldb::WriteBatch& batch, const DiskChange& change);
  static void remove(leveldb::WriteBatch& batch, const DiskSlot& slot);
  Status remove(std::span<const DiskSlot> slots, store::CacheDatabase::Until until);
  Status find_some();
  [[nodiscard]] bool over(std::uint64_t percent) const;
  Status make_some_room();
  [[nodiscard]] bool compact_some();
  Status write(leveldb::WriteBatch& batch, store::CacheDatabase::Until until);

  const std::unique_ptr<store::CacheDatabase> database_;
  const Bounds bounds_;
  const WallClock::Read clock_;
  const InMemory in_memory_;
  DiskIndex index_;
  bool known_ = false;
  bool making_room_ = false;
  const std::uint64_t parts_;  // of the names, which are compacted one after the other
  std::uint64_t next_part_ = 0;
  std::uint64_t parts_left_ = 0;
  std::uint64_t written_bytes_ = 0;  // since it was begun to compact all parts
  std::string found_up_to_;          // the name of the manifest that was found last
  std::uint64_t last_written_ = 0;
  Counts counts_;
};

}  // namespace outrigger::filters
