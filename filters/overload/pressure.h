// What the process itself has too little of, as filters and listeners ask it: one atomic load.
// Measured and set by the supervisor's thread; asked by all workers. Belongs to the process.
#pragma once

#include <array>
#include <atomic>
#include <climits>
#include <cstdint>

#include "filters/overload/watermark.h"
#include "proxy/base/duration.h"

namespace outrigger::filters {

enum class Resource : std::uint8_t { kMemory, kDescriptors };

class Pressure {
 public:
  // Nothing may be kept that can be done without.
  [[nodiscard]] bool spares() const noexcept {
    return of(Resource::kMemory) != Level::kEnough || of(Resource::kDescriptors) != Level::kEnough;
  }
  // New requests are refused.
  [[nodiscard]] bool refuses_requests() const noexcept {
    return of(Resource::kMemory) == Level::kHard;
  }
  // A new connection with this descriptor is refused. Descriptors are given out lowest first, so a
  // number at the mark says that all below it are taken: at once, not at the next measurement.
  [[nodiscard]] bool refuses_connection(int descriptor) const noexcept {
    return descriptor >= last_descriptor_.load(std::memory_order_relaxed) ||
           of(Resource::kDescriptors) == Level::kHard;
  }
  [[nodiscard]] Duration retry_after() const noexcept {
    return Duration{retry_after_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] Level of(Resource resource) const noexcept {
    return levels_[static_cast<std::size_t>(resource)].load(std::memory_order_relaxed);
  }

  void set(Resource resource, Level level) noexcept {
    levels_[static_cast<std::size_t>(resource)].store(level, std::memory_order_relaxed);
  }
  void refuse_connections_from(int descriptor) noexcept {
    last_descriptor_.store(descriptor, std::memory_order_relaxed);
  }
  void set_retry_after(Duration wait) noexcept {
    retry_after_.store(wait.count(), std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<Level>, 2> levels_{};
  std::atomic<int> last_descriptor_{INT_MAX};
  std::atomic<std::int64_t> retry_after_{Duration{1s}.count()};
};

}  // namespace outrigger::filters
