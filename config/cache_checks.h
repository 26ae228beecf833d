// `cache`: values that do not go together, and answers that would go to the wrong ones. Pure.
#pragma once

#include "config/checker.h"
#include "config/policy_level.h"

namespace outrigger::config {

void check_cache(const Level& level, Checker& checker);
// Beside what the process has room for.
void check_cache_room(const Level& level, const CacheStore& store, Checker& checker);

}  // namespace outrigger::config
