// What `outrigger classify` prints: the verdict of an answer, where it comes from, and what the
// retry policy makes of it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/policies.h"
#include "filters/classify/classifier.h"
#include "proxy/cli/pasted_answer.h"

namespace outrigger::cli {

// The proxy's own judgement, on the part of the body that it would read.
[[nodiscard]] filters::Judgement judge_pasted(const config::Policies& policies,
                                              const PastedAnswer& answer, double wall_seconds);

// Whether a request is sent again after such an answer.
struct Repeat {
  std::string_view methods;  // which requests; empty: all
  bool again = false;
  std::string why;
};
[[nodiscard]] std::vector<Repeat> repeats_after(const config::Policies& policies,
                                                const filters::Judgement& judgement);

struct AnswerReport {
  const PastedAnswer& answer;
  const filters::Judgement& judgement;
  std::size_t rules = 0;  // of the route
  std::string rule_at;    // "outrigger.yaml:7:9"; empty for a built-in rule
  std::vector<Repeat> repeats;
};
[[nodiscard]] std::string print_text(const AnswerReport& report);
[[nodiscard]] std::string print_json(const AnswerReport& report);

}  // namespace outrigger::cli
