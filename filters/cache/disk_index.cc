#include "filters/cache/disk_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::size_t kLooks = 1024;

std::uint64_t bytes_of(const DiskSlot& slot) noexcept {
  Manifest manifest;
  manifest.length = slot.length;
  return manifest.disk_bytes();
}

}  // namespace

DiskSlot slot_of(const Manifest& manifest) noexcept {
  return {.entry = fingerprint_of(manifest.key),
          .written = manifest.written,
          .length = manifest.length,
          .stored_us = manifest.stored_us,
          .keep_until_us = manifest.keep_until_us,
          .marks = manifest.marks};
}

bool DiskIndex::holds(Fingerprint64 entry) const {
  const std::scoped_lock lock(mutex_);
  return known_.contains(entry);
}

std::uint64_t DiskIndex::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

std::uint64_t DiskIndex::entries() const {
  const std::scoped_lock lock(mutex_);
  return known_.size();
}

const DiskSlot* DiskIndex::find(Fingerprint64 entry) const {
  const auto known = known_.find(entry);
  return known == known_.end() ? nullptr : &*known->second;
}

void DiskIndex::put(const DiskSlot& slot) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(slot.entry); known != known_.end()) remove(known->second);
  slots_.push_back(slot);
  known_.emplace(slot.entry, std::prev(slots_.end()));
  bytes_ += bytes_of(slot);
}

void DiskIndex::erase(Fingerprint64 entry) {
  const std::scoped_lock lock(mutex_);
  if (const auto known = known_.find(entry); known != known_.end()) remove(known->second);
}

void DiskIndex::remove(Slots::iterator slot) {
  bytes_ -= bytes_of(*slot);
  known_.erase(slot->entry);
  slots_.erase(slot);
}

// There may be many, and others wait for the lock: they are freed without it.
void DiskIndex::clear() {
  decltype(known_) known;
  const Slots slots = std::move(slots_);
  slots_.clear();
  const std::scoped_lock lock(mutex_);
  known_.swap(known);
  bytes_ = 0;
}

void DiskIndex::use(Fingerprint64 entry) noexcept {
  const auto known = known_.find(entry);
  if (known == known_.end()) return;
  DiskSlot& slot = *known->second;
  if (slot.uses < DiskSlot::kMostUses) ++slot.uses;
  slot.spared = false;
}

void DiskIndex::sort_by_age() {
  slots_.sort([](const DiskSlot& a, const DiskSlot& b) { return a.written < b.written; });
}

std::optional<DiskSlot> DiskIndex::next_to_go(const std::function<bool(Fingerprint64)>& in_memory) {
  // Each pass takes a use, so it comes to an end.
  while (!slots_.empty()) {
    DiskSlot& oldest = slots_.front();
    if (oldest.uses > 0) {
      --oldest.uses;
    } else if (!oldest.spared && in_memory(oldest.entry)) {
      oldest.spared = true;
    } else {
      return oldest;
    }
    slots_.splice(slots_.end(), slots_, slots_.begin());
  }
  return std::nullopt;
}

std::vector<DiskSlot> DiskIndex::some_expired(std::int64_t now_us) {
  std::vector<DiskSlot> expired;
  if (next_place_ >= known_.bucket_count()) next_place_ = 0;
  const std::size_t end = std::min(known_.bucket_count(), next_place_ + kLooks);
  for (; next_place_ < end; ++next_place_) {
    for (auto at = known_.begin(next_place_); at != known_.end(next_place_); ++at) {
      if (at->second->keep_until_us <= now_us) expired.push_back(*at->second);
    }
  }
  return expired;
}

std::vector<DiskSlot> DiskIndex::marked(std::uint64_t marks,
                                        std::optional<std::int64_t> stored_before_us) const {
  std::vector<DiskSlot> found;
  for (const DiskSlot& slot : slots_) {
    const bool in_time = !stored_before_us || slot.stored_us < *stored_before_us;
    if (in_time && (slot.marks & marks) == marks) found.push_back(slot);
  }
  return found;
}

}  // namespace outrigger::filters
