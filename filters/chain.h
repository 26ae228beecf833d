// Puts the filters of a route in their order (DESIGN 3): the one list, the same for all routes. A
// filter that a route does not use is not in its chain.
#pragma once

#include <memory>
#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/observe/observe.h"
#include "filters/retry/retry.h"
#include "filters/shared.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/forward.h"

namespace outrigger::filters {

// What the chains of one worker use; all outlive them.
struct ChainContext {
  ObserveContext& observe;
  Shared& shared;
  RetryContext retry;
};

class ChainBuilder {
 public:
  // `context` outlives the chains; `now` is the worker's time.
  ChainBuilder(ChainContext& context, TimePoint now) noexcept : context_(context), now_(now) {}

  // The chain of one route, or of the upstream itself (nullptr). All arguments outlive it.
  [[nodiscard]] Chain route(const config::Upstream& upstream, const config::Route* route,
                            upstream::Cluster& cluster) const;
  // The chain of what is forwarded to hosts that no upstream names.
  [[nodiscard]] Chain forward(const config::Policies& policies,
                              upstream::ForwardProxy& proxy) const;

 private:
  // What is kept by the names of upstream and route; nullptr where there is no such policy.
  struct Gates {
    std::unique_ptr<Filter> rate_limit, concurrency, circuit_breaker;
  };
  [[nodiscard]] Gates gates(const config::Upstream& upstream, const config::Route* route) const;
  [[nodiscard]] Chain in_order(std::unique_ptr<Filter> observe, const config::Policies& policies,
                               std::string_view upstream, Gates gates,
                               std::unique_ptr<Filter> send) const;

  ChainContext& context_;
  TimePoint now_;
};

}  // namespace outrigger::filters
