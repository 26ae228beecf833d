// What a request has taken of a limit, until the last attempt that uses it has ended: of a stream,
// until the stream has. Kept in the exchange.
#pragma once

#include <cstddef>

#include "filters/limits/limit_core.h"

namespace outrigger::filters {

class AttemptObserver;
class SharedLimit;

struct LimitHold {
  const AttemptObserver* by = nullptr;  // the filter
  SharedLimit* limit = nullptr;         // pinned
  std::size_t first = 0;                // attempts that use it
  std::size_t end = 0;
  TimePoint since;
  Load taken;
};

}  // namespace outrigger::filters
