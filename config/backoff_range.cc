#include "config/backoff_range.h"

#include <algorithm>
#include <cmath>

namespace outrigger::config {
Duration bounded(double nanoseconds, Duration most) noexcept {
  // Also false for NaN.
  if (!(nanoseconds < static_cast<double>(most.count()))) return most;
  return Duration{static_cast<std::int64_t>(std::max(nanoseconds, 0.0))};
}

const Backoff& backoff_for(const Retry& policy, Verdict verdict) noexcept {
  for (const VerdictBackoff& own : policy.backoff_for) {
    if (own.verdict == verdict) return own.backoff;
  }
  return policy.backoff;
}

WaitRange backoff_range(const Backoff& policy, std::uint32_t retry, Duration previous) noexcept {
  const Duration most = std::clamp(policy.max, Duration{0}, kLongestWait);
  const Duration base = std::clamp(policy.base, Duration{0}, most);
  const double growth = std::pow(policy.factor, static_cast<double>(std::max(retry, 1u) - 1));
  const Duration ceiling = bounded(static_cast<double>(base.count()) * growth, most);
  switch (policy.jitter) {
    case Jitter::kFull:
      return {Duration{0}, ceiling};
    case Jitter::kEqual:
      return {ceiling / 2, ceiling};
    case Jitter::kDecorrelated: {
      const double high = 3 * static_cast<double>(std::max(previous, base).count());
      return {base, std::max(base, bounded(high, most))};
    }
    case Jitter::kNone:
      break;
  }
  return {ceiling, ceiling};
}

}  // namespace outrigger::config
