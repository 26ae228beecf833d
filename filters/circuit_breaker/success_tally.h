// Counts the successes of a healthy breaker without its lock, for the breaker to fold into its
// window when it next changes. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace outrigger::filters {

class SuccessTally {
 public:
  // One more of this era; false when the breaker is in another by now.
  bool add(std::uint32_t era) noexcept {
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (seen >> 32 == era) {
      if (word_.compare_exchange_weak(seen, seen + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // How many there were since the last time, of the era then given; they are of `era` from now on.
  std::uint32_t take(std::uint32_t era) noexcept {
    const std::uint64_t next = std::uint64_t{era} << 32;
    return static_cast<std::uint32_t>(word_.exchange(next, std::memory_order_relaxed));
  }

 private:
  std::atomic<std::uint64_t> word_{0};  // the era, then the count
};

}  // namespace outrigger::filters
