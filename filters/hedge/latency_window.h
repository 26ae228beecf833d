// How long the last good answers took to begin, and so when one is late: a quantile of a window
// (resilience 1.6, failsafe-go). Pure; not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/base/duration.h"

namespace outrigger::filters {

class LatencyWindow {
 public:
  void add(Duration latency, TimePoint now) noexcept;
  // Of the samples that are not older than kAge; nothing while they are fewer than kLeast. `part`
  // is above 0 and at most 1.
  [[nodiscard]] std::optional<Duration> quantile(double part, TimePoint now);

  static constexpr std::size_t kSize = 128;
  static constexpr std::size_t kLeast = 20;
  static constexpr Duration kAge = 10min;

 private:
  struct Sample {
    Duration latency{0};
    TimePoint at;
  };
  // A quantile is worked out anew after so many samples or so much time, not for each request.
  static constexpr std::uint32_t kFresh = 8;
  static constexpr Duration kFreshFor = 1s;

  std::array<Sample, kSize> samples_;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  std::uint32_t since_ = 0;  // samples since the last was worked out
  double known_part_ = 0;
  TimePoint known_at_;
  std::optional<Duration> known_;
};

}  // namespace outrigger::filters
