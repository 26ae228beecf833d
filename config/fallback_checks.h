// Second ways that lead nowhere: to nobody, to the same again, or behind one that is always taken.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "config/checker.h"
#include "config/policy_level.h"

namespace outrigger::config {

// Of one level, with all upstreams at hand.
void check_fallbacks(const Level& level, const std::vector<Upstream>& upstreams, Checker& checker);

}  // namespace outrigger::config
