#include "filters/chain.h"

#include <utility>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/classify/classify.h"
#include "filters/deadline/deadline.h"
#include "filters/gateway/gateway.h"
#include "filters/keep_alive/keep_alive.h"
#include "filters/send/send.h"
#include "filters/validate/validate.h"

namespace outrigger::filters {

// Outermost first. Each line says why it stands where it stands.
Chain ChainBuilder::in_order(std::unique_ptr<Filter> observe, const config::Policies& policies,
                             std::string_view upstream, std::unique_ptr<Filter> circuit_breaker,
                             std::unique_ptr<Filter> send) const {
  std::vector<std::unique_ptr<Filter>> filters;
  MetricShard& metrics = context_.observe.metrics;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  push(std::move(observe));                   // sees every answer, whoever made it
  push(std::make_unique<Gateway>(policies));  // what must not pass, no policy should see
  if (policies.retry || policies.circuit_breaker || policies.commit.keep_alive ||
      policies.validate) {
    push(std::make_unique<Intake>(context_.shared.intake, policies));  // before who needs its facts
  }
  if (policies.commit.keep_alive) {
    push(std::make_unique<KeepAlive>(policies));  // around all that takes long
  }
  push(std::make_unique<Deadline>(policies, context_.observe.clock));  // all attempts and waits
  if (policies.validate) {  // what it asks again is retried, and limited, as any request
    push(std::make_unique<Validate>(context_.schemas, policies, metrics, upstream));
  }
  if (policies.retry) {
    push(std::make_unique<Retry>(context_.retry, policies, upstream));  // what follows repeats
  }
  if (circuit_breaker != nullptr) push(std::move(circuit_breaker));  // each attempt asks for itself
  push(std::make_unique<Classify>(policies, context_.observe.clock));  // who repeats reads verdicts
  push(std::make_unique<AttemptTimers>(policies.timeouts));            // bounds one attempt
  push(std::move(send));                                               // has no next
  return Chain(std::move(filters));
}

std::unique_ptr<Filter> ChainBuilder::breaker(const config::Upstream& upstream,
                                              const config::Route* route) const {
  const config::Policies& policies = route == nullptr ? upstream.policies : route->policies;
  if (!policies.circuit_breaker) return nullptr;
  return std::make_unique<CircuitBreaker>(context_.shared.breakers, upstream, route,
                                          context_.observe.metrics, now_);
}

Chain ChainBuilder::route(const config::Upstream& upstream, const config::Route* route,
                          upstream::Cluster& cluster) const {
  const std::string_view label = route == nullptr ? kDefaultRoute : std::string_view(route->name);
  const config::Policies& policies = route == nullptr ? upstream.policies : route->policies;
  return in_order(std::make_unique<Observe>(context_.observe, upstream.name, label), policies,
                  upstream.name, breaker(upstream, route), std::make_unique<Send>(cluster));
}

Chain ChainBuilder::forward(const config::Policies& policies, upstream::ForwardProxy& proxy) const {
  return in_order(std::make_unique<Observe>(context_.observe, kPassthrough, kDefaultRoute),
                  policies, kPassthrough, nullptr, std::make_unique<SendForward>(proxy));
}

}  // namespace outrigger::filters
