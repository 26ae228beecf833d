// Policies whose values contradict each other, or would never act. Pure.
#pragma once

#include <string>

#include "config/checker.h"
#include "config/config.h"

namespace outrigger::config {

// Of an upstream and all its routes; a route is checked for what it says itself.
void check_policies(const Upstream& upstream, const std::string& path, Checker& checker);

}  // namespace outrigger::config
