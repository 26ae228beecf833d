// Every rate and concurrency limit of the process, found by the names of upstream and route: so
// what is counted and who waits outlives a reload, and all workers share it. Belongs to the
// process; any thread. (resilience 3 items 14, 15 and 18)
#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "filters/limits/upstream_limits.h"

namespace outrigger::filters {

class SharedLimits {
 public:
  explicit SharedLimits(std::size_t keys_per_upstream = 4096) : keys_(keys_per_upstream) {}

  // The limits of an upstream, or of its route where that has a policy of its own. The first call
  // makes them; a later one with another policy gives it to them. `route` is nullptr for the
  // upstream itself, whose policies, or the route's, have a policy of this kind.
  std::shared_ptr<UpstreamLimits> of(const config::Upstream& upstream, const config::Route* route,
                                     LimitKind kind, TimePoint now);

  // Those that a filter uses; what a reload took away keeps its state unseen.
  [[nodiscard]] std::vector<std::shared_ptr<UpstreamLimits>> all() const;

 private:
  static constexpr std::size_t kMostUpstreams = 1024;

  const std::size_t keys_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<UpstreamLimits>> upstreams_;  // found at set-up, never by a call
};

}  // namespace outrigger::filters
