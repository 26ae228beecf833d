// What only shows when all values are known: addresses that collide, routes that cannot be reached,
// values that contradict each other. Pure.
#pragma once

#include "config/config.h"
#include "config/decoder.h"
#include "config/reporter.h"

namespace outrigger::config {

// In part: some values were wrong and are missing, which was reported.
enum class Decoded : std::uint8_t { kWhole, kInPart };

void check_server(const Config& config, Decoded decoded, const Places& places, Reporter& reporter);
void check_upstreams(const Config& config, Decoded decoded, const Places& places,
                     Reporter& reporter);

}  // namespace outrigger::config
