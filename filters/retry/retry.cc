#include "filters/retry/retry.h"

#include <utility>

#include "filters/retry/tries.h"
#include "filters/retry/verifier.h"

namespace outrigger::filters {

RetryRoute::RetryRoute(const RetryContext& context, const config::Policies& of,
                       const config::Retry& retries, std::string_view upstream)
    : policies(of),
      retry(retries),
      budget(retries.budget ? &context.budgets.of(upstream, *retries.budget) : nullptr),
      cooldowns(context.cooldowns),
      random(context.random),
      metrics(context.metrics, upstream) {}

Task<Result<http::Response>> Retry::handle(Exchange& exchange, Next next) {
  Tries tries(route_, exchange);
  for (;;) {
    while (const std::optional<Pause> pause = tries.pause()) {
      if (pause->refused()) co_return tries.refuse(*pause);
      const Status rested = co_await SleepFor(exchange.loop, *exchange.scope, pause->wait);
      if (!rested) co_return tries.interrupted(rested.error());
    }
    tries.begin();
    Result<http::Response> outcome = co_await next(exchange);
    const Decision decision = tries.decide(outcome);
    if (decision.stop == Stop::kOk) co_return outcome;
    if (!decision.again) co_return tries.finish(std::move(outcome), decision);
    tries.set_aside(std::move(outcome));
    if (decision.probe_first) {
      Verifier verifier(*route_.policies.verify, exchange, next);
      Result<std::optional<http::Response>> found = co_await verifier.ask(tries.body());
      if (!found) co_return tries.unknown(std::move(found).error());
      if (*found) co_return tries.verified(std::move(**found));
    }
    if (decision.wait > Duration{0}) {
      const Status slept = co_await SleepFor(exchange.loop, *exchange.scope, decision.wait);
      if (!slept) co_return tries.interrupted(slept.error());
    }
    tries.rewind();
  }
}

}  // namespace outrigger::filters
