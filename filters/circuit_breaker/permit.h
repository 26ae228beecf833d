// The right of one attempt to pass a circuit breaker. Kept in the attempt's record, so that
// whatever becomes of the attempt, its end is told exactly once (Exchange::conclude).
#pragma once

#include <cstdint>

namespace outrigger::filters {

class SharedBreaker;

struct Permit {
  SharedBreaker* breaker = nullptr;  // nullptr: none was needed
  std::uint32_t era = 0;             // of the breaker when it was given: a later one ignores it
  bool probe = false;                // one of the half-open state
};

}  // namespace outrigger::filters
