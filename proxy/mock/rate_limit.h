// A real rate limit for each credential, and what each provider tells of its state. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "config/units.h"
#include "proxy/base/duration.h"
#include "proxy/mock/call.h"
#include "proxy/mock/fault.h"

namespace outrigger::mock {

struct RateState {
  bool allowed = true;
  std::uint64_t limit = 0, remaining = 0;
  Duration until_next{0};  // until one more request is allowed; 0: it is now
  Duration until_full{0};
};

// Token buckets that begin full. Bounded: with too many keys the full buckets go first, then all.
class RateLimits {
 public:
  static constexpr std::size_t kMostKeys = 10'000;

  // Takes one request of `rate.events` in `rate.per`, if there is one.
  RateState take(std::string_view key, const config::Rate& rate, TimePoint now);
  void reset() { buckets_.clear(); }
  [[nodiscard]] std::size_t size() const noexcept { return buckets_.size(); }

 private:
  // Time at which the bucket is full again (GCRA): at or before now means full.
  std::unordered_map<std::string, TimePoint> buckets_;
};

// The fields with which the provider tells the state; none where it tells nothing.
Fields rate_fields(Dialect dialect, const RateState& state, std::int64_t wall_seconds);

// "1h2m3.5s", "12ms", as Go prints durations.
std::string go_duration(Duration duration);

}  // namespace outrigger::mock
