#include "filters/retry/backoff.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

using config::kLongestWait;

// Of two that are in order.
Duration between(Duration low, Duration high, Random& random) noexcept {
  return low + Duration{static_cast<std::int64_t>(
                   random.below(static_cast<std::uint64_t>((high - low).count()) + 1))};
}

}  // namespace

Duration backoff_wait(const config::Backoff& policy, std::uint32_t retry, Duration previous,
                      Random& random) noexcept {
  const config::WaitRange range = config::backoff_range(policy, retry, previous);
  return between(range.low, range.high, random);
}

Duration spread_wait(Duration wait, double spread, Random& random) noexcept {
  wait = std::clamp(wait, Duration{0}, kLongestWait);
  const Duration most = config::bounded(static_cast<double>(wait.count()) * spread, kLongestWait);
  return wait + between(Duration{0}, most, random);
}

}  // namespace outrigger::filters
