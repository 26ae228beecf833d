// `loop_guard`: times that have a surprising effect. Pure.
#pragma once

#include <string>

#include "config/checker.h"
#include "config/policies.h"

namespace outrigger::config {

void check_loop_guard(const Policies& policies, const std::string& path, Checker& checker);

}  // namespace outrigger::config
