// Takes out of a request what the provider's error names and will not have: a parameter that the
// model does not know, one under its old name, a limit above the model's. Nothing that would change
// what is asked. Pure; a small table of rules.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "filters/validate/form.h"

namespace outrigger::filters {

struct Reformulated {
  std::string body;
  std::string what;  // "removed=/temperature", "renamed=/max_tokens", "lowered=/max_tokens"
};

// `error` is the body of an answer with status 400. Nothing when no rule knows a way.
[[nodiscard]] std::optional<Reformulated> reformulate(Form form, std::string_view request,
                                                      std::string_view error);

}  // namespace outrigger::filters
