// Time as the whole project sees it: steady nanoseconds, never a wall clock for a decision.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace outrigger {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

// A point on a dispatcher's steady clock; only differences mean anything.
struct TimePoint {
  Duration since_start{0};
  auto operator<=>(const TimePoint&) const = default;
};

constexpr TimePoint operator+(TimePoint t, Duration d) {
  return {t.since_start + d};
}
constexpr Duration operator-(TimePoint a, TimePoint b) {
  return a.since_start - b.since_start;
}

}  // namespace outrigger
