// How long to wait before another try, where the server says nothing: exponential with jitter
// (resilience 1.2; AWS Architecture Blog, "Exponential Backoff And Jitter"). Pure.
#pragma once

#include <cstdint>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/random.h"

namespace outrigger::filters {

// The wait before the `retry`-th repetition (1 is the first). With c = min(max, base *
// factor^(retry-1)): full jitter is uniform in [0, c], equal in [c/2, c], none is c; decorrelated
// is uniform in [base, 3 * previous], at most max, where `previous` is the last wait that this
// function gave for the exchange, 0 before the first. Never below 0 nor above max, whatever the
// numbers.
[[nodiscard]] Duration backoff_wait(const config::Backoff& policy, std::uint32_t retry,
                                    Duration previous, Random& random) noexcept;

// Adds up to `spread` of `wait` at random: never earlier, so that those who were told the same time
// do not come back as one (resilience 3, item 6). Never overflows.
[[nodiscard]] Duration spread_wait(Duration wait, double spread, Random& random) noexcept;

}  // namespace outrigger::filters
