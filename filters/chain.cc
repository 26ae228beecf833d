#include "filters/chain.h"

#include <utility>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/classify/classify.h"
#include "filters/gateway/gateway.h"
#include "filters/keep_alive/keep_alive.h"
#include "filters/send/send.h"

namespace outrigger::filters {
namespace {

// Outermost first. Each line says why it stands where it stands.
std::vector<std::unique_ptr<Filter>> in_order(std::unique_ptr<Filter> observe,
                                              const config::Policies& policies, WallClock& clock,
                                              std::unique_ptr<Filter> send) {
  std::vector<std::unique_ptr<Filter>> filters;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  push(std::move(observe));                   // sees every answer, whoever made it
  push(std::make_unique<Gateway>(policies));  // what must not pass, no policy should see
  if (policies.commit.keep_alive) {
    push(std::make_unique<KeepAlive>(policies));  // around all that takes long
  }
  push(std::make_unique<Classify>(policies, clock));  // whoever repeats reads its verdicts
  push(std::make_unique<AttemptTimers>(
      policies.timeouts));  // bounds one attempt: inside all that repeats
  push(std::move(send));    // has no next
  return filters;
}

}  // namespace

Chain ChainBuilder::route(const config::Upstream& upstream, const config::Route* route,
                          upstream::Cluster& cluster) const {
  const std::string_view label = route == nullptr ? kDefaultRoute : std::string_view(route->name);
  const config::Policies& policies = route == nullptr ? upstream.policies : route->policies;
  return Chain(in_order(std::make_unique<Observe>(observe_, upstream.name, label), policies,
                        observe_.clock, std::make_unique<Send>(cluster)));
}

Chain ChainBuilder::forward(const config::Policies& policies, upstream::ForwardProxy& proxy) const {
  return Chain(in_order(std::make_unique<Observe>(observe_, kPassthrough, kDefaultRoute), policies,
                        observe_.clock, std::make_unique<SendForward>(proxy)));
}

}  // namespace outrigger::filters
