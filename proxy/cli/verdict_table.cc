#include "proxy/cli/verdict_table.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/units.h"
#include "proxy/cli/request_report.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

using config::Shadowed;
using filters::CallOutcome;
using filters::LastWord;
using filters::PhasePlan;
using filters::RequestPlan;
using filters::VerdictPlan;

constexpr std::size_t kWidth = 98;

std::string retried(const VerdictPlan& plan) {
  if (plan.waits.empty()) {
    const std::string_view stop = to_string(plan.last.stop);
    return stop.empty() ? "no" : fmt::format("no: {}", stop);
  }
  return plan.waits.size() == 1 ? "once" : fmt::format("{} times", plan.waits.size());
}

std::string phases(const VerdictPlan& plan) {
  std::string text = phases_where(plan, [](const PhasePlan& phase) {
    return phase.decision.again && !phase.decision.probe_first;
  });
  const std::string probed =
      phases_where(plan, [](const PhasePlan& phase) { return phase.decision.probe_first; });
  if (!probed.empty()) text += fmt::format("{}probe {}", text.empty() ? "" : ", ", probed);
  return text;
}

std::string short_time(Duration time) {
  return config::print_duration(std::chrono::round<std::chrono::milliseconds>(time));
}

std::string wait(const config::WaitRange& range) {
  if (range.low == range.high) return short_time(range.low);
  const std::string low = range.low == Duration{0} ? "0" : short_time(range.low);
  return low + "-" + short_time(range.high);
}

std::string waits(const VerdictPlan& plan) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(plan.waits.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + wait(plan.waits[i]);
  }
  return plan.waits.size() > kShown ? text + ", ..." : text;
}

std::string breaker(const VerdictPlan& plan) {
  if (!plan.verdict()) return {};
  const CallOutcome answered = plan.at(Phase::kAnswered).call;
  const std::string lost = phases_where(plan, [](const PhasePlan& phase) {
    return phase.connection == CallOutcome::kFailure || phase.call == CallOutcome::kFailure;
  });
  if (answered != CallOutcome::kNeutral || lost.empty()) return std::string(name_of(answered));
  return fmt::format("failure in {}", lost);
}

std::string cooldown(const VerdictPlan& plan) {
  if (!plan.cooldown) return {};
  std::string whose = plan.cooldown->model.empty() ? "credential" : "model";
  return plan.unhinted ? fmt::format("{} ({})", whose, short_time(*plan.unhinted)) : whose;
}

std::string fallbacks(const RequestPlan& request, const VerdictPlan& plan) {
  std::string text;
  for (const filters::FallbackPlan& fallback : plan.fallbacks) {
    if (!text.empty()) text += ", ";
    const config::Fallback& policy = request.routed.policies->fallback[fallback.index];
    if (policy.answer) {
      text += fmt::format("answer {}", policy.answer->status);
      continue;
    }
    if (policy.stale) {
      text += "stale";
      continue;
    }
    text += fallback.upstream;
    if (!fallback.model.empty()) text += fmt::format(" ({})", fallback.model);
  }
  return text;
}

std::string answer(const VerdictPlan& plan) {
  std::string text = plan.last.status == 0 ? "its own" : fmt::format("{}", plan.last.status);
  if (plan.last.stops_clients == LastWord::Stops::kYes) text += ", stop";
  if (plan.last.stops_clients == LastWord::Stops::kByStatus) text += ", stop by status";
  return text;
}

struct Column {
  std::string title;
  std::vector<std::string> cells;
};

std::string in_shadow(const config::Policies& policies, Shadowed policy, std::string title) {
  return policies.shadowed(policy) ? title + "*" : title;
}

std::vector<Column> columns(const RequestPlan& plan, const std::vector<VerdictPlan>& verdicts) {
  const config::Policies& policies = *plan.routed.policies;
  std::vector<Column> all;
  const auto add = [&](std::string title, auto cell) {
    Column column{std::move(title), {}};
    for (const VerdictPlan& verdict : verdicts) column.cells.push_back(cell(verdict));
    all.push_back(std::move(column));
  };
  add("AFTER", [](const VerdictPlan& verdict) { return std::string(verdict.name()); });
  add(in_shadow(policies, Shadowed::kRetry, "RETRIED"), retried);
  if (policies.retry) {
    add("IN PHASES", phases);
    add("WAITS", waits);
    add(in_shadow(policies, Shadowed::kRetry, "COOLDOWN"), cooldown);
  }
  if (policies.circuit_breaker) {
    add(in_shadow(policies, Shadowed::kCircuitBreaker, "BREAKER"), breaker);
  }
  if (!policies.fallback.empty()) {
    add(in_shadow(policies, Shadowed::kFallback, "THEN"),
        [&](const VerdictPlan& verdict) { return fallbacks(plan, verdict); });
  }
  add(in_shadow(policies, Shadowed::kRetry, "ANSWER"), answer);
  return all;
}

std::string laid_out(const std::vector<Column>& columns) {
  std::string text;
  const std::size_t rows = columns.front().cells.size();
  for (std::size_t row = 0; row <= rows; ++row) {
    std::string line;
    std::size_t begins = 2;
    for (const Column& column : columns) {
      line.resize(std::max(line.size(), begins), ' ');
      const std::string& cell = row == 0 ? column.title : column.cells[row - 1];
      line += cell.empty() ? "-" : cell;
      std::size_t width = column.title.size();
      for (const std::string& other : column.cells) width = std::max(width, other.size());
      begins += width + 2;
    }
    text += line + "\n";
  }
  return text;
}

std::string note(std::string_view text) {
  return wrap(text, kWidth, "  ");
}

std::string retry_notes(const RequestPlan& plan) {
  const config::Retry& retry = *plan.routed.policies->retry;
  std::string text = note(
      "Phases: P0 no connection, P1 nothing taken, P2 partly sent, P3 sent, P4 answered, P5 begun "
      "to reach the client. \"probe\": only once `verify` knows that it did not happen.");
  if (retry.hints.honour) {
    text += note(fmt::format(
        "A server's hint (Retry-After and its kin) is waited for where it is longer, with up to {} "
        "more; one of more than {} ends the retries. COOLDOWN: for as long as the hint says other "
        "requests of this {} wait, too.",
        config::print_percent(retry.hints.spread), config::print_duration(retry.hints.max_wait),
        "credential or model"));
  }
  if (retry.budget) {
    text +=
        note(fmt::format("The retries of all requests to the upstream share a budget: {} of "
                         "its requests, and {} in {} for nothing.",
                         config::print_percent(retry.budget->ratio), retry.budget->floor,
                         config::print_duration(retry.budget->window)));
  }
  return text + note(
                    "ANSWER: when nothing more is tried, with its own status or another. \"stop\": "
                    "with x-should-retry: false, and "
                    "with the hint as Retry-After; \"by status\": 408, 409, 429 and 5xx.");
}

}  // namespace

std::string verdict_table(const RequestPlan& plan, const std::vector<VerdictPlan>& verdicts) {
  const config::Policies& policies = *plan.routed.policies;
  std::string text = laid_out(columns(plan, verdicts)) + "\n";
  if (policies.retry) text += retry_notes(plan);
  if (!policies.shadow.empty()) {
    text += note(
        "*: in shadow. What stands there is only told, in the access log and in "
        "outrigger_would_have_total; the answer passes as if the policy were not there.");
  }
  return text;
}

}  // namespace outrigger::cli
