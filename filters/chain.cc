#include "filters/chain.h"

#include <utility>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/classify/classify.h"
#include "filters/deadline/deadline.h"
#include "filters/fallback/fallback.h"
#include "filters/gateway/gateway.h"
#include "filters/hedge/hedge.h"
#include "filters/keep_alive/keep_alive.h"
#include "filters/send/send.h"

namespace outrigger::filters {
namespace {

// Somebody sends the body again, or keys something by the model or the credential.
bool needs_intake(const config::Policies& policies) noexcept {
  return policies.retry || policies.circuit_breaker || policies.commit.keep_alive ||
         !policies.fallback.empty() || policies.hedge;
}

}  // namespace

// Outermost first. Each line says why it stands where it stands.
Chain ChainBuilder::in_order(ChainEnds ends, const config::Policies& policies,
                             std::string_view upstream) const {
  std::vector<std::unique_ptr<Filter>> filters;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  push(std::move(ends.observe));              // sees every answer, whoever made it
  push(std::make_unique<Gateway>(policies));  // what must not pass, no policy should see
  if (needs_intake(policies)) {
    push(std::make_unique<Intake>(context_.shared.intake, policies));  // before who needs its facts
  }
  if (policies.commit.keep_alive) {
    push(std::make_unique<KeepAlive>(policies));  // around all that takes long
  }
  push(std::make_unique<Deadline>(policies, context_.observe.clock));  // all attempts and waits
  if (!policies.fallback.empty()) {
    push(std::make_unique<Fallback>(policies, switchboard_, context_.observe.metrics,
                                    upstream));  // what follows has failed for good
  }
  const std::size_t inner = filters.size();  // where a request of another upstream falls back to
  if (policies.retry) {
    push(std::make_unique<Retry>(context_.retry, policies, upstream));  // what follows repeats
  }
  if (ends.circuit_breaker != nullptr)
    push(std::move(ends.circuit_breaker));  // each attempt asks for itself
  if (policies.hedge) {
    push(std::make_unique<Hedge>(context_.shared.hedges, policies, context_.observe.metrics,
                                 upstream, ends.route));  // each request of it is judged by itself
  }
  push(std::make_unique<Classify>(policies, context_.observe.clock));  // who repeats reads verdicts
  push(std::make_unique<AttemptTimers>(policies.timeouts));            // bounds one attempt
  push(std::move(ends.send));                                          // has no next
  return Chain(std::move(filters), inner);
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
  return in_order({.route = label,
                   .observe = std::make_unique<Observe>(context_.observe, upstream.name, label),
                   .circuit_breaker = breaker(upstream, route),
                   .send = std::make_unique<Send>(cluster)},
                  policies, upstream.name);
}

Chain ChainBuilder::forward(const config::Policies& policies, upstream::ForwardProxy& proxy) const {
  return in_order(
      {.route = kDefaultRoute,
       .observe = std::make_unique<Observe>(context_.observe, kPassthrough, kDefaultRoute),
       .circuit_breaker = nullptr,
       .send = std::make_unique<SendForward>(proxy)},
      policies, kPassthrough);
}

}  // namespace outrigger::filters
