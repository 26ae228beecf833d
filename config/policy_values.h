// Every value of the policies in force for one route, and where it was written. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/loader.h"

namespace outrigger::config {

struct PolicyValue {
  std::string policy;  // "retry"
  std::string key;     // within it: "backoff.base", "[0]"; empty: the policy is this one value
  std::string value;   // as YAML on one line; a secret as its reference, or `<redacted>`
  std::string origin;  // "outrigger.yaml:7:9", "<profile llm>:3:5", or "built-in"
  bool written = false;
};

// Of the upstream itself, or of one of its routes, which inherits what it does not say; in the
// order of the reference. `loaded` holds a configuration.
std::vector<PolicyValue> policy_values(const Loaded& loaded, std::size_t upstream,
                                       std::optional<std::size_t> route);

}  // namespace outrigger::config
