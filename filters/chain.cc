#include "filters/chain.h"

#include <utility>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/classify/classify.h"
#include "filters/credentials/credentials.h"
#include "filters/deadline/deadline.h"
#include "filters/gateway/gateway.h"
#include "filters/keep_alive/keep_alive.h"
#include "filters/loop_guard/loop_guard.h"
#include "filters/send/send.h"
#include "filters/sign/sign.h"

namespace outrigger::filters {

// Outermost first. Each line says why it stands where it stands.
Chain ChainBuilder::in_order(std::unique_ptr<Filter> observe, const config::Policies& policies,
                             std::string_view upstream, std::unique_ptr<Filter> circuit_breaker,
                             std::unique_ptr<Filter> send, std::unique_ptr<Filter> credentials,
                             std::unique_ptr<Filter> sign) const {
  std::vector<std::unique_ptr<Filter>> filters;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  push(std::move(observe));  // sees every answer, whoever made it
  // What must not pass, no policy should see.
  push(std::make_unique<Gateway>(policies, context_.shared.pressure));
  if (policies.retry || policies.circuit_breaker || policies.commit.keep_alive ||
      policies.loop_guard || credentials != nullptr) {
    push(std::make_unique<Intake>(context_.shared.intake, policies));  // before who needs its facts
  }
  if (policies.commit.keep_alive) {
    push(std::make_unique<KeepAlive>(policies));  // around all that takes long
  }
  if (policies.loop_guard) {  // sees what comes of a request in the end
    push(std::make_unique<LoopGuard>(context_.shared.failures, context_.shared.intake, policies,
                                     upstream, context_.observe.metrics));
  }
  push(std::make_unique<Deadline>(policies, context_.observe.clock));  // all attempts and waits
  if (credentials != nullptr) push(std::move(credentials));            // each try chooses a key
  if (policies.retry) {
    push(std::make_unique<Retry>(context_.retry, policies, upstream));  // what follows repeats
  }
  if (circuit_breaker != nullptr) push(std::move(circuit_breaker));  // each attempt asks for itself
  push(std::make_unique<Classify>(policies, context_.observe.clock));  // who repeats reads verdicts
  push(std::make_unique<AttemptTimers>(policies.timeouts));            // bounds one attempt
  if (sign != nullptr) push(std::move(sign));                          // as it is sent
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

std::unique_ptr<Filter> ChainBuilder::credentials(const config::Upstream& upstream,
                                                  const config::Route* route) const {
  if (!adds_credentials(route == nullptr ? upstream.policies : route->policies)) return nullptr;
  Shared& shared = context_.shared;
  const CredentialsContext context{shared.keys, shared.cooldowns, shared.breakers,
                                   shared.intake.credential_key};
  return std::make_unique<Credentials>(context, upstream, route, now_);
}

Chain ChainBuilder::route(const config::Upstream& upstream, const config::Route* route,
                          upstream::Cluster& cluster) const {
  const std::string_view label = route == nullptr ? kDefaultRoute : std::string_view(route->name);
  const config::Policies& policies = route == nullptr ? upstream.policies : route->policies;
  return in_order(
      std::make_unique<Observe>(context_.observe, upstream.name, label), policies, upstream.name,
      breaker(upstream, route), std::make_unique<Send>(cluster), credentials(upstream, route),
      signs(policies) ? std::make_unique<Sign>(upstream, policies, context_.observe.clock)
                      : nullptr);
}

Chain ChainBuilder::forward(const config::Policies& policies, upstream::ForwardProxy& proxy) const {
  return in_order(std::make_unique<Observe>(context_.observe, kPassthrough, kDefaultRoute),
                  policies, kPassthrough, nullptr, std::make_unique<SendForward>(proxy));
}

}  // namespace outrigger::filters
