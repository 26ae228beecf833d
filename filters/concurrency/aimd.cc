#include "filters/concurrency/aimd.h"

#include <algorithm>
#include <cmath>

namespace outrigger::filters {
namespace {

constexpr std::uint32_t kFewestGaps = 8;  // below, an average tells nothing
constexpr int kGapWeight = 8;             // of those before, against the newest

}  // namespace

Aimd::Aimd(const config::Policies& policies, TimePoint)
    : policy_(*policies.concurrency), limit_(policy_.start) {}

bool Aimd::take(const Load&, TimePoint) {
  if (in_use_ >= limit_) return false;
  ++in_use_;
  return true;
}

void Aimd::take_anyway(const Load&, TimePoint) {
  ++in_use_;
}

std::optional<Duration> Aimd::wait(const Load& ahead, const Load& last, TimePoint) {
  const double ends = ahead.requests + last.requests + in_use_ - limit_;
  if (ends <= 0) return Duration{0};
  if (gaps_ < kFewestGaps) return std::nullopt;
  return Duration{static_cast<std::int64_t>(ends * static_cast<double>(gap_.count()))};
}

void Aimd::conclude(const LimitEnding& ending, TimePoint now) {
  const bool half_used = in_use_ * 2 >= limit_;
  note_end(now);
  --in_use_;
  if (!ending.reached) return;
  if (ending.verdict == Verdict::kOk) {
    if (half_used) rise();
  } else if (policy_.signal.contains(ending.verdict)) {
    fall(ending.started, now);
  }
}

// While it has never fallen, nothing is known of the upstream's own limit, and each good call says
// that there is room: it doubles in the time of a call, as TCP begins (RFC 5681 3.1).
void Aimd::rise() noexcept {
  if (++good_ < (fell_ ? limit_ : 1)) return;
  good_ = 0;
  limit_ = std::min(limit_ + 1, policy_.max);
}

// Those that were under way when it fell say nothing of the lower limit.
void Aimd::fall(TimePoint started, TimePoint now) noexcept {
  if (fell_ && started <= *fell_) return;
  fell_ = now;
  good_ = 0;
  const auto less = static_cast<std::uint32_t>(std::floor(limit_ * policy_.decrease));
  limit_ = std::clamp(less, policy_.min, limit_);
}

void Aimd::note_end(TimePoint now) noexcept {
  if (in_use_ < limit_) {
    ended_.reset();
    return;
  }
  if (ended_) {
    const Duration gap = std::max(now - *ended_, Duration{0});
    gap_ = gaps_ == 0 ? gap : gap_ + (gap - gap_) / kGapWeight;
    gaps_ = std::min(gaps_ + 1, kFewestGaps);
  }
  ended_ = now;
}

void Aimd::adopt(const config::Policies& policies, TimePoint) {
  policy_ = *policies.concurrency;
  limit_ = std::clamp(limit_, policy_.min, policy_.max);
}

}  // namespace outrigger::filters
