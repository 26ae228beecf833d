// The table of `outrigger explain METHOD URL`: one row a verdict. Pure.
#pragma once

#include <string>
#include <vector>

#include "filters/explain/request_plan.h"

namespace outrigger::cli {

// With its legend. Columns of policies that are not there are left out.
[[nodiscard]] std::string verdict_table(const filters::RequestPlan& plan,
                                        const std::vector<filters::VerdictPlan>& verdicts);

// "P0 P1 P4", "P0-P4": the phases for which `which` holds; empty for none.
template <class Which>
std::string phases_where(const filters::VerdictPlan& plan, Which which) {
  std::string text;
  for (std::size_t i = 0; i < filters::kPhases; ++i) {
    if (!which(plan.phases[i])) continue;
    std::size_t last = i;
    while (last + 1 < filters::kPhases && which(plan.phases[last + 1])) ++last;
    if (!text.empty()) text += ' ';
    text += to_string(static_cast<Phase>(i));
    if (last > i) text.append("-").append(to_string(static_cast<Phase>(last)));
    i = last;
  }
  return text;
}

}  // namespace outrigger::cli
