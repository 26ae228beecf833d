// Policies that are legal each and cannot work together: timers that never end, attempts that never
// begin, second requests that are never sent (resilience 3, item 19). Pure.
#pragma once

#include "config/policy_level.h"

namespace outrigger::config {

void lint_retry(const Level& level, Checker& checker);
void lint_timers(const Level& level, Checker& checker);
void lint_hedge(const Level& level, Checker& checker);
void lint_verdicts(const Level& level, Checker& checker);
void lint_shadow(const Level& level, Checker& checker);

// Beside `server.overload.replay_buffers`.
void lint_replay_buffers(const Level& level, const ReplayBuffers& buffers, Checker& checker);

}  // namespace outrigger::config
