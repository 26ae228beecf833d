// Policies of limits in one line.
#pragma once

#include <optional>

#include "config/policies.h"

namespace outrigger::filters {

inline config::Concurrency at_a_time(std::uint32_t start, std::uint32_t min, std::uint32_t max,
                                     const config::LimitQueue& queue = {}) {
  config::Concurrency policy;
  policy.start = start;
  policy.min = min;
  policy.max = max;
  policy.queue = queue;
  return policy;
}

inline config::RateLimit rates(std::optional<config::Rate> requests,
                               std::optional<config::Rate> tokens = {}, Duration burst = 2s,
                               const config::LimitQueue& queue = {}) {
  config::RateLimit policy;
  policy.requests = requests;
  policy.tokens = tokens;
  policy.burst = burst;
  policy.queue = queue;
  return policy;
}

}  // namespace outrigger::filters
