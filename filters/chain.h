// Puts the filters of a route in their order (DESIGN 3): the one list, the same for all routes. A
// filter that a route does not use is not in its chain.
#pragma once

#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/observe/observe.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/forward.h"

namespace outrigger::filters {

class ChainBuilder {
 public:
  // `observe` outlives the chains.
  explicit ChainBuilder(ObserveContext& observe) noexcept : observe_(observe) {}

  // The chain of one route, or of the upstream itself (nullptr). All arguments outlive it.
  [[nodiscard]] Chain route(const config::Upstream& upstream, const config::Route* route,
                            upstream::Cluster& cluster) const;
  // The chain of what is forwarded to hosts that no upstream names.
  [[nodiscard]] Chain forward(const config::Policies& policies,
                              upstream::ForwardProxy& proxy) const;

 private:
  ObserveContext& observe_;
};

}  // namespace outrigger::filters
