#include "filters/observe/attempt_time.h"

#include <algorithm>
#include <vector>

namespace outrigger::filters {
namespace {

struct Span {
  TimePoint begin, end;
};

Span span_of(const Attempt& attempt, TimePoint end) noexcept {
  const bool over = attempt.ended != TimePoint{} && attempt.ended < end;
  return {attempt.started + -attempt.waited, over ? attempt.ended : end};
}

}  // namespace

Duration attempt_time(std::span<const Attempt> attempts, TimePoint end) {
  std::vector<Span, FrameAllocator<Span>> spans;
  spans.reserve(attempts.size());
  for (const Attempt& attempt : attempts) spans.push_back(span_of(attempt, end));
  std::ranges::sort(spans, {}, &Span::begin);
  Duration taken{0};
  TimePoint counted{Duration::min()};  // up to here
  for (const Span& span : spans) {
    const TimePoint begin = std::max(span.begin, counted);
    if (span.end <= begin) continue;
    taken += span.end - begin;
    counted = span.end;
  }
  return taken;
}

}  // namespace outrigger::filters
