// rate_limit and concurrency whose values contradict each other, or would never act. Pure.
#pragma once

#include <string>

#include "config/checker.h"
#include "config/policies.h"

namespace outrigger::config {

// Of one level, at `path`.
void check_limits(const Policies& policies, const std::string& path, Checker& checker);

}  // namespace outrigger::config
