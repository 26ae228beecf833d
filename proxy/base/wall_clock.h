// Wall-clock time for what people read: log lines, identifiers, pages. Derived from a dispatcher's
// steady time and compared with the system's clock once a second, so a step of that clock is
// followed within one and reading costs an addition. Never for a decision. One per worker and
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/duration.h"

namespace outrigger {

class WallClock {
 public:
  // Microseconds since 1970, UTC.
  using Read = std::int64_t (*)() noexcept;
  static std::int64_t system() noexcept;

  explicit WallClock(Read read = &WallClock::system) noexcept : read_(read) {}

  [[nodiscard]] std::int64_t micros(TimePoint now) noexcept {
    if (!anchored_ || now - anchor_ >= 1s || now < anchor_) anchor(now);
    return anchor_micros_ + (now - anchor_).count() / 1000;
  }

 private:
  void anchor(TimePoint now) noexcept {
    anchor_ = now;
    anchor_micros_ = read_();
    anchored_ = true;
  }
  Read read_;
  TimePoint anchor_;
  std::int64_t anchor_micros_ = 0;
  bool anchored_ = false;
};

// "2026-01-31T23:59:59.123456Z" (RFC 3339), keeping the text of the second between calls.
class TimestampText {
 public:
  static constexpr std::size_t kSize = 27;
  // Valid until the next call.
  [[nodiscard]] std::string_view format(std::int64_t micros) noexcept;

 private:
  std::int64_t second_ = INT64_MIN;
  std::array<char, kSize> text_{};
};

}  // namespace outrigger
