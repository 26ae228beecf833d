// Policies whose values contradict each other, or would never act. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "config/checker.h"
#include "config/config.h"

namespace outrigger::config {

// In part: some values were wrong and are missing, which was reported.
enum class Decoded : std::uint8_t { kWhole, kInPart };

// Of an upstream of `config` and all its routes; a route is checked for what it says itself.
void check_policies(const Upstream& upstream, const Config& config, Decoded decoded,
                    Checker& checker);

}  // namespace outrigger::config
