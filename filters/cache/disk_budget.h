// How much of the pages that come may go to disk: as much as costs little, so that a flood of new
// ones is no more work than in memory. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace outrigger::filters {

class DiskBudget {
 public:
  // Bytes a second, and how much more may come at once.
  static constexpr std::int64_t kRate = 4 * 1024 * 1024;
  static constexpr std::int64_t kBurst = 32 * 1024 * 1024;

  // False: too much has gone there lately. `now_us`: time of day.
  [[nodiscard]] bool take(std::uint64_t bytes, std::int64_t now_us) noexcept {
    const std::int64_t cost = static_cast<std::int64_t>(bytes) * kSecond / kRate;
    std::int64_t paid = paid_until_us_.load(std::memory_order_relaxed);
    for (;;) {
      // Of a clock that was set back it owes no more than ever.
      const std::int64_t owed = std::clamp<std::int64_t>(paid - now_us, 0, kMost);
      const bool fits = owed + cost <= kMost;
      const std::int64_t next = now_us + owed + (fits ? cost : 0);
      if (paid_until_us_.compare_exchange_weak(paid, next, std::memory_order_relaxed)) return fits;
    }
  }

 private:
  static constexpr std::int64_t kSecond = 1'000'000;
  static constexpr std::int64_t kMost = kBurst * kSecond / kRate;
  std::atomic<std::int64_t> paid_until_us_{0};
};

}  // namespace outrigger::filters
