#include "filters/concurrency/concurrency.h"

#include <utility>

#include "filters/limits/holding.h"
#include "filters/route_policies.h"

namespace outrigger::filters {
namespace {

constexpr Load kOne{.requests = 1};

}  // namespace

ConcurrencyLimit::ConcurrencyLimit(SharedLimits& limits, const config::Upstream& upstream,
                                   const config::Route* route, MetricShard& metrics, TimePoint now)
    : policies_(policies_of(upstream, route)),
      policy_(*policies_.concurrency),
      keys_(policy_.key),
      shadow_(policies_.shadowed(config::Shadowed::kConcurrency)),
      limits_(limits.of(upstream, route, LimitKind::kConcurrency, now)),
      line_(policy_.queue, upstream.name,
            {.refusal = "concurrency_limited", .limit = "the limit of requests at a time"},
            metrics) {}

Task<Result<http::Response>> ConcurrencyLimit::handle(Exchange& exchange, Next next) {
  PinnedLimit limit = limit_of(exchange);
  if (shadow_) {
    using Would = SharedLimit::Would;
    const Would would = limit->take_in_shadow(kOne, policy_.queue.wait, exchange.loop.now());
    if (would != Would::kPass) {
      exchange.would_have.push_back(
          {config::Shadowed::kConcurrency, would == Would::kWait ? "wait" : "refuse"});
    }
    if (would == Would::kRefuse) co_return co_await next(exchange);
  } else if (!limit->take(kOne, exchange.loop.now())) {
    CO_TRY(co_await line_.wait(exchange, *limit, kOne));
  }
  Holding holding(exchange, *this, std::move(limit), kOne);
  Result<http::Response> outcome = co_await next(exchange);
  holding.settle();
  co_return outcome;
}

void ConcurrencyLimit::on_concluded(Exchange& exchange, Attempt& attempt) {
  release_ended(exchange, *this, attempt);
}

PinnedLimit ConcurrencyLimit::limit_of(const Exchange& exchange) {
  return limits_->of(keys_.of(exchange), exchange.loop.now());
}

}  // namespace outrigger::filters
