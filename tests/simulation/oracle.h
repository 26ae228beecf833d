// What is right, said once more and in another way than the filters say it: from what the scripted
// upstream did, not from what was written down of it. Pure.
#pragma once

#include "tests/simulation/ledger.h"

namespace outrigger::simulation {

inline bool has_dialect(const config::Policies& policies) noexcept {
  return policies.dialect != config::Dialect::kNone;
}

// The answer can be taken for a success by nobody who reads it to its end.
inline bool is_lost(const Answer& answer, const config::Policies& policies) noexcept {
  if (answer.cut || answer.silent) return true;
  if (answer.whole || answer.status != 200) return false;
  if (answer.form == Form::kEvents) return has_dialect(policies);
  const auto until = policies.commit.until;
  const bool held = until == config::CommitUntil::kOnComplete ||
                    (has_dialect(policies) && until == config::CommitUntil::kFirstEvent);
  return held && (answer.in_memory || answer.text.size() <= policies.commit.max_answer);
}

// A success that nobody can doubt.
inline bool is_success(const Answer& answer, const config::Policies& policies) noexcept {
  if (answer.status != 200 || !answer.whole || answer.cut || answer.text.empty()) return false;
  return !has_dialect(policies) || (answer.form != Form::kHtml && answer.code.empty());
}

inline bool told_by_event(const Call& call, const config::Policies& policies) noexcept {
  return call.answered && has_dialect(policies) && call.answer.has_error_event() &&
         call.given == call.answer.text.size();
}

// Its body says so, if it came in time to be read.
inline bool is_quota(const Call& call, const config::Policies& policies) noexcept {
  const Answer& answer = call.answer;
  if (call.given < answer.text.size()) return false;
  return answer.status == 429 && answer.code == "insufficient_quota" && !policies.classify.empty();
}

// The same request fails again, or has succeeded.
inline bool is_final(const Call& call, const config::Policies& policies) noexcept {
  if (!call.answered) return false;
  const int status = call.answer.status;
  if (status == 200) {
    if (told_by_event(call, policies)) return call.answer.code == "invalid_request_error";
    return call.said_all && is_success(call.answer, policies);
  }
  if (status == 401 || status == 403 || is_quota(call, policies)) return true;
  const bool refused = status == 400 || status == 404 || status == 422 || status == 501;
  return refused && call.answer.should_retry != "true";
}

// The upstream said that it did nothing.
inline bool is_rejection(const Call& call, const config::Policies& policies) noexcept {
  if (!call.answered) return false;
  if (call.answer.status == 200) {
    return told_by_event(call, policies) &&
           (call.answer.code == "overloaded_error" || call.answer.code == "rate_limit_error");
  }
  const int status = call.answer.status;
  return status == 429 || status == 503 || status == 529;
}

// How often it was asked since `last`, in vain, whether that was executed.
inline std::uint32_t negatives_since(const Visit& visit, const Call& last) {
  std::uint32_t count = 0;
  for (const Call* call : visit.calls) {
    if (call->number <= last.number) continue;
    if (!call->probing || !call->answered || call->answer.status != 404) return 0;
    ++count;
  }
  return count;
}

// Why the request must not be sent once more after `last`; empty when it may (resilience 3, "Safety
// table").
inline std::string_view why_not_again(const Visit& visit, const Call& last) {
  using config::Replay;
  const config::Policies& policies = *visit.policies;
  const bool reads = visit.method == http::Method::kGet;
  const Replay replay = policies.replay.value_or(reads ? Replay::kSafe : Replay::kUnsent);
  if (replay == Replay::kNever) return "class never";
  if (is_final(last, policies)) return "the last word was said";
  if (last.answered && last.answer.status != 200 && last.answer.should_retry == "false") {
    return "the upstream said no";
  }
  if (!last.answered && last.phase <= Phase::kNothingAccepted) return {};
  if (replay == Replay::kSafe || replay == Replay::kKeyed) return {};
  if (is_rejection(last, policies)) return {};
  if (replay == Replay::kUnsent) return "it may have been executed";
  const bool asked = policies.verify && negatives_since(visit, last) >= policies.verify->negatives;
  return asked ? "" : "nobody asked whether it was executed";
}

}  // namespace outrigger::simulation
