#include "tests/simulation/invariants.h"

#include <algorithm>
#include <map>

#include "tests/simulation/delivery.h"
#include "tests/simulation/plan.h"

namespace outrigger::simulation {
namespace {

const Call* answer_of(const Visit& visit) {
  const auto found = std::ranges::find_if(visit.calls, [&](const Call* call) {
    return call->answered && tag_of(call->number) == visit.answer_of;
  });
  return found == visit.calls.end() ? nullptr : *found;
}

void check_end(Ledger& ledger, const Visit& visit) {
  if (visit.ends != 1) return ledger.violation(visit, "{} ends", visit.ends);
  if (visit.end == End::kNoAnswer || visit.end == End::kCut) {
    if (visit.reason.empty()) ledger.violation(visit, "an end without a reason");
    if (visit.reason == "client_gone" && !visit.left) {
      ledger.violation(visit, "the client is said to have left");
    }
    return;
  }
  if (visit.end != End::kDropped && visit.left) {
    ledger.violation(visit, "an answer for a client that left");
  }
}

void check_delivery(Ledger& ledger, const Visit& visit) {
  if (visit.end == End::kNoAnswer) return;
  const Call* call = answer_of(visit);
  if (call == nullptr) return ledger.violation(visit, "an answer that no upstream gave");
  const std::string_view wrong = what_is_wrong(visit, *call);
  if (!wrong.empty()) {
    ledger.violation(visit, "{}: it said {:?}, the client got {:?}", wrong, call->answer.text,
                     visit.got);
  }
  const std::uint16_t instead = visit.policies->retry ? visit.policies->retry->give_up_status : 0;
  if (visit.status != call->answer.status && visit.status != instead) {
    ledger.violation(visit, "status {} instead of {}", visit.status, call->answer.status);
  }
}

// What passes when no policy is in force: all of it, as it came.
void check_transparency(Ledger& ledger, const Visit& visit) {
  if (*visit.policies != no_policies()) return;
  if (visit.calls.size() > 1) ledger.violation(visit, "retried without a policy");
  const Call* call = answer_of(visit);
  const bool cut_short = visit.left || visit.deadline || visit.end == End::kDropped;
  if (call == nullptr || cut_short) return;
  const Answer& answer = call->answer;
  if (visit.got != answer.text) ledger.violation(visit, "not the upstream's bytes");
  if ((visit.end == End::kClean) == answer.cut) ledger.violation(visit, "not its end");
}

void check_attempts(Ledger& ledger, const Visit& visit) {
  if (visit.conclusions.size() != visit.attempts.size() ||
      std::ranges::any_of(visit.conclusions, [](int times) { return times != 1; })) {
    ledger.violation(visit, "an attempt that is not concluded once");
  }
  if (visit.attempts.empty() || !visit.policies->retry) return;
  const Visit::Made& last = visit.attempts.back();
  const bool well = last.judged && last.verdict == Verdict::kOk;
  if (last.stop.empty() && !well) ledger.violation(visit, "no reason for the last attempt");
  const auto others = std::ranges::subrange(visit.attempts.begin(), visit.attempts.end() - 1);
  if (std::ranges::any_of(others, [](const auto& made) { return !made.stop.empty(); })) {
    ledger.violation(visit, "an attempt that was repeated has a reason why not");
  }
}

const config::RetryBudget* budget_of(const Visit& visit) noexcept {
  const std::optional<config::Retry>& retry = visit.policies->retry;
  return retry && retry->budget ? &*retry->budget : nullptr;
}

}  // namespace

void check_visit(Ledger& ledger, const Visit& visit) {
  check_end(ledger, visit);
  check_delivery(ledger, visit);
  check_transparency(ledger, visit);
  check_attempts(ledger, visit);
}

void check_hedges(Ledger& ledger) {
  constexpr double kModels = 3;  // of the clients, and none
  std::map<const config::Policies*, std::pair<double, const Visit*>> paid;
  for (const Visit& visit : ledger.visits) {
    if (!visit.policies->hedge) continue;
    auto& [balance, last] = paid[visit.policies];
    for (const Call* call : visit.calls) {
      balance += call->beside ? -1 : visit.policies->hedge->budget;
      if (call->beside) last = &visit;
    }
  }
  for (const auto& [policies, one] : paid) {
    if (one.first >= -kModels - 1e-6) continue;
    ledger.violation(*one.second, "hedges that nobody paid for: {}", -one.first);
  }
}

// The account counts tenths of a window: a little less than a window lies within ten of them, which
// lie within a window.
void check_budgets(Ledger& ledger, const std::vector<Referee::Spent>& spent) {
  for (const Referee::Spent& one : spent) {
    const config::RetryBudget* budget = budget_of(*one.visit);
    if (budget == nullptr) continue;
    const auto shares = [&](const Visit& visit) {
      const config::RetryBudget* other = budget_of(visit);
      return other != nullptr && other->window == budget->window;
    };
    const auto within = [&](TimePoint when, Duration length) {
      return when <= one.when && one.when - when < length;
    };
    double allowed = 0;
    std::uint32_t floor = 0;
    for (const Visit& visit : ledger.visits) {
      if (!shares(visit) || !visit.asked_retry) continue;
      floor = std::max(floor, budget_of(visit)->floor);
      const bool earns = !visit.retry_of_client && within(*visit.asked_retry, budget->window);
      if (earns) allowed += budget_of(visit)->ratio;
    }
    allowed += floor;
    const auto retries = std::ranges::count_if(spent, [&](const Referee::Spent& other) {
      return shares(*other.visit) && within(other.when, budget->window * 9 / 10);
    });
    if (static_cast<double>(retries) > allowed + 1e-6) {
      ledger.violation(*one.visit, "{} retries in a window that has earned {}", retries, allowed);
    }
  }
}

}  // namespace outrigger::simulation
