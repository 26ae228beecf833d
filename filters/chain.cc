#include "filters/chain.h"

#include <utility>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/cache/cache.h"
#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/classify/classify.h"
#include "filters/concurrency/concurrency.h"
#include "filters/credentials/credentials.h"
#include "filters/deadline/deadline.h"
#include "filters/fallback/fallback.h"
#include "filters/gateway/gateway.h"
#include "filters/hedge/hedge.h"
#include "filters/idempotency/idempotency.h"
#include "filters/keep_alive/keep_alive.h"
#include "filters/loop_guard/loop_guard.h"
#include "filters/rate_limit/rate_limit.h"
#include "filters/route_policies.h"
#include "filters/send/send.h"
#include "filters/sign/sign.h"
#include "filters/validate/validate.h"

namespace outrigger::filters {
namespace {

// Somebody sends the body again, or keys something by the model or the credential.
bool needs_intake(const config::Policies& policies, bool adds_keys) noexcept {
  return policies.retry || policies.circuit_breaker || policies.commit.keep_alive ||
         !policies.fallback.empty() || policies.hedge || policies.loop_guard || policies.validate ||
         policies.rate_limit || policies.concurrency || policies.idempotency || policies.cache ||
         adds_keys;
}

}  // namespace

// Outermost first. Each line says why it stands where it stands.
Chain ChainBuilder::in_order(ChainEnds ends, const config::Policies& policies,
                             std::string_view upstream) const {
  std::vector<std::unique_ptr<Filter>> filters;
  MetricShard& metrics = context_.observe.metrics;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  push(std::move(ends.observe));  // sees every answer, whoever made it
  // What must not pass, no policy should see.
  push(std::make_unique<Gateway>(policies, context_.shared.pressure));
  if (needs_intake(policies, ends.credentials != nullptr)) {
    push(std::make_unique<Intake>(context_.shared.intake, policies));  // before who needs its facts
  }
  if (policies.commit.keep_alive) {
    push(std::make_unique<KeepAlive>(policies));  // around all that takes long
  }
  if (policies.idempotency) {  // what follows runs on without its client
    push(std::make_unique<Idempotency>(
        IdempotencyContext{*context_.shared.once, context_.shared.files, *context_.executions,
                           metrics},
        policies, upstream));
  }
  if (policies.cache) {  // a hit costs nothing of what follows
    push(std::make_unique<Cache>(CacheContext{*context_.shared.cached, *context_.executions,
                                              context_.observe.clock, metrics},
                                 policies, upstream));
  }
  if (policies.loop_guard) {  // sees what comes of a request in the end
    push(std::make_unique<LoopGuard>(context_.shared.failures, context_.shared.intake, policies,
                                     upstream, metrics));
  }
  push(std::make_unique<Deadline>(policies, context_.observe.clock));  // all attempts and waits
  if (!policies.fallback.empty()) {
    push(std::make_unique<Fallback>(policies, switchboard_, metrics,
                                    upstream));  // what follows has failed for good
  }
  const std::size_t inner = filters.size();  // where a request of another upstream falls back to
  if (policies.validate) {  // what it asks again is retried, and limited, as any request
    push(std::make_unique<Validate>(context_.schemas, policies, metrics, upstream));
  }
  if (ends.credentials != nullptr) push(std::move(ends.credentials));  // each try chooses a key
  if (policies.retry) {
    push(std::make_unique<Retry>(context_.retry, policies, upstream));  // what follows repeats
  }
  if (ends.rate_limit != nullptr)
    push(std::move(ends.rate_limit));  // each attempt counts for itself
  if (ends.concurrency != nullptr) {
    push(std::move(ends.concurrency));  // no slot is held in the line above
  }
  if (ends.circuit_breaker != nullptr)
    push(std::move(ends.circuit_breaker));  // each attempt asks for itself
  if (policies.hedge) {
    push(std::make_unique<Hedge>(context_.shared.hedges, context_.shared.cooldowns, policies,
                                 metrics, upstream,
                                 ends.route));  // each request of it is judged by itself
  }
  push(std::make_unique<Classify>(policies, context_.observe.clock));  // who repeats reads verdicts
  push(std::make_unique<AttemptTimers>(policies.timeouts));            // bounds one attempt
  if (ends.sign != nullptr) push(std::move(ends.sign));                // as it is sent
  push(std::move(ends.send));                                          // has no next
  return Chain(std::move(filters), inner);
}

void ChainBuilder::add_gates(ChainEnds& ends, const config::Upstream& upstream,
                             const config::Route* route) const {
  const config::Policies& policies = policies_of(upstream, route);
  Shared& shared = context_.shared;
  MetricShard& metrics = context_.observe.metrics;
  if (policies.rate_limit) {
    ends.rate_limit = std::make_unique<RateLimit>(shared.limits, upstream, route, metrics,
                                                  context_.observe.clock, now_);
  }
  if (policies.concurrency) {
    ends.concurrency =
        std::make_unique<ConcurrencyLimit>(shared.limits, upstream, route, metrics, now_);
  }
  if (policies.circuit_breaker) {
    ends.circuit_breaker =
        std::make_unique<CircuitBreaker>(shared.breakers, upstream, route, metrics, now_);
  }
  if (adds_credentials(policies)) {
    const CredentialsContext context{shared.keys, shared.cooldowns, shared.breakers,
                                     shared.intake.credential_key};
    ends.credentials = std::make_unique<Credentials>(context, upstream, route, now_);
  }
  if (signs(policies)) {
    ends.sign = std::make_unique<Sign>(upstream, policies, context_.observe.clock);
  }
}

Chain ChainBuilder::route(const config::Upstream& upstream, const config::Route* route,
                          upstream::Cluster& cluster) const {
  const std::string_view label = route == nullptr ? kDefaultRoute : std::string_view(route->name);
  const config::Policies& policies = policies_of(upstream, route);
  ChainEnds ends{.route = label,
                 .observe = std::make_unique<Observe>(context_.observe, upstream.name, label),
                 .send = std::make_unique<Send>(cluster)};
  add_gates(ends, upstream, route);
  return in_order(std::move(ends), policies, upstream.name);
}

Chain ChainBuilder::forward(const config::Policies& policies, upstream::ForwardProxy& proxy) const {
  return in_order(
      {.route = kDefaultRoute,
       .observe = std::make_unique<Observe>(context_.observe, kPassthrough, kDefaultRoute),
       .send = std::make_unique<SendForward>(proxy)},
      policies, kPassthrough);
}

}  // namespace outrigger::filters
