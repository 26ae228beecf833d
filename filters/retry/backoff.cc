#include "filters/retry/backoff.h"

#include <algorithm>
#include <cmath>

namespace outrigger::filters {
namespace {

// Beyond this a wait is for ever; below it, sums of two fit.
constexpr Duration kLongest = Duration::max() / 4;

Duration bounded(double nanoseconds, Duration most) noexcept {
  // Also false for NaN.
  if (!(nanoseconds < static_cast<double>(most.count()))) return most;
  return Duration{static_cast<std::int64_t>(std::max(nanoseconds, 0.0))};
}

// Of two that are in order.
Duration between(Duration low, Duration high, Random& random) noexcept {
  return low + Duration{static_cast<std::int64_t>(
                   random.below(static_cast<std::uint64_t>((high - low).count()) + 1))};
}

}  // namespace

Duration backoff_wait(const config::Backoff& policy, std::uint32_t retry, Duration previous,
                      Random& random) noexcept {
  const Duration most = std::clamp(policy.max, Duration{0}, kLongest);
  const Duration base = std::clamp(policy.base, Duration{0}, most);
  const double growth = std::pow(policy.factor, static_cast<double>(std::max(retry, 1u) - 1));
  const Duration ceiling = bounded(static_cast<double>(base.count()) * growth, most);
  switch (policy.jitter) {
    case config::Jitter::kFull:
      return between(Duration{0}, ceiling, random);
    case config::Jitter::kEqual:
      return between(ceiling / 2, ceiling, random);
    case config::Jitter::kDecorrelated: {
      const double high = 3 * static_cast<double>(std::max(previous, base).count());
      return between(base, bounded(high, most), random);
    }
    case config::Jitter::kNone:
      break;
  }
  return ceiling;
}

Duration spread_wait(Duration wait, double spread, Random& random) noexcept {
  wait = std::clamp(wait, Duration{0}, kLongest);
  const Duration most = bounded(static_cast<double>(wait.count()) * spread, kLongest);
  return wait + between(Duration{0}, most, random);
}

}  // namespace outrigger::filters
