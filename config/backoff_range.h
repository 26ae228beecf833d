// Between which bounds a back-off lies: the arithmetic that retries, lints and explanations share
// (resilience 1.2; AWS Architecture Blog, "Exponential Backoff And Jitter"). Pure.
#pragma once

#include <cstdint>

#include "config/policies.h"

namespace outrigger::config {

// Beyond this a wait is for ever; below it, sums of two fit.
inline constexpr Duration kLongestWait = Duration::max() / 4;

// So many nanoseconds, at least 0 and at most `most`; NaN is `most`.
[[nodiscard]] Duration bounded(double nanoseconds, Duration most) noexcept;

// Within which a wait is chosen at random, both included.
struct WaitRange {
  Duration low{0};
  Duration high{0};
  bool operator==(const WaitRange&) const = default;
};

// Before the `retry`-th repetition (1 is the first). With c = min(max, base * factor^(retry-1)):
// full jitter is [0, c], equal [c/2, c], none c alone; decorrelated is [base, 3 * previous], at
// most max, where `previous` is the last wait, 0 before the first. Never below 0 nor above max,
// whatever the numbers.
[[nodiscard]] WaitRange backoff_range(const Backoff& policy, std::uint32_t retry,
                                      Duration previous) noexcept;

// The policy for a failure of that kind.
[[nodiscard]] const Backoff& backoff_for(const Retry& policy, Verdict verdict) noexcept;

}  // namespace outrigger::config
