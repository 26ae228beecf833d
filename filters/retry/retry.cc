#include "filters/retry/retry.h"

#include <utility>

#include "filters/retry/tries.h"
#include "filters/retry/verifier.h"

namespace outrigger::filters {
namespace {

// Retries that are only thought of are paid for from an account of their own, so that those of
// other routes are not fewer. No upstream's name has a slash in it.
SharedBudget* account_of(SharedBudgets& budgets, std::string_view upstream,
                         const config::Retry& retry, bool shadow) {
  if (!retry.budget) return nullptr;
  if (!shadow) return &budgets.of(upstream, *retry.budget);
  return &budgets.of(std::string(upstream) + "/shadow", *retry.budget);
}

}  // namespace

RetryRoute::RetryRoute(const RetryContext& context, const config::Policies& of,
                       const config::Retry& retries, std::string_view upstream)
    : policies(of),
      retry(retries),
      shadow(of.shadowed(config::Shadowed::kRetry)),
      budget(account_of(context.budgets, upstream, retries, shadow)),
      cooldowns(context.cooldowns),
      random(context.random),
      metrics(context.metrics, upstream) {}

Task<Result<http::Response>> Retry::handle(Exchange& exchange, Next next) {
  return route_.shadow ? watch(exchange, next) : repeat(exchange, next);
}

Task<Result<http::Response>> Retry::watch(Exchange& exchange, Next next) {
  constexpr config::Shadowed kMe = config::Shadowed::kRetry;
  Tries tries(route_, exchange);
  if (const std::optional<Pause> pause = tries.pause()) {
    exchange.would_have.push_back({kMe, pause->refused() ? "refuse" : "wait"});
  }
  tries.begin();
  Result<http::Response> outcome = co_await next(exchange);
  if (tries.would_repeat(outcome)) exchange.would_have.push_back({kMe, "retry"});
  co_return outcome;
}

Task<Result<http::Response>> Retry::repeat(Exchange& exchange, Next next) {
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
