// What the end of an attempt says to a breaker. Pure. (resilience 3 items 11 and 13)
#pragma once

#include <algorithm>
#include <cstdint>

#include "config/policies.h"

namespace outrigger::filters {

struct Attempt;

enum class CallOutcome : std::uint8_t {
  kNeutral,  // says nothing
  kSuccess,
  kFailure,
  kRateOnly,  // a failure for the rate, not for the run
};

struct Ending {
  CallOutcome outcome = CallOutcome::kNeutral;
  bool slow = false;  // its first event came later than SlowCalls allows
  bool operator==(const Ending&) const = default;
};

// Whether the policy's key has this part.
[[nodiscard]] inline bool keyed_by(const config::CircuitBreaker& policy,
                                   config::BreakerKey part) noexcept {
  return std::ranges::find(policy.key, part) != policy.key.end();
}

// For the breaker of the upstream's connections: no connection, or one that took nothing of the
// request, is a failure; to have taken some of it is a success. Known once an answer began.
[[nodiscard]] Ending of_connection(const Attempt& attempt) noexcept;

// For the breaker of the policy's key. What never reached the upstream counts only where the
// endpoint is part of the key; a verdict on a thing that is not (Attempt::scope) does not count.
// What the proxy itself refused and what nobody waited for never counts.
[[nodiscard]] Ending of_call(const Attempt& attempt, const config::CircuitBreaker& policy) noexcept;

}  // namespace outrigger::filters
