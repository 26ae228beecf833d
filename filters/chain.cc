#include "filters/chain.h"

#include <utility>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/classify/classify.h"
#include "filters/concurrency/concurrency.h"
#include "filters/deadline/deadline.h"
#include "filters/gateway/gateway.h"
#include "filters/keep_alive/keep_alive.h"
#include "filters/rate_limit/rate_limit.h"
#include "filters/send/send.h"

namespace outrigger::filters {

// Outermost first. Each line says why it stands where it stands.
Chain ChainBuilder::in_order(std::unique_ptr<Filter> observe, const config::Policies& policies,
                             std::string_view upstream, Gates gates,
                             std::unique_ptr<Filter> send) const {
  auto& [rate_limit, concurrency, circuit_breaker] = gates;
  std::vector<std::unique_ptr<Filter>> filters;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  push(std::move(observe));                   // sees every answer, whoever made it
  push(std::make_unique<Gateway>(policies));  // what must not pass, no policy should see
  if (policies.retry || policies.circuit_breaker || policies.rate_limit || policies.concurrency ||
      policies.commit.keep_alive) {
    push(std::make_unique<Intake>(context_.shared.intake, policies));  // before who needs its facts
  }
  if (policies.commit.keep_alive) {
    push(std::make_unique<KeepAlive>(policies));  // around all that takes long
  }
  push(std::make_unique<Deadline>(policies, context_.observe.clock));  // all attempts and waits
  if (policies.retry) {
    push(std::make_unique<Retry>(context_.retry, policies, upstream));  // what follows repeats
  }
  if (rate_limit != nullptr) push(std::move(rate_limit));    // each attempt counts for itself
  if (concurrency != nullptr) push(std::move(concurrency));  // no slot is held in the line above
  if (circuit_breaker != nullptr) push(std::move(circuit_breaker));  // each attempt asks for itself
  push(std::make_unique<Classify>(policies, context_.observe.clock));  // who repeats reads verdicts
  push(std::make_unique<AttemptTimers>(policies.timeouts));            // bounds one attempt
  push(std::move(send));                                               // has no next
  return Chain(std::move(filters));
}

ChainBuilder::Gates ChainBuilder::gates(const config::Upstream& upstream,
                                        const config::Route* route) const {
  const config::Policies& policies = route == nullptr ? upstream.policies : route->policies;
  Shared& shared = context_.shared;
  MetricShard& metrics = context_.observe.metrics;
  Gates gates;
  if (policies.rate_limit) {
    gates.rate_limit = std::make_unique<RateLimit>(shared.limits, upstream, route, metrics,
                                                   context_.observe.clock, now_);
  }
  if (policies.concurrency) {
    gates.concurrency =
        std::make_unique<ConcurrencyLimit>(shared.limits, upstream, route, metrics, now_);
  }
  if (policies.circuit_breaker) {
    gates.circuit_breaker =
        std::make_unique<CircuitBreaker>(shared.breakers, upstream, route, metrics, now_);
  }
  return gates;
}

Chain ChainBuilder::route(const config::Upstream& upstream, const config::Route* route,
                          upstream::Cluster& cluster) const {
  const std::string_view label = route == nullptr ? kDefaultRoute : std::string_view(route->name);
  const config::Policies& policies = route == nullptr ? upstream.policies : route->policies;
  return in_order(std::make_unique<Observe>(context_.observe, upstream.name, label), policies,
                  upstream.name, gates(upstream, route), std::make_unique<Send>(cluster));
}

Chain ChainBuilder::forward(const config::Policies& policies, upstream::ForwardProxy& proxy) const {
  return in_order(std::make_unique<Observe>(context_.observe, kPassthrough, kDefaultRoute),
                  policies, kPassthrough, Gates{}, std::make_unique<SendForward>(proxy));
}

}  // namespace outrigger::filters
