#include "filters/rate_limit/rate_limit.h"

#include <optional>
#include <utility>

#include "filters/intake/replay_body.h"
#include "filters/intake/request_facts.h"
#include "filters/limits/holding.h"
#include "filters/rate_limit/estimate.h"
#include "filters/rate_limit/limit_headers.h"
#include "filters/route_policies.h"

namespace outrigger::filters {
namespace {

std::uint64_t answer_tokens(const Exchange& exchange) {
  if (!is_json(exchange.request.head.headers)) return 0;
  if (const Slice* whole = exchange.request.body.whole()) {
    return max_answer_tokens(whole->view().substr(0, kModelPrefix));
  }
  return exchange.replay == nullptr ? 0 : max_answer_tokens(exchange.replay->prefix(kModelPrefix));
}

}  // namespace

RateLimit::RateLimit(SharedLimits& limits, const config::Upstream& upstream,
                     const config::Route* route, MetricShard& metrics, WallClock& clock,
                     TimePoint now)
    : policies_(policies_of(upstream, route)),
      policy_(*policies_.rate_limit),
      keys_(policy_.key),
      shadow_(policies_.shadowed(config::Shadowed::kRateLimit)),
      limits_(limits.of(upstream, route, LimitKind::kRate, now)),
      clock_(clock),
      line_(policy_.queue, upstream.name, {.refusal = "rate_limited", .limit = "the rate limit"},
            metrics),
      held_back_(metrics.counter(Metric::kRateLimited, {upstream.name, "local"})),
      throttled_(metrics.counter(Metric::kRateLimited, {upstream.name, "upstream"})) {}

Task<Result<http::Response>> RateLimit::handle(Exchange& exchange, Next next) {
  if (limits_->limits_nothing()) return handle_unlimited(exchange, next);
  return shadow_ ? handle_in_shadow(exchange, next) : handle_limited(exchange, next);
}

void RateLimit::on_concluded(Exchange& exchange, Attempt& attempt) {
  release_ended(exchange, *this, attempt);
}

RateLimit::Outcome RateLimit::handle_limited(Exchange& exchange, Next next) {
  const Load load = load_of(exchange);
  PinnedLimit limit = limit_of(exchange);
  if (!limit->take(load, exchange.loop.now())) {
    held_back_.add();
    CO_TRY(co_await line_.wait(exchange, *limit, load));
  }
  co_return co_await hold(exchange, next, std::move(limit), load);
}

RateLimit::Outcome RateLimit::handle_in_shadow(Exchange& exchange, Next next) {
  const Load load = load_of(exchange);
  PinnedLimit limit = limit_of(exchange);
  using Would = SharedLimit::Would;
  const Would would = limit->take_in_shadow(load, policy_.queue.wait, exchange.loop.now());
  if (would != Would::kPass) {
    exchange.would_have.push_back(
        {config::Shadowed::kRateLimit, would == Would::kWait ? "wait" : "refuse"});
  }
  if (would == Would::kRefuse) co_return co_await handle_unlimited(exchange, next);
  co_return co_await hold(exchange, next, std::move(limit), load);
}

RateLimit::Outcome RateLimit::handle_unlimited(Exchange& exchange, Next next) {
  const std::size_t first = exchange.attempts.size();
  const TimePoint since = exchange.loop.now();
  Result<http::Response> outcome = co_await next(exchange);
  learn(exchange, outcome, first, nullptr, {}, since);
  co_return outcome;
}

RateLimit::Outcome RateLimit::hold(Exchange& exchange, Next next, PinnedLimit limit, Load load) {
  const std::size_t first = exchange.attempts.size();
  Holding holding(exchange, *this, std::move(limit), load);
  Result<http::Response> outcome = co_await next(exchange);
  learn(exchange, outcome, first, &holding.limit(), load, holding.since());
  holding.settle();
  co_return outcome;
}

PinnedLimit RateLimit::limit_of(const Exchange& exchange) {
  return limits_->of(keys_.of(exchange), exchange.loop.now());
}

Load RateLimit::load_of(Exchange& exchange) const {
  Load load{.requests = 1};
  if (!limits_->counts_tokens()) return load;
  exchange.wants_usage = true;
  const std::uint64_t known = exchange.replay == nullptr ? 0 : exchange.request_bytes;
  const std::uint64_t bytes = exchange.request.body.length().value_or(known);
  load.prompt_tokens = static_cast<double>(bytes) / policy_.bytes_per_token;
  load.answer_tokens = static_cast<double>(answer_tokens(exchange));
  return load;
}

void RateLimit::learn(const Exchange& exchange, const Result<http::Response>& outcome,
                      std::size_t first, SharedLimit* limit, const Load& own, TimePoint since) {
  if (exchange.attempts.size() == first) return;
  if (exchange.attempts.back().verdict == Verdict::kThrottled) throttled_.add();
  if (!policy_.learn || !outcome) return;
  const double now = static_cast<double>(clock_.micros(exchange.loop.now())) / 1e6;
  const LimitNews news = read_limits(outcome->head.headers, now);
  if (!news.any) return;
  limits_->note(news.counts_tokens() ? UpstreamLimits::Learnt::kTokens
                                     : UpstreamLimits::Learnt::kRequests);
  PinnedLimit found;
  if (limit == nullptr) {
    found = limit_of(exchange);
    limit = &*found;
  }
  limit->learn(news, own, since, exchange.loop.now());
}

}  // namespace outrigger::filters
