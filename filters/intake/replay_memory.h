// What all replay buffers of the process may hold together, in memory and on disk. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace outrigger::filters {

class ReplayMemory {
 public:
  struct Limits {
    std::uint64_t memory = std::uint64_t{256} << 20;
    std::uint64_t disk = std::uint64_t{2} << 30;
  };
  ReplayMemory() = default;
  explicit ReplayMemory(Limits limits) noexcept { set(limits); }

  // From now on; what is held beyond a new limit stays until it is given back.
  void set(Limits limits) noexcept {
    memory_limit_.store(limits.memory, std::memory_order_relaxed);
    disk_limit_.store(limits.disk, std::memory_order_relaxed);
  }

  // Takes the whole of `bytes`, or nothing and says false.
  [[nodiscard]] bool take_memory(std::uint64_t bytes) noexcept {
    return take(memory_, memory_limit_, bytes);
  }
  // For bytes that are there already, whatever the limit.
  void force_memory(std::uint64_t bytes) noexcept { memory_ += bytes; }
  void give_memory(std::uint64_t bytes) noexcept { memory_ -= bytes; }
  [[nodiscard]] bool take_disk(std::uint64_t bytes) noexcept {
    return take(disk_, disk_limit_, bytes);
  }
  void give_disk(std::uint64_t bytes) noexcept { disk_ -= bytes; }

  // In use now: both are 0 when no request is under way.
  [[nodiscard]] std::uint64_t memory() const noexcept { return memory_; }
  [[nodiscard]] std::uint64_t disk() const noexcept { return disk_; }

 private:
  static bool take(std::atomic<std::uint64_t>& used, std::uint64_t limit,
                   std::uint64_t bytes) noexcept {
    std::uint64_t before = used;
    do {
      if (before + bytes > limit) return false;
    } while (!used.compare_exchange_weak(before, before + bytes));
    return true;
  }

  std::atomic<std::uint64_t> memory_limit_ = Limits{}.memory;
  std::atomic<std::uint64_t> disk_limit_ = Limits{}.disk;
  std::atomic<std::uint64_t> memory_ = 0;
  std::atomic<std::uint64_t> disk_ = 0;
};

}  // namespace outrigger::filters
