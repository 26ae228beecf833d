// How much of the time of a request its attempts took. Pure.
#pragma once

#include <span>

#include "filters/exchange.h"

namespace outrigger::filters {

// What the attempts took until `end`, with the waits before them. Those of a hedge overlap, and
// stand in no order of time: each moment counts once.
[[nodiscard]] Duration attempt_time(std::span<const Attempt> attempts, TimePoint end);

}  // namespace outrigger::filters
