#include "filters/circuit_breaker/call_window.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

void add_to(CallTally& tally, CallMark mark) noexcept {
  ++tally.calls;
  tally.failures += mark.failed ? 1 : 0;
  tally.slow += mark.slow ? 1 : 0;
}

void take(CallTally& from, const CallTally& part) noexcept {
  from.calls -= part.calls;
  from.failures -= part.failures;
  from.slow -= part.slow;
}

}  // namespace

CallWindow::CallWindow(Duration length, std::optional<std::uint32_t> calls)
    : bucket_length_(length / kBuckets) {
  if (calls) last_.resize(std::max<std::uint32_t>(*calls, 1));
}

void CallWindow::roll_to(TimePoint now) noexcept {
  const std::int64_t bucket = now.since_start / bucket_length_;
  if (bucket <= newest_) return;
  const std::int64_t over = std::min(bucket - newest_, kBuckets);
  for (std::int64_t i = 0; i < over; ++i) {
    CallTally& gone = buckets_[(bucket - i) % kBuckets];
    take(sum_, gone);
    gone = {};
  }
  newest_ = bucket;
}

void CallWindow::add(TimePoint now, CallMark mark) noexcept {
  if (last_.empty()) {
    roll_to(now);
    add_to(buckets_[newest_ % kBuckets], mark);
  } else {
    if (sum_.calls == last_.size()) {
      CallTally gone;
      add_to(gone, last_[oldest_]);
      take(sum_, gone);
    }
    last_[oldest_] = mark;
    if (++oldest_ == last_.size()) oldest_ = 0;
  }
  add_to(sum_, mark);
}

void CallWindow::add_good(std::uint32_t calls) noexcept {
  buckets_[newest_ % kBuckets].calls += calls;
  sum_.calls += calls;
}

std::optional<TimePoint> CallWindow::bucket_end() const noexcept {
  if (!last_.empty()) return std::nullopt;
  return TimePoint{bucket_length_ * (newest_ + 1)};
}

CallTally CallWindow::tally(TimePoint now) noexcept {
  roll_to(now);  // where the last calls are counted, of empty buckets
  return sum_;
}

void CallWindow::clear() noexcept {
  buckets_ = {};
  sum_ = {};
}

}  // namespace outrigger::filters
