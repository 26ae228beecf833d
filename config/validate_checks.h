// A `validate` block that cannot do what it says. Pure.
#pragma once

#include <string>

#include "config/checker.h"
#include "config/policies.h"

namespace outrigger::config {

// `path` is that of the level whose policies these are. `whole`: no value is missing because it was
// wrong.
void check_schema(const Policies& policies, const std::string& path, bool whole, Checker& checker);
// What dialect and commit leave to be validated.
void check_validate_reach(const Policies& policies, const std::string& path, Checker& checker);

}  // namespace outrigger::config
