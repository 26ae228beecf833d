#include "filters/cache/memory_shard.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::uint8_t kMostUses = 3;
// So many uses bring an entry from the small queue into the main one.
constexpr std::uint8_t kProven = 1;
constexpr std::uint64_t kSmallPart = 10;   // a tenth of the bytes
constexpr std::uint64_t kLargestPart = 8;  // an eighth
// What a shard keeps of an entry besides the entry.
constexpr std::uint64_t kItemBytes = 160;

}  // namespace

Fingerprint64 fingerprint_of(const CacheKey& key) noexcept {
  Fingerprint64 beginning = 0;
  std::memcpy(&beginning, key.data(), sizeof beginning);
  return beginning;
}

CacheEntryPtr MemoryShard::find(const CacheKey& key, std::int64_t now_us, Left& left) {
  const auto known = items_.find(fingerprint_of(key));
  if (known == items_.end() || known->second->key != key) {
    ++misses_;
    return nullptr;
  }
  Item& item = *known->second;
  if (item.entry->keep_until_us <= now_us) {
    ++misses_;
    ++expired_;
    remove(known->second, left);
    return nullptr;
  }
  ++hits_;
  if (item.uses < kMostUses) ++item.uses;
  return item.entry;
}

void MemoryShard::put(const CacheKey& key, CacheEntryPtr entry, Left& left) {
  const Fingerprint64 fingerprint = fingerprint_of(key);
  Item item{
      .key = key, .entry = std::move(entry), .bytes = 0, .is_main = recall(fingerprint), .uses = 0};
  item.bytes = item.entry->weight() + kItemBytes;
  if (const auto known = items_.find(fingerprint); known != items_.end()) {
    item.is_main = known->second->is_main;
    item.uses = known->second->uses;
    remove(known->second, left);
  }
  if (item.bytes > capacity_ / kLargestPart) return;
  make_room(item.bytes, left);
  bytes_ += item.bytes;
  if (!item.is_main) small_bytes_ += item.bytes;
  Queue& queue = queue_of(item);
  queue.push_front(std::move(item));
  items_.emplace(fingerprint, queue.begin());
}

void MemoryShard::erase(const CacheKey& key, Left& left) {
  const auto known = items_.find(fingerprint_of(key));
  if (known != items_.end() && known->second->key == key) remove(known->second, left);
}

void MemoryShard::make_room(std::uint64_t bytes, Left& left) {
  while (bytes_ + bytes > capacity_) {
    if (main_.empty() || small_bytes_ > capacity_ / kSmallPart) {
      leave_small(left);
    } else {
      leave_main(left);
    }
  }
}

void MemoryShard::leave_small(Left& left) {
  const auto oldest = std::prev(small_.end());
  if (oldest->uses < kProven) {
    ++full_;
    remember(fingerprint_of(oldest->key));
    return remove(oldest, left);
  }
  oldest->uses = 0;
  oldest->is_main = true;
  small_bytes_ -= oldest->bytes;
  main_.splice(main_.begin(), small_, oldest);
}

void MemoryShard::leave_main(Left& left) {
  const auto oldest = std::prev(main_.end());
  if (oldest->uses == 0) {
    ++full_;
    return remove(oldest, left);
  }
  --oldest->uses;
  main_.splice(main_.begin(), main_, oldest);
}

void MemoryShard::remove(Queue::iterator item, Left& left) {
  bytes_ -= item->bytes;
  if (!item->is_main) small_bytes_ -= item->bytes;
  items_.erase(fingerprint_of(item->key));
  left.push_back(std::move(item->entry));
  queue_of(*item).erase(item);
}

// As many as there are entries, which is about what the main queue turns over while they wait.
void MemoryShard::remember(Fingerprint64 key) {
  if (known_ghosts_.insert(key).second) ghosts_.push_back(key);
  while (ghosts_.size() > items_.size()) {
    known_ghosts_.erase(ghosts_.front());
    ghosts_.pop_front();
  }
}

bool MemoryShard::recall(Fingerprint64 key) {
  return known_ghosts_.erase(key) > 0;
}

TierFigures MemoryShard::figures() const noexcept {
  return {.entries = items_.size(),
          .bytes = bytes_,
          .hits = hits_,
          .misses = misses_,
          .full = full_,
          .expired = expired_};
}

}  // namespace outrigger::filters
