// When a quota comes back, where the provider does not say it. Pure: from the wall clock's time
// alone, with the rules of the calendar and of US daylight saving time inside.
#pragma once

#include <optional>

#include "config/policies.h"
#include "proxy/base/duration.h"

namespace outrigger::filters {

// From `wall_seconds` (since 1970 UTC) to the next moment that `until` names; more than 0. Nothing
// for kNone, and for a clock that shows no year of 1970 to 9999.
[[nodiscard]] std::optional<Duration> time_until(config::Until until, double wall_seconds);

}  // namespace outrigger::filters
