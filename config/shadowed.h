// The words for the policies that `shadow` may name: configuration, log, headers and metrics.
#pragma once

#include <array>
#include <string_view>

#include "config/policies.h"

namespace outrigger::config {

inline constexpr std::array<std::string_view, 8> kShadowedNames = {
    "retry", "circuit_breaker", "rate_limit", "concurrency",
    "hedge", "fallback",        "validate",   "loop_guard"};

constexpr std::string_view to_string(Shadowed policy) noexcept {
  return kShadowedNames[static_cast<std::size_t>(policy)];
}

// Whether the policy has anything to do: without it there is nothing to watch.
[[nodiscard]] inline bool in_force(const Policies& policies, Shadowed policy) noexcept {
  switch (policy) {
    case Shadowed::kRetry:
      return policies.retry.has_value();
    case Shadowed::kCircuitBreaker:
      return policies.circuit_breaker.has_value();
    case Shadowed::kRateLimit:
      return policies.rate_limit.has_value();
    case Shadowed::kConcurrency:
      return policies.concurrency.has_value();
    case Shadowed::kHedge:
      return policies.hedge.has_value();
    case Shadowed::kFallback:
      return !policies.fallback.empty();
    case Shadowed::kValidate:
      return policies.validate.has_value();
    case Shadowed::kLoopGuard:
      return policies.loop_guard.has_value();
  }
  return false;
}

}  // namespace outrigger::config
