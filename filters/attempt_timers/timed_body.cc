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
  const Limit limit = nearest();
  if (!limit.reason.empty()) {
    timer.start(std::max(limit.left, Duration{0}),
                {Errc::kTimeout, Origin::kUpstream, limit.reason});
  }
  const TimePoint from = loop_.now();
  Result<Slice> bytes = co_await inner_->read(scope);
  waited_ += loop_.now() - from;
  if (!bytes && bytes.error().phase < Phase::kAnswered) bytes.error().phase = Phase::kAnswered;
  co_return bytes;
}

// Every `events` of them begin a new window: whoever keeps the rate in every window of that length
// never fails, whenever it began.
void TimedBody::on_event() {
  if (begun_ && limits_.progress && ++events_ < limits_.progress->events) return;
  begun_ = true;
  events_ = 0;
  waited_ = Duration{0};
}

TimedBody::Limit TimedBody::nearest() const noexcept {
  Limit limit;
  const auto consider = [&limit](Duration left, std::string_view reason) {
    if (left < limit.left) limit = {left, reason};
  };
  if (limits_.gap) consider(*limits_.gap, "connection_read_timeout");
  if (limits_.deadline) consider(*limits_.deadline - loop_.now(), "total_timeout");
  if (!watched_) return limit;
  if (!begun_ && limits_.first_event) {
    consider(*limits_.first_event - loop_.now(), "first_event_timeout");
  }
  if (begun_ && limits_.progress) {
    consider(limits_.progress->per - waited_, "stream_stalled");
  }
  return limit;
}

}  // namespace outrigger::filters
