#include "filters/fallback/fallback.h"

#include <utility>

#include "filters/fallback/second_ways.h"

namespace outrigger::filters {

Task<Result<http::Response>> Fallback::handle(Exchange& exchange, Next next) {
  SecondWays ways(policies_, switchboard_, exchange);
  Result<http::Response> outcome = co_await next(exchange);
  while (const config::Fallback* way = ways.next(outcome)) {
    if (policies_.shadowed(config::Shadowed::kFallback)) {
      exchange.would_have.push_back({config::Shadowed::kFallback, "fall_back"});
      break;
    }
    if (way->answer) {
      count(*way);
      co_return ways.answer(*way);
    }
    if (way->stale) {
      count(*way);
      co_return ways.stale(*way);
    }
    if (!co_await ways.turn_to(*way, outcome)) continue;
    count(*way);
    outcome = co_await ways.chain()(exchange);
  }
  co_return ways.finish(std::move(outcome));
}

void Fallback::count(const config::Fallback& way) {
  const std::string_view to = way.answer             ? std::string_view("answer")
                              : way.stale            ? std::string_view("stale")
                              : way.upstream.empty() ? std::string_view("model")
                                                     : std::string_view(way.upstream);
  metrics_.counter(Metric::kFallbacks, {upstream_, to}).add();
}

}  // namespace outrigger::filters
