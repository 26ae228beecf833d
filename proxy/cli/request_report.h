// What `outrigger explain METHOD URL` prints of a request's plan, for people and as JSON. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/policy_values.h"
#include "filters/explain/request_plan.h"
#include "proxy/cli/asked_request.h"
#include "proxy/upstream/router.h"

namespace outrigger::cli {

struct RequestReport {
  const AskedRequest& asked;
  const filters::RequestPlan& plan;
  const std::vector<filters::VerdictPlan>& verdicts;
  const std::vector<config::PolicyValue>& values;  // empty for a host without an upstream
};

enum class DefaultValues : std::uint8_t { kHidden, kShown };

[[nodiscard]] std::string print_text(const RequestReport& report, DefaultValues defaults);
// Holds every value, and of each whether somebody wrote it.
[[nodiscard]] std::string print_json(const RequestReport& report);

// Of a request that no upstream gets.
[[nodiscard]] std::string print_text(const AskedRequest& asked, const upstream::Misroute& misroute);
[[nodiscard]] std::string print_json(const AskedRequest& asked, const upstream::Misroute& misroute);

// ---- what both say in the same words ----

// "https://api.openai.com:443"; of a tunnel without the scheme.
[[nodiscard]] std::vector<std::string> destinations_of(const filters::RequestPlan& plan);
// Where the policy of that name was written; empty when nobody did.
[[nodiscard]] std::string origin_of(const RequestReport& report, std::string_view policy);
// The words of a breaker's outcome: success, failure, rate_only, neutral.
[[nodiscard]] std::string_view name_of(filters::CallOutcome outcome) noexcept;

}  // namespace outrigger::cli
