#include "filters/circuit_breaker/outcome.h"

#include "filters/exchange.h"

namespace outrigger::filters {
namespace {

// A limit, setting or fault of our own says nothing of the upstream.
bool is_ours(const Attempt& attempt) noexcept {
  if (!attempt.failed) return false;
  switch (attempt.code) {
    case Errc::kCancelled:
    case Errc::kOverload:
    case Errc::kDestination:
    case Errc::kConfig:
    case Errc::kSystem:
    case Errc::kInternal:
      return true;
    default:
      return false;
  }
}

// Of an attempt that got no further than P1: the upstream's failure, not the client's leaving.
constexpr VerdictSet kLostConnection = {Verdict::kRefusedUnsent, Verdict::kTimeout,
                                        Verdict::kTransient};

bool reached(const Attempt& attempt) noexcept {
  if (attempt.verdict == Verdict::kRefusedUnsent) return false;
  return !attempt.failed || attempt.phase > Phase::kNothingAccepted;
}

// Whether the verdict speaks of what the key names.
bool concerns(config::Scope scope, const config::CircuitBreaker& policy) noexcept {
  switch (scope) {
    case config::Scope::kDefault:
      return true;
    case config::Scope::kModel:
      return keyed_by(policy, config::BreakerKey::kModel);
    case config::Scope::kCredential:
      return keyed_by(policy, config::BreakerKey::kCredential);
    case config::Scope::kEndpoint:
      return keyed_by(policy, config::BreakerKey::kEndpoint);
  }
  return true;
}

bool is_slow(const Attempt& attempt, const config::CircuitBreaker& policy) noexcept {
  if (!policy.slow) return false;
  return attempt.answered.value_or(attempt.ended) - attempt.started > policy.slow->first_event;
}

}  // namespace

Ending of_connection(const Attempt& attempt) noexcept {
  // Whatever an answer says and whatever became of it, it came over a connection that works.
  if (attempt.status != 0) return {.outcome = CallOutcome::kSuccess, .slow = false};
  if (attempt.verdict == Verdict::kCancelled || is_ours(attempt)) return {};
  if (attempt.phase > Phase::kNothingAccepted) {
    return {.outcome = CallOutcome::kSuccess, .slow = false};
  }
  const bool lost = kLostConnection.contains(attempt.verdict);
  return {.outcome = lost ? CallOutcome::kFailure : CallOutcome::kNeutral, .slow = false};
}

Ending of_call(const Attempt& attempt, const config::CircuitBreaker& policy) noexcept {
  if (attempt.verdict == Verdict::kCancelled || is_ours(attempt)) return {};
  if (!concerns(attempt.scope, policy)) return {};
  if (!reached(attempt)) {
    const bool counts = keyed_by(policy, config::BreakerKey::kEndpoint);
    return {.outcome = counts ? CallOutcome::kFailure : CallOutcome::kNeutral, .slow = false};
  }
  Ending ending;
  if (attempt.verdict == Verdict::kOk) {
    ending.outcome = CallOutcome::kSuccess;
  } else if (policy.rate_only.contains(attempt.verdict)) {
    ending.outcome = CallOutcome::kRateOnly;
  } else if (policy.failure.contains(attempt.verdict)) {
    ending.outcome = CallOutcome::kFailure;
  } else {
    return {};
  }
  ending.slow = is_slow(attempt, policy);
  return ending;
}

}  // namespace outrigger::filters
