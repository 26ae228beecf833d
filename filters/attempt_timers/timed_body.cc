#include "filters/attempt_timers/timed_body.h"

#include <algorithm>

namespace outrigger::filters {

// What is there is not late: no timer, no frame of our own.
Task<Result<Slice>> TimedBody::read(CancelScope& scope) {
  return inner_->ready() ? inner_->read(scope) : read_timed(scope);
}

Task<Result<Slice>> TimedBody::read_timed(CancelScope& outer) {
  CancelScope scope(outer);
  DeadlineTimer timer(loop_, scope);
  const Duration left =
      deadline_ ? std::max(*deadline_ - loop_.now(), Duration{0}) : Duration::max();
  if (gap_ && *gap_ <= left) {
    timer.start(*gap_, {Errc::kTimeout, Origin::kUpstream, "connection_read_timeout"});
  } else {
    timer.start(left, {Errc::kTimeout, Origin::kUpstream, "total_timeout"});
  }
  Result<Slice> bytes = co_await inner_->read(scope);
  if (!bytes && bytes.error().phase < Phase::kAnswered) bytes.error().phase = Phase::kAnswered;
  co_return bytes;
}

}  // namespace outrigger::filters
