// Which answers stay in memory: S3-FIFO (Yang et al., SOSP 2023), bounded in bytes. What is new
// waits in a small queue; only what is asked for again there, or soon after it has left, comes into
// the main queue, so that what is asked for once (a scan) cannot drive out what is in use. Pure,
// for one thread at a time.
//
//   new ──▶ small ──asked for──▶ main ──asked for──▶ main, again
//             └──not──▶ ghost ─new again─▶ main ──not──▶ gone
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "filters/cache/cache_figures.h"
#include "filters/cache/entry.h"

namespace outrigger::filters {

// The beginning of a key, which is a hash: what tells keys apart in tables. Those of two keys are
// equal so seldom that they may drive each other out.
using Fingerprint64 = std::uint64_t;
[[nodiscard]] Fingerprint64 fingerprint_of(const CacheKey& key) noexcept;

class MemoryShard {
 public:
  // What has left: for whoever calls to free, when the lock is not held any more.
  using Left = std::vector<CacheEntryPtr>;

  explicit MemoryShard(std::uint64_t bytes) noexcept : capacity_(bytes) {}

  // Counts as a use. One that is past keep_until_us goes to `left` instead.
  CacheEntryPtr find(const CacheKey& key, std::int64_t now_us, Left& left);
  // Replaces. One that is longer than an eighth of the shard is not kept, and then neither is what
  // was there before.
  void put(const CacheKey& key, CacheEntryPtr entry, Left& left);
  void erase(const CacheKey& key, Left& left);
  [[nodiscard]] bool holds(Fingerprint64 key) const { return items_.contains(key); }
  // Calls `drop(key, entry)` for a part of the entries, from `from` on, and drops those of which it
  // is true. Returns where to go on, or nothing at the end.
  template <class Drop>
  std::optional<std::size_t> erase_some(std::size_t from, std::vector<Fingerprint64>& erased,
                                        Left& left, Drop drop);
  [[nodiscard]] TierFigures figures() const noexcept;
  [[nodiscard]] std::size_t places() const noexcept { return items_.bucket_count(); }

 private:
  struct Item {
    CacheKey key;
    CacheEntryPtr entry;
    std::uint64_t bytes = 0;
    bool is_main = false;
    std::uint8_t uses = 0;  // since it came into its queue, up to kMostUses
  };
  using Queue = std::list<Item>;  // oldest last
  struct Own {                    // a fingerprint is a hash already
    std::size_t operator()(Fingerprint64 key) const noexcept { return key; }
  };

  Queue& queue_of(const Item& item) noexcept { return item.is_main ? main_ : small_; }
  void make_room(std::uint64_t bytes, Left& left);
  void leave_small(Left& left);
  void leave_main(Left& left);
  void remove(Queue::iterator item, Left& left);
  void remember(Fingerprint64 key);
  bool recall(Fingerprint64 key);

  const std::uint64_t capacity_;
  std::unordered_map<Fingerprint64, Queue::iterator, Own> items_;
  Queue small_, main_;
  std::uint64_t small_bytes_ = 0, bytes_ = 0;
  std::deque<Fingerprint64> ghosts_;  // oldest first; some are no longer known
  std::unordered_set<Fingerprint64, Own> known_ghosts_;
  std::uint64_t hits_ = 0, misses_ = 0, full_ = 0, expired_ = 0;
};

template <class Drop>
std::optional<std::size_t> MemoryShard::erase_some(std::size_t from,
                                                   std::vector<Fingerprint64>& erased, Left& left,
                                                   Drop drop) {
  // So many at a time that nobody who waits for the lock notices.
  constexpr std::size_t kAtOnce = 512;
  const std::size_t end = std::min(items_.bucket_count(), from + kAtOnce);
  std::vector<Queue::iterator> found;
  for (std::size_t place = from; place < end; ++place) {
    for (auto at = items_.begin(place); at != items_.end(place); ++at) {
      if (drop(at->second->key, *at->second->entry)) found.push_back(at->second);
    }
  }
  for (const Queue::iterator item : found) {
    erased.push_back(fingerprint_of(item->key));
    remove(item, left);
  }
  return end < items_.bucket_count() ? std::optional(end) : std::nullopt;
}

}  // namespace outrigger::filters
