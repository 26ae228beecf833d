// What only shows when all values are known: addresses that collide, routes that cannot be reached,
// values that contradict each other. Pure.
#pragma once

#include "config/config.h"
#include "config/decoder.h"
#include "config/policy_checks.h"
#include "config/reporter.h"

namespace outrigger::config {

void check_server(const Config& config, Decoded decoded, const Places& places, Reporter& reporter);
void check_upstreams(const Config& config, Decoded decoded, const Places& places,
                     Reporter& reporter);

}  // namespace outrigger::config
