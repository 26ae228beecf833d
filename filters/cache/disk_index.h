// What is in the cache's database, as far as memory knows it. One thread changes it, and may look
// without asking; any other may ask whether something is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "filters/cache/disk_record.h"
#include "filters/cache/memory_shard.h"

namespace outrigger::filters {

struct DiskSlot {
  Fingerprint64 entry = 0;
  std::uint64_t written = 0;
  std::uint64_t length = 0;
  std::int64_t stored_us = 0;
  std::int64_t keep_until_us = 0;
  std::uint64_t marks = 0;
  std::uint8_t uses = 0;  // loads that keep it, up to kMostUses
  bool spared = false;    // once, for being in memory

  static constexpr std::uint8_t kMostUses = 3;
};

[[nodiscard]] DiskSlot slot_of(const Manifest& manifest) noexcept;

class DiskIndex {
 public:
  // ---- any thread ----
  [[nodiscard]] bool holds(Fingerprint64 entry) const;
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::uint64_t entries() const;

  // ---- its own thread ----
  [[nodiscard]] const DiskSlot* find(Fingerprint64 entry) const;
  // Replaces; it is the newest.
  void put(const DiskSlot& slot);
  void erase(Fingerprint64 entry);
  void clear();
  void use(Fingerprint64 entry) noexcept;
  // Oldest first, by `written`: for what was found in the order of names.
  void sort_by_age();
  // The next to go: the oldest that nobody has loaded since it was last looked at. What `in_memory`
  // says is in use there, where no load tells of it: it is passed over once.
  [[nodiscard]] std::optional<DiskSlot> next_to_go(
      const std::function<bool(Fingerprint64)>& in_memory);
  // Some of those that are past keep_until_us: a part of all is looked at each time.
  [[nodiscard]] std::vector<DiskSlot> some_expired(std::int64_t now_us);
  // Those that have these marks, and were stored before.
  [[nodiscard]] std::vector<DiskSlot> marked(std::uint64_t marks,
                                             std::optional<std::int64_t> stored_before_us) const;

 private:
  using Slots = std::list<DiskSlot>;
  struct Own {  // a fingerprint is a hash already
    std::size_t operator()(Fingerprint64 entry) const noexcept { return entry; }
  };
  void remove(Slots::iterator slot);

  mutable std::mutex mutex_;  // of changes to what other threads ask for
  std::unordered_map<Fingerprint64, Slots::iterator, Own> known_;
  std::uint64_t bytes_ = 0;
  Slots slots_;  // oldest first
  std::size_t next_place_ = 0;
};

}  // namespace outrigger::filters
