#include "tests/simulation/referee.h"

#include <algorithm>

#include "tests/simulation/oracle.h"

namespace outrigger::simulation {

using filters::BreakerState;
using filters::SharedCooldowns;

namespace {

// Timers fire on whole milliseconds, never early.
constexpr Duration kTick = 1ms;
constexpr std::int64_t kTickMs = 2;

}  // namespace

// A route has breakers of its own where its policy differs.
std::string Referee::owner_of(const Visit& visit) const {
  const bool same = visit.policies->circuit_breaker == upstream_.policies.circuit_breaker;
  return same ? std::string() : std::string(visit.route);
}

void Referee::call_begins(Visit& visit, Call& call, const filters::Exchange& exchange) {
  call.beside = !call.probing && std::ranges::any_of(visit.calls, [](const Call* other) {
    return !other->probing && !other->decided;
  });
  if (call.beside) check_hedge(visit);
  if (!call.probing && !call.beside) check_retry(visit);
  if (visit.policies->circuit_breaker && !call.beside) check_breaker(visit, call);
  watch_cooldowns(visit);
  if (!call.probing && visit.policies->retry && visit.policies->retry->hints.honour) {
    check_pause(visit, exchange);
  }
}

void Referee::attempt_begins(const Visit& visit, const filters::Exchange& exchange) {
  if (visit.left) ledger_.violation(visit, "an attempt begins after the client left");
  if (exchange.scope->cancelled()) ledger_.violation(visit, "a cancelled attempt begins");
  if (visit.head_came) ledger_.violation(visit, "an attempt begins behind the answer");
  if (visit.deadline && loop_.now() > *visit.deadline + kTick) {
    ledger_.violation(visit, "an attempt begins after the deadline");
  }
}

void Referee::check_retry(const Visit& visit) {
  const std::uint32_t most = visit.policies->retry ? visit.policies->retry->max_attempts : 1;
  const auto last = std::find_if(visit.calls.rbegin(), visit.calls.rend(),
                                 [](const Call* call) { return !call->probing; });
  if (last == visit.calls.rend()) return;
  if (visit.tries() >= most) ledger_.violation(visit, "more than {} attempts", most);
  const std::string_view why = why_not_again(visit, **last);
  if (!why.empty()) {
    ledger_.violation(visit, "call {} is repeated: {}", (*last)->number, why);
  }
  if (!(*last)->decided) {
    ledger_.violation(visit, "call {} is repeated while it runs", (*last)->number);
    return;
  }
  spent.push_back({*(*last)->decided, &visit});
}

// Beside one that is late, where a repetition does no harm.
void Referee::check_hedge(const Visit& visit) {
  const std::optional<config::Hedge>& hedge = visit.policies->hedge;
  if (!hedge) return ledger_.violation(visit, "two calls at a time");
  const bool safe = visit.policies->replay == config::Replay::kSafe;
  if (!safe) ledger_.violation(visit, "a call is hedged that must not be repeated");
  std::uint32_t running = 0;
  TimePoint earliest = loop_.now();
  for (const Call* other : visit.calls) {
    if (other->probing || other->decided) continue;
    ++running;
    earliest = std::min(earliest, other->started);
  }
  if (running > hedge->max_extra) ledger_.violation(visit, "{} calls at a time", running + 1);
  if (loop_.now() - earliest < *hedge->after) ledger_.violation(visit, "a hedge comes too early");
}

void Referee::check_breaker(const Visit& visit, Call& call) {
  if (breakers_ != nullptr) {
    for (const filters::BreakerReport& report : breakers_->reports(loop_.now())) {
      const config::Policies& of =
          report.route.empty() ? upstream_.policies : upstream_.routes.front().policies;
      if (report.status.probes_out > of.circuit_breaker->half_open.probes) {
        ledger_.violation(visit, "a breaker has {} probes out", report.status.probes_out);
      }
    }
  }
  if (!visit.policies->circuit_breaker->key.empty()) return;
  const Breaker& whole = whole_[owner_of(visit)];
  if (whole.state == BreakerState::kOpen || whole.state == BreakerState::kForcedOpen) {
    ledger_.violation(visit, "a call passes a breaker that is {}", to_string(whole.state));
  }
  if (whole.state != BreakerState::kHalfOpen) return;
  const config::HalfOpen& half_open = visit.policies->circuit_breaker->half_open;
  std::uint32_t out = 1;
  for (const Call& other : ledger_.calls) {
    const bool leased = loop_.now() - other.started < half_open.lease;
    out += &other != &call && other.era == whole.era && leased ? 1 : 0;
  }
  if (out > half_open.probes) ledger_.violation(visit, "{} probes at a time", out);
  call.era = whole.era;
}

void Referee::breaker_changes(const filters::Transition& transition) {
  ledger_.note("breaker {}/{} {}: {} -> {} {}", transition.route, to_string(transition.kind),
               transition.key.endpoint, to_string(transition.change.from),
               to_string(transition.change.to), transition.change.because);
  if (transition.kind != filters::BreakerKind::kUpstream) return;
  Breaker& whole = whole_[std::string(transition.route)];
  whole.state = transition.change.to;
  whole.era = ledger_.trace.size();  // another one each time
}

// What is not in the snapshot has only a few seconds left, unless it ran out or was lifted: by a
// request that was let through to find out, long after it was set.
void Referee::watch_cooldowns(const Visit& visit) {
  std::map<filters::CooldownKey, Pause> now;
  for (const filters::SavedCooldown& saved : cooldowns_.snapshot(loop_.now(), now_ms())) {
    now[saved.key] = {saved.until_ms, looked_};
  }
  constexpr std::int64_t kUnseen = SharedCooldowns::kWorthKeeping / 1ms + kTickMs;
  for (const auto& [key, before] : pauses_) {
    const auto found = now.find(key);
    const bool shorter = found == now.end() || found->second.until_ms < before.until_ms - kTickMs;
    const bool lifted = loop_.now() - before.extended >= SharedCooldowns::kProbeEvery;
    if (shorter && !lifted && before.until_ms > now_ms() + kUnseen) {
      ledger_.violation(visit, "the pause of {}/{:x} got shorter", key.model, key.credential);
    }
    if (found != now.end() && found->second.until_ms <= before.until_ms + kTickMs) {
      found->second.extended = before.extended;
    }
  }
  pauses_ = std::move(now);
  looked_ = loop_.now();
}

void Referee::check_pause(const Visit& visit, const filters::Exchange& exchange) {
  for (const std::string_view model : {std::string_view(), exchange.model}) {
    const auto found = pauses_.find({upstream_.name, std::string(model), exchange.credential});
    if (found == pauses_.end() || found->second.until_ms <= now_ms() + kTickMs) continue;
    if (loop_.now() - found->second.extended >= SharedCooldowns::kProbeEvery) continue;
    ledger_.violation(visit, "a call begins in a pause of another {} ms",
                      found->second.until_ms - now_ms());
  }
}

}  // namespace outrigger::simulation
