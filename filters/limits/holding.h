// What one try has taken of a limit, on its way to the attempts that it makes. Lives in the frame
// of a filter's handle(): whatever becomes of that, it comes back exactly once.
#pragma once

#include "filters/exchange.h"
#include "filters/limits/shared_limit.h"

namespace outrigger::filters {

class Holding {
 public:
  // `load` was taken; `by` hears of the ends of attempts and passes them to release_ended().
  Holding(Exchange& exchange, AttemptObserver& by, PinnedLimit limit, const Load& load) noexcept;
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;
  ~Holding();

  // The try is over: gives back, or leaves that to the last of its attempts that still run.
  void settle();
  [[nodiscard]] SharedLimit& limit() const noexcept { return *hold_.limit; }
  [[nodiscard]] TimePoint since() const noexcept { return hold_.since; }

 private:
  Exchange& exchange_;
  AttemptObserver& by_;
  PinnedLimit pin_;
  LimitHold hold_;
};

// Gives back what the attempt was the last to use, of what `by` has taken.
void release_ended(Exchange& exchange, const AttemptObserver& by, const Attempt& ended);

}  // namespace outrigger::filters
