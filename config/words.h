// Words of the configuration that logs, headers, metrics and commands say too: in the order of the
// values.
#pragma once

#include <array>
#include <string_view>

#include "config/policies.h"

namespace outrigger::config {

// Policies that `shadow` may name.
inline constexpr std::array<std::string_view, 9> kShadowedNames = {
    "retry",    "circuit_breaker", "rate_limit", "concurrency", "hedge",
    "fallback", "validate",        "loop_guard", "cache"};

constexpr std::string_view to_string(Shadowed policy) noexcept {
  return kShadowedNames[static_cast<std::size_t>(policy)];
}

inline constexpr std::array<std::string_view, 5> kReplayNames = {"safe", "keyed", "verify",
                                                                 "unsent", "never"};
constexpr std::string_view to_string(Replay replay) noexcept {
  return kReplayNames[static_cast<std::size_t>(replay)];
}

inline constexpr std::array<std::string_view, 10> kDialectNames = {
    "none", "auto", "openai", "anthropic", "gemini", "bedrock", "cohere", "ndjson", "sse", "json"};
constexpr std::string_view to_string(Dialect dialect) noexcept {
  return kDialectNames[static_cast<std::size_t>(dialect)];
}

}  // namespace outrigger::config
