// The right of one attempt to pass a circuit breaker. Kept in the attempt's record, so that
// whatever becomes of the attempt, its end is told exactly once (Exchange::conclude).
#pragma once

#include <cstdint>

namespace outrigger::filters {

class SharedBreaker;

// What a breaker gives to whom it admits, and takes back with the outcome.
struct Pass {
  std::uint32_t era = 0;    // of the breaker when it was given: a later one ignores the outcome
  std::uint32_t lease = 0;  // of a probe of the half-open state; 0: not a probe
  [[nodiscard]] bool probe() const noexcept { return lease != 0; }
  bool operator==(const Pass&) const = default;
};

struct Permit {
  SharedBreaker* breaker = nullptr;  // nullptr: none was needed
  Pass pass;
};

}  // namespace outrigger::filters
