// Puts the filters of a route in their order (DESIGN 3): the one list, the same for all routes. A
// filter that a route does not use is not in its chain.
#pragma once

#include <memory>
#include <string_view>

#include "config/config.h"
#include "filters/fallback/switchboard.h"
#include "filters/filter.h"
#include "filters/observe/observe.h"
#include "filters/retry/retry.h"
#include "filters/shared.h"
#include "filters/validate/schema_cache.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/forward.h"

namespace outrigger::filters {

// What the chains of one worker use; all outlive them.
struct ChainContext {
  ObserveContext& observe;
  Shared& shared;
  RetryContext retry;
  SchemaCache schemas = {};          // of requests, compiled
  Executions* executions = nullptr;  // for `idempotency` and `cache`
};

// What a chain's route and upstream, or the worker, bring.
struct ChainEnds {
  std::string_view route;
  std::unique_ptr<Filter> observe;
  // nullptr: there is no such policy.
  std::unique_ptr<Filter> credentials = nullptr;
  std::unique_ptr<Filter> rate_limit = nullptr;
  std::unique_ptr<Filter> concurrency = nullptr;
  std::unique_ptr<Filter> circuit_breaker = nullptr;
  std::unique_ptr<Filter> sign = nullptr;
  std::unique_ptr<Filter> send;
};

class ChainBuilder {
 public:
  // `context` and `switchboard` outlive the chains; `now` is the worker's time.
  ChainBuilder(ChainContext& context, const Switchboard& switchboard, TimePoint now) noexcept
      : context_(context), switchboard_(switchboard), now_(now) {}

  // The chain of one route, or of the upstream itself (nullptr). All arguments outlive it.
  [[nodiscard]] Chain route(const config::Upstream& upstream, const config::Route* route,
                            upstream::Cluster& cluster) const;
  // The chain of what is forwarded to hosts that no upstream names.
  [[nodiscard]] Chain forward(const config::Policies& policies,
                              upstream::ForwardProxy& proxy) const;

 private:
  // What is kept by the names of upstream and route, where there is such a policy.
  void add_gates(ChainEnds& ends, const config::Upstream& upstream,
                 const config::Route* route) const;
  [[nodiscard]] Chain in_order(ChainEnds ends, const config::Policies& policies,
                               std::string_view upstream) const;

  ChainContext& context_;
  const Switchboard& switchboard_;
  TimePoint now_;
};

}  // namespace outrigger::filters
