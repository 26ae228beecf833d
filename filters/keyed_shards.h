// What all workers share by key, in shards with a lock each; any thread. Bounded: when a shard is
// full, the entry that was asked for longest ago goes, of those that may. Owned by the type that
// says what is shared.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "proxy/base/duration.h"

namespace outrigger::filters {

// Can be kept from being forgotten.
class Pinnable {
 public:
  [[nodiscard]] std::uint32_t pins() const noexcept {
    return pins_.load(std::memory_order_acquire);
  }

 private:
  template <class T>
  friend class Pin;
  std::atomic<std::uint32_t> pins_{0};
};

// Keeps an entry from being forgotten while somebody looks at it or uses it; made under the lock of
// its shard.
template <class T>
class Pin {
 public:
  Pin() noexcept = default;
  explicit Pin(T& entry) noexcept : entry_(&entry) {
    entry.pins_.fetch_add(1, std::memory_order_relaxed);
  }
  Pin(Pin&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  Pin& operator=(Pin&& other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~Pin() {
    if (entry_ != nullptr) drop(*entry_);
  }
  // The pin stays for somebody else, who will drop() it.
  void keep() noexcept { entry_ = nullptr; }
  static void drop(T& entry) noexcept { entry.pins_.fetch_sub(1, std::memory_order_release); }
  T& operator*() const noexcept { return *entry_; }
  T* operator->() const noexcept { return entry_; }
  explicit operator bool() const noexcept { return entry_ != nullptr; }

 private:
  T* entry_ = nullptr;
};

// An Entry has key(), whose views live as long as it does, and may_go(now): nobody uses it and
// nothing would be lost, which stays so only under the lock of its shard.
template <class Key, class Entry, class Hash>
class KeyedShards {
 public:
  static constexpr std::size_t kShards = 8;
  using Entries = std::list<Entry>;

  // At most so many entries; a multiple of kShards.
  explicit KeyedShards(std::size_t most) : each_(most / kShards) {}

  // Calls `use(Entry*)` with the entry of the key, or with nullptr where there is no room for a new
  // one, and returns what that returns. `make(Entries&, hash)` puts a new one in front.
  template <class Make, class Use>
  auto with(const Key& key, TimePoint now, Make make, Use use) {
    const std::size_t hash = Hash()(key);
    Shard& shard = shards_[(hash >> 8) % kShards];
    const std::scoped_lock lock(shard.mutex);
    if (const auto known = shard.index.find(key); known != shard.index.end()) {
      shard.recent.splice(shard.recent.begin(), shard.recent, known->second);
      return use(&*known->second);
    }
    if (shard.index.size() >= each_ && !make_room(shard, now)) return use(nullptr);
    make(shard.recent, hash);
    shard.index.emplace(shard.recent.front().key(), shard.recent.begin());
    return use(&shard.recent.front());
  }

  // Calls `visit(Entry&)` for all, each under its shard's lock.
  template <class Visit>
  void each(Visit visit) {
    for (Shard& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      for (Entry& entry : shard.recent) visit(entry);
    }
  }
  // Forgets those of which `drop(Entry&)` is true.
  template <class Drop>
  void erase_if(Drop drop) {
    for (Shard& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      for (auto entry = shard.recent.begin(); entry != shard.recent.end();) {
        const auto here = entry++;
        if (drop(*here)) erase(shard, here);
      }
    }
  }
  [[nodiscard]] std::size_t size() {
    std::size_t count = 0;
    for (Shard& shard : shards_) {
      const std::scoped_lock lock(shard.mutex);
      count += shard.index.size();
    }
    return count;
  }

 private:
  using Place = typename Entries::iterator;
  struct Shard {
    std::mutex mutex;
    Entries recent;  // asked last first
    std::unordered_map<Key, Place, Hash> index;
  };

  static void erase(Shard& shard, Place entry) {
    shard.index.erase(entry->key());
    shard.recent.erase(entry);
  }
  static bool make_room(Shard& shard, TimePoint now) {
    // How many of the oldest keys are looked at for one that may go: what a new key may cost.
    constexpr int kLooks = 16;
    auto entry = shard.recent.end();
    for (int looks = 0; looks < kLooks && entry != shard.recent.begin(); ++looks) {
      --entry;
      if (!entry->may_go(now)) continue;
      erase(shard, entry);
      return true;
    }
    return false;
  }

  const std::size_t each_;
  std::array<Shard, kShards> shards_;
};

}  // namespace outrigger::filters
