#include "filters/hedge/hedge.h"

#include <utility>

#include "filters/intake/replay_body.h"
#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

// What is late, and how good the answer of one request is, of an exchange that has no lanes.
bool went_well(const Exchange& exchange, const Result<http::Response>& outcome) noexcept {
  return outcome && !exchange.attempts.empty() && exchange.attempts.back().judged &&
         exchange.attempts.back().verdict == Verdict::kOk;
}

}  // namespace

Hedge::Hedge(SharedHedges& hedges, SharedCooldowns& cooldowns, const config::Policies& policies,
             MetricShard& metrics, std::string_view upstream, std::string_view route)
    : hedges_(hedges),
      cooldowns_(cooldowns),
      policies_(policies),
      hedge_(*policies.hedge),
      upstream_(upstream),
      route_(std::string(upstream) + " " + std::string(route)),
      won_(metrics.counter(Metric::kHedges, {upstream, "won"})),
      lost_(metrics.counter(Metric::kHedges, {upstream, "lost"})),
      failed_(metrics.counter(Metric::kHedges, {upstream, "failed"})),
      no_budget_(metrics.counter(Metric::kHedges, {upstream, "budget"})),
      cooling_(metrics.counter(Metric::kHedges, {upstream, "cooldown"})) {}

// No frame of its own for what is never sent twice.
Task<Result<http::Response>> Hedge::handle(Exchange& exchange, Next next) {
  return fits(exchange) ? handle_repeatable(exchange, next) : next(exchange);
}

bool Hedge::fits(const Exchange& exchange) const noexcept {
  const http::RequestHead& head = exchange.request.head;
  const bool tunnel = exchange.routed.way == upstream::Way::kTunnel ||
                      head.headers.find(http::HeaderId::kUpgrade) != nullptr;
  return !tunnel && !exchange.probing &&
         replay_class(policies_, head.method, KeySent::kNo) == config::Replay::kSafe;
}

Task<Result<http::Response>> Hedge::handle_repeatable(Exchange& exchange, Next next) {
  SharedHedge& shared = hedges_.of(route_, exchange.model);
  const std::optional<Duration> late = shared.begin(hedge_, exchange.loop.now());
  const Slice* whole = exchange.request.body.whole();
  const bool kept = exchange.replay != nullptr && exchange.replay->whole_in_memory();
  if (policies_.shadowed(config::Shadowed::kHedge) || !late || (whole == nullptr && !kept)) {
    co_return co_await observe_only(exchange, next, shared, late);
  }
  Race race(
      exchange, next,
      whole != nullptr ? *whole : Slice::copy(exchange.replay->prefix(ReplayBody::kInMemory)));
  co_return co_await run(exchange, race, shared, late);
}

// Learns; in shadow it also says when a second request would have been sent.
Task<Result<http::Response>> Hedge::observe_only(Exchange& exchange, Next next, SharedHedge& shared,
                                                 std::optional<Duration> late) {
  const TimePoint begun = exchange.loop.now();
  Result<http::Response> outcome = co_await next(exchange);
  const TimePoint now = exchange.loop.now();
  if (went_well(exchange, outcome)) {
    const Attempt& last = exchange.attempts.back();
    shared.learn(last.answered.value_or(last.ended) - begun, now);
  }
  if (policies_.shadowed(config::Shadowed::kHedge) && late && now - begun > *late) {
    exchange.would_have.push_back({config::Shadowed::kHedge, "hedge"});
  }
  co_return outcome;
}

Task<Result<http::Response>> Hedge::run(Exchange& exchange, Race& race, SharedHedge& shared,
                                        std::optional<Duration> late) {
  race.start();
  for (;;) {
    const Result<Race::Waited> waited = co_await race.wait(late);
    if (!waited) {
      co_await race.abandon();
      co_return std::unexpected(waited.error());
    }
    if (*waited == Race::Waited::kLate) {
      const bool may = may_start(exchange, race, shared);
      if (may) race.start();
      if (!may) late.reset();
      continue;
    }
    Lane* const winner = race.winner();
    if (winner == nullptr && !race.all_ended()) continue;
    learn(race, winner, shared, exchange.loop.now());
    Lane& chosen = winner != nullptr ? *winner : race.first();
    co_return co_await race.finish(chosen);
  }
}

// An upstream that has asked to be left alone meanwhile is sent nothing that can be done without.
bool Hedge::may_start(const Exchange& exchange, const Race& race, SharedHedge& shared) {
  if (race.lanes() > hedge_.max_extra) return false;
  const TimePoint now = exchange.loop.now();
  if (cooldowns_.peek(upstream_, exchange.model, exchange.credential, now)) {
    cooling_.add();
    return false;
  }
  if (shared.spend()) return true;
  no_budget_.add();
  return false;
}

// A request that was not waited for counts with the time that it was given: without it only the
// fast ones would be known.
void Hedge::learn(Race& race, const Lane* winner, SharedHedge& shared, TimePoint now) {
  const bool good = winner != nullptr && winner->good();
  const bool of_first = winner != nullptr && race.is_first(*winner);
  if (good) shared.learn(of_first ? winner->latency() : now - race.first().begun(), now);
  if (race.lanes() < 2) return;
  (!good ? failed_ : of_first ? lost_ : won_).add();
}

}  // namespace outrigger::filters
