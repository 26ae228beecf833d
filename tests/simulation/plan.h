// The configuration of a simulated world: an upstream with its policies and one route whose own
// policies differ, or nothing at all of them.
#pragma once

#include <string>

#include "config/config.h"
#include "tests/simulation/dice.h"

namespace outrigger::simulation {

inline config::Timeouts draw_timeouts(Dice& dice) {
  config::Timeouts timeouts;
  timeouts.headers = dice.pick<Duration>({2s, 20s, 10min});
  if (dice.chance(0.4)) timeouts.first_event = dice.pick<Duration>({3s, 30s});
  timeouts.gap = dice.pick<Duration>({5s, 60s, 5min});
  if (dice.chance(0.3)) timeouts.progress = {.events = 3, .per = 30s};
  if (dice.chance(0.3)) timeouts.total = dice.pick<Duration>({5s, 60s});
  return timeouts;
}

inline config::Retry draw_retry(Dice& dice) {
  using config::Jitter;
  config::Retry retry;
  retry.max_attempts = static_cast<std::uint32_t>(dice.between(1, 5));
  retry.backoff.base = dice.pick<Duration>({0s, 100ms, 1s});
  retry.backoff.max = dice.pick<Duration>({1s, 30s});
  retry.backoff.jitter =
      dice.pick({Jitter::kFull, Jitter::kEqual, Jitter::kDecorrelated, Jitter::kNone});
  retry.hints.honour = dice.chance(0.8);
  retry.hints.max_wait = dice.pick<Duration>({2s, 60s, 1h});
  if (dice.chance(0.4)) retry.budget.reset();
  if (retry.budget) {
    retry.budget->ratio = dice.pick({0.0, 0.2, 1.0});
    retry.budget->floor = static_cast<std::uint32_t>(dice.between(0, 4));
    retry.budget->window = dice.pick<Duration>({10s, 60s});
  }
  if (dice.chance(0.2)) retry.buffer = dice.pick<config::ByteCount>({0, 1000});
  if (dice.chance(0.2)) retry.give_up_status = 424;
  return retry;
}

inline config::CircuitBreaker draw_breaker(Dice& dice) {
  using config::BreakerKey;
  config::CircuitBreaker breaker;
  if (dice.chance(0.8)) {
    breaker.failures_in_a_row = static_cast<std::uint32_t>(dice.between(1, 5));
  }
  breaker.min_calls = static_cast<std::uint32_t>(dice.between(2, 10));
  if (dice.chance(0.3)) breaker.window_calls = static_cast<std::uint32_t>(dice.between(2, 20));
  if (dice.chance(0.2)) breaker.slow = {.first_event = 2s, .rate = 0.5};
  breaker.open.first = dice.pick<Duration>({1s, 5s});
  breaker.half_open.probes = static_cast<std::uint32_t>(dice.between(1, 3));
  breaker.half_open.successes = static_cast<std::uint32_t>(dice.between(1, 3));
  breaker.half_open.lease = dice.pick<Duration>({5s, 2min});
  if (dice.chance(0.5)) breaker.ramp.reset();
  if (dice.chance(0.25)) breaker.key.push_back(BreakerKey::kModel);
  if (dice.chance(0.2)) breaker.key.push_back(BreakerKey::kCredential);
  if (dice.chance(0.2)) breaker.key.push_back(BreakerKey::kEndpoint);
  return breaker;
}

inline config::Hedge draw_hedge(Dice& dice) {
  return {.after = dice.pick<Duration>({50ms, 500ms, 5s}),
          .max_extra = static_cast<std::uint32_t>(dice.between(1, 2)),
          .budget = dice.pick({0.0, 0.3, 1.0})};
}

// A rule that makes a quota of some 429.
inline config::ClassifyRule quota_rule() {
  config::ClassifyRule rule;
  rule.status = {{.first = 429, .last = 429}};
  rule.error = {"insufficient_quota"};
  rule.verdict = Verdict::kQuotaExhausted;
  rule.until = config::Until::kNextDayUtc;
  return rule;
}

inline config::Policies draw_policies(Dice& dice) {
  using config::CommitUntil;
  using config::Dialect;
  using config::Replay;
  config::Policies policies;
  policies.timeouts = draw_timeouts(dice);
  if (dice.chance(0.5)) policies.classify.push_back(quota_rule());
  if (dice.chance(0.4)) policies.deadline = dice.pick<Duration>({1s, 10s, 2min});
  policies.retry.reset();
  if (dice.chance(0.9)) policies.retry = draw_retry(dice);
  policies.circuit_breaker.reset();
  if (dice.chance(0.6)) policies.circuit_breaker = draw_breaker(dice);
  if (dice.chance(0.8)) {
    policies.replay = dice.pick({Replay::kSafe, Replay::kSafe, Replay::kKeyed, Replay::kVerify,
                                 Replay::kUnsent, Replay::kNever});
  }
  if (policies.replay == Replay::kVerify && dice.chance(0.9)) {
    policies.verify.emplace();
    policies.verify->get = "/v1/things/{idempotency-key}";
    policies.verify->settle = dice.pick<Duration>({0s, 2s});
    policies.verify->negatives = static_cast<std::uint32_t>(dice.between(1, 3));
  }
  if (policies.replay == Replay::kSafe && dice.chance(0.5)) policies.hedge = draw_hedge(dice);
  policies.commit.until = dice.pick({CommitUntil::kFirstEvent, CommitUntil::kFirstEvent,
                                     CommitUntil::kOnComplete, CommitUntil::kHead});
  if (dice.chance(0.2)) policies.commit.max_bytes = 100;
  if (dice.chance(0.2)) policies.commit.max_answer = 300;
  policies.dialect = dice.pick({Dialect::kNone, Dialect::kOpenai, Dialect::kAnthropic});
  return policies;
}

// Nothing is in force: bytes pass as they come.
inline config::Policies no_policies() {
  config::Policies policies;
  policies.timeouts = {.connect = {},
                       .tls = {},
                       .headers = {},
                       .first_event = {},
                       .first_event_per_mib = {},
                       .gap = {},
                       .progress = {},
                       .total = {}};
  policies.retry.reset();
  policies.circuit_breaker.reset();
  policies.commit.until = config::CommitUntil::kHead;
  return policies;
}

inline config::Upstream draw_upstream(Dice& dice) {
  config::Upstream upstream;
  upstream.name = "sim";
  const std::uint64_t endpoints = dice.between(1, 3);
  for (std::uint64_t i = 0; i < endpoints; ++i) {
    upstream.endpoints.push_back(
        {.url = "", .tls = false, .host = "e" + std::to_string(i), .port = 80, .base_path = ""});
  }
  upstream.policies = dice.chance(0.07) ? no_policies() : draw_policies(dice);
  config::Route route{.name = "own", .match = {}, .policies = upstream.policies, .position = {}};
  if (dice.chance(0.5)) route.policies = draw_policies(dice);
  upstream.routes.push_back(std::move(route));
  return upstream;
}

}  // namespace outrigger::simulation
