// How long to wait before another try, where the server says nothing: exponential with jitter
// (resilience 1.2; AWS Architecture Blog, "Exponential Backoff And Jitter"). Pure.
#pragma once

#include <cstdint>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/random.h"
#include "proxy/base/verdict.h"

namespace outrigger::filters {

// The policy for a failure of that kind.
[[nodiscard]] const config::Backoff& backoff_for(const config::Retry& policy,
                                                 Verdict verdict) noexcept;

// Within which a wait is chosen, both included.
struct WaitRange {
  Duration low{0};
  Duration high{0};
  bool operator==(const WaitRange&) const = default;
};

// The wait before the `retry`-th repetition (1 is the first). With c = min(max, base *
// factor^(retry-1)): full jitter is uniform in [0, c], equal in [c/2, c], none is c; decorrelated
// is uniform in [base, 3 * previous], at most max, where `previous` is the last wait that this
// function gave for the exchange, 0 before the first. Never below 0 nor above max, whatever the
// numbers.
[[nodiscard]] WaitRange backoff_range(const config::Backoff& policy, std::uint32_t retry,
                                      Duration previous) noexcept;
// One of these waits at random.
[[nodiscard]] Duration backoff_wait(const config::Backoff& policy, std::uint32_t retry,
                                    Duration previous, Random& random) noexcept;

// Adds up to `spread` of `wait` at random: never earlier, so that those who were told the same time
// do not come back as one (resilience 3, item 6). Never overflows.
[[nodiscard]] Duration spread_wait(Duration wait, double spread, Random& random) noexcept;

}  // namespace outrigger::filters
