#include "filters/explain/verdict_plan.h"

#include <algorithm>

#include "filters/exchange.h"
#include "filters/fallback/detour.h"
#include "filters/retry/safety.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {
namespace {

// As `send` and `classify` would record it.
Attempt attempt_of(Verdict verdict, Phase phase) {
  Attempt attempt;
  attempt.judged = true;
  attempt.verdict = verdict;
  attempt.phase = phase;
  attempt.failed = phase < Phase::kAnswered;
  attempt.status = attempt.failed ? 0 : 200;
  attempt.code = verdict == Verdict::kTimeout ? Errc::kTimeout : Errc::kReset;
  return attempt;
}

PhasePlan plan_phase(const PlannedRequest& request, Verdict verdict, Phase phase) {
  PhasePlan plan;
  plan.decision = planned_decision(request, verdict, phase);
  if (const auto& breaker = request.policies.circuit_breaker) {
    const Attempt attempt = attempt_of(verdict, phase);
    plan.connection = of_connection(attempt).outcome;
    plan.call = of_call(attempt, *breaker).outcome;
  }
  return plan;
}

// Repeats as long as decide() does, with the shortest waits; returns why it then does not.
Stop plan_waits(const PlannedRequest& request, Verdict verdict, Phase phase,
                std::vector<config::WaitRange>& waits) {
  const config::Backoff& backoff = config::backoff_for(*request.policies.retry, verdict);
  Duration shortest{0}, longest{0}, elapsed{0};
  for (std::uint32_t tries = 1;; ++tries) {
    const config::WaitRange range{config::backoff_range(backoff, tries, shortest).low,
                                  config::backoff_range(backoff, tries, longest).high};
    const Decision decision = planned_decision(request, verdict, phase, tries, range.low, elapsed);
    if (!decision.again) return decision.stop;
    waits.push_back(range);
    shortest = range.low;
    longest = range.high;
    elapsed += range.low;
  }
}

LastWord last_word(const PlannedRequest& request, Verdict verdict, Stop stop) {
  LastWord last;
  last.stop = stop;
  if (!request.policies.retry) return last;
  if (is_exhausted(stop)) last.status = request.policies.retry->give_up_status;
  const bool low = stops_clients(stop, verdict, 400);
  const bool high = stops_clients(stop, verdict, 500);
  using Stops = LastWord::Stops;
  last.stops_clients = low && high ? Stops::kYes : low || high ? Stops::kByStatus : Stops::kNo;
  AttemptFacts hinted;
  hinted.verdict = verdict;
  hinted.phase = Phase::kAnswered;
  hinted.replay = request.replay;
  hinted.tries = request.policies.retry->max_attempts;
  hinted.hint = 1s;
  const bool known = decide(hinted, *request.policies.retry).come_back.has_value();
  last.hint_told = known && last.stops_clients != Stops::kNo;
  return last;
}

std::vector<FallbackPlan> plan_fallbacks(const PlannedRequest& request, config::FallbackOn on) {
  std::vector<FallbackPlan> plans;
  for (std::size_t i = 0; i < request.policies.fallback.size(); ++i) {
    const config::Fallback& fallback = request.policies.fallback[i];
    if (!takes(fallback, on)) continue;
    const std::string_view upstream =
        fallback.upstream.empty() ? request.upstream : std::string_view(fallback.upstream);
    plans.push_back({i, model_for(fallback, request.model), upstream});
  }
  return plans;
}

void plan_cooldown(const PlannedRequest& request, Verdict verdict, VerdictPlan& plan) {
  const config::Policies& policies = request.policies;
  if (!policies.retry || !policies.retry->hints.honour || !begins_cooldown(verdict)) return;
  plan.cooldown =
      cooldown_key(request.upstream, request.model, 0, config::Scope::kDefault, verdict);
  plan.unhinted = unhinted_pause(verdict);
}

VerdictPlan plan_verdict(const PlannedRequest& request, Verdict verdict) {
  VerdictPlan plan;
  plan.on = config::fallback_on(verdict);
  for (std::size_t i = 0; i < kPhases; ++i) {
    plan.phases[i] = plan_phase(request, verdict, static_cast<Phase>(i));
  }
  const auto repeated = std::ranges::find_if(
      plan.phases, [](const PhasePlan& phase) { return phase.decision.again; });
  Stop stop = plan.at(Phase::kAnswered).decision.stop;
  if (repeated != plan.phases.end()) {
    stop = plan_waits(request, verdict, static_cast<Phase>(repeated - plan.phases.begin()),
                      plan.waits);
  }
  plan_cooldown(request, verdict, plan);
  plan.fallbacks = plan_fallbacks(request, plan.on);
  plan.last = last_word(request, verdict, stop);
  return plan;
}

// Of a refusal of our own: nothing was sent, the answer is a problem, and such stop every client.
VerdictPlan plan_refusal(const PlannedRequest& request, config::FallbackOn on, Stop stop,
                         std::string_view problem) {
  VerdictPlan plan;
  plan.on = on;
  for (PhasePlan& phase : plan.phases) phase.decision.stop = stop;
  plan.fallbacks = plan_fallbacks(request, on);
  plan.last = {.stop = stop,
               .status = http::find_problem_kind(problem)->status,
               .stops_clients = LastWord::Stops::kYes,
               .hint_told = true};
  if (request.policies.retry && request.policies.retry->give_up_status != 0) {
    plan.last.status = request.policies.retry->give_up_status;
  }
  return plan;
}

}  // namespace

std::optional<Verdict> VerdictPlan::verdict() const noexcept {
  if (on >= config::FallbackOn::kBreakerOpen) return std::nullopt;
  return static_cast<Verdict>(on);
}

std::string_view VerdictPlan::name() const noexcept {
  if (const auto of_attempt = verdict()) return to_string(*of_attempt);
  return on == config::FallbackOn::kBreakerOpen ? "breaker_open" : "limited";
}

Decision planned_decision(const PlannedRequest& request, Verdict verdict, Phase phase,
                          std::uint32_t tries, Duration backoff, Duration elapsed) {
  if (!request.policies.retry) return {};
  AttemptFacts facts;
  facts.verdict = verdict;
  facts.phase = phase;
  facts.replay = request.replay;
  facts.tries = tries;
  facts.cancelled = verdict == Verdict::kCancelled;
  facts.body_replayable = request.body_replayable;
  facts.can_probe = request.policies.verify.has_value();
  facts.backoff = backoff;
  if (request.deadline) facts.left = *request.deadline - elapsed;
  return decide(facts, *request.policies.retry);
}

std::vector<VerdictPlan> plan_verdicts(const PlannedRequest& request) {
  const config::Policies& policies = request.policies;
  std::vector<VerdictPlan> plans;
  for (std::size_t i = 0; i < kVerdictNames.size(); ++i) {
    plans.push_back(plan_verdict(request, static_cast<Verdict>(i)));
  }
  if (policies.circuit_breaker) {
    plans.push_back(plan_refusal(request, config::FallbackOn::kBreakerOpen, Stop::kCircuitOpen,
                                 "circuit_open"));
  }
  const bool cools = policies.retry && policies.retry->hints.honour;
  if (cools || policies.rate_limit || policies.concurrency) {
    plans.push_back(
        plan_refusal(request, config::FallbackOn::kLimited, Stop::kHintTooLong, "cooling_down"));
  }
  return plans;
}

}  // namespace outrigger::filters
