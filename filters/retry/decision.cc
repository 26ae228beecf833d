#include "filters/retry/decision.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

Decision stopped(Stop stop, std::optional<Duration> come_back = std::nullopt) noexcept {
  Decision decision;
  decision.stop = stop;
  decision.come_back = come_back;
  return decision;
}

// A refused or poor key is followed by another even though no such verdict is repeated: the
// upstream did no work, and the next request is not the same.
Stop reason_on_another_key(const AttemptFacts& facts, const config::Retry& policy) noexcept {
  if (!is_final(facts.verdict) && !policy.on_verdicts.contains(facts.verdict))
    return Stop::kVerdict;
  if (facts.tries >= policy.max_attempts) return Stop::kMaxAttempts;
  if (!facts.body_replayable) return Stop::kNotReplayable;
  const Repeat repeat = may_repeat(facts.phase, facts.replay, Verdict::kThrottled);
  return repeat == Repeat::kYes ? Stop::kNone : Stop::kUnsafe;
}

// What is wrong with the request or the answer, whatever the time.
Stop standing_reason(const AttemptFacts& facts, const config::Retry& policy) noexcept {
  if (facts.cancelled) {
    return facts.left && *facts.left <= Duration{0} ? Stop::kDeadline : Stop::kCancelled;
  }
  if (facts.circuit_open) return Stop::kCircuitOpen;
  if (facts.limited) return Stop::kLimited;
  if (facts.verdict == Verdict::kOk) return Stop::kOk;
  if (facts.verdict == Verdict::kCancelled) return Stop::kCancelled;
  if (facts.another_key) return reason_on_another_key(facts, policy);
  const bool wanted = policy.on_verdicts.contains(facts.verdict) || facts.upstream_word == true;
  if (is_final(facts.verdict) || !wanted) return Stop::kVerdict;
  if (facts.upstream_word == false) return Stop::kUpstreamSaidNo;
  if (facts.tries >= policy.max_attempts) return Stop::kMaxAttempts;
  if (!facts.body_replayable) return Stop::kNotReplayable;
  const Repeat repeat = may_repeat(facts.phase, facts.replay, facts.verdict);
  const bool in_the_dark = repeat == Repeat::kAfterProbe && !facts.can_probe;
  if (repeat == Repeat::kNo || in_the_dark) return Stop::kUnsafe;
  return Stop::kNone;
}

}  // namespace

std::string_view to_string(Stop stop) noexcept {
  constexpr std::string_view kNames[] = {"",
                                         "ok",
                                         "verdict",
                                         "upstream_said_no",
                                         "max_attempts",
                                         "not_replayable",
                                         "unsafe",
                                         "unknown_outcome",
                                         "hint_too_long",
                                         "deadline",
                                         "budget",
                                         "circuit_open",
                                         "no_key",
                                         "limited",
                                         "cancelled"};
  return kNames[static_cast<std::size_t>(stop)];
}

Decision decide(const AttemptFacts& facts, const config::Retry& policy) noexcept {
  const std::optional<Duration> hint = policy.hints.honour ? facts.hint : std::nullopt;
  const Stop standing = standing_reason(facts, policy);
  if (standing != Stop::kNone) return stopped(standing, hint);
  if (facts.another_key) {
    if (facts.left && *facts.left <= Duration{0}) return stopped(Stop::kDeadline);
    if (!facts.budget_left) return stopped(Stop::kBudget, hint);
    Decision at_once;
    at_once.again = true;
    return at_once;
  }
  if (hint && *hint > policy.hints.max_wait) return stopped(Stop::kHintTooLong, hint);
  const Duration wait = std::max({facts.backoff, hint.value_or(Duration{0}), Duration{0}});
  if (facts.left && wait >= *facts.left) return stopped(Stop::kDeadline, wait);
  const Duration spread = hint ? std::max(wait, *hint + facts.extra) : wait;
  if (!facts.budget_left) return stopped(Stop::kBudget, wait);
  Decision decision;
  decision.again = true;
  decision.wait = facts.left && spread >= *facts.left ? wait : spread;
  decision.probe_first =
      may_repeat(facts.phase, facts.replay, facts.verdict) == Repeat::kAfterProbe;
  return decision;
}

bool is_exhausted(Stop stop) noexcept {
  return stop > Stop::kVerdict && stop != Stop::kCancelled;
}

// 408, 409, 429 and 5xx are what the SDKs repeat (llm 2.1).
bool stops_clients(Stop stop, Verdict verdict, int status) noexcept {
  if (stop == Stop::kNone || stop == Stop::kOk || stop == Stop::kCancelled) return false;
  if (verdict == Verdict::kQuotaExhausted || !is_final(verdict)) return true;
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

}  // namespace outrigger::filters
