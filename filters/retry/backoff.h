// How long to wait before another try, where the server says nothing: exponential with jitter
// (resilience 1.2; AWS Architecture Blog, "Exponential Backoff And Jitter"). Pure.
#pragma once

#include <cstdint>

#include "config/backoff_range.h"
#include "proxy/base/duration.h"
#include "proxy/base/random.h"

namespace outrigger::filters {

// A wait before the `retry`-th repetition, at random within config::backoff_range(); `previous` is
// the last one that this function gave for the exchange, 0 before the first.
[[nodiscard]] Duration backoff_wait(const config::Backoff& policy, std::uint32_t retry,
                                    Duration previous, Random& random) noexcept;

// Adds up to `spread` of `wait` at random: never earlier, so that those who were told the same time
// do not come back as one (resilience 3, item 6). Never overflows.
[[nodiscard]] Duration spread_wait(Duration wait, double spread, Random& random) noexcept;

}  // namespace outrigger::filters
