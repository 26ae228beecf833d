// What the classifier says of an attempt (DESIGN 2). Retry, breaker, budget, limiter, fallback,
// cache, dead letter and metrics read verdicts; none looks at a status code by itself. Pure values.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace outrigger {

enum class Verdict : std::uint8_t {
  kOk,
  kRefusedUnsent,    // provably not executed: no connection, or nothing accepted
  kThrottled,        // a rate limit that passes by waiting
  kQuotaExhausted,   // money or a long quota: waiting in line does not help
  kOverloaded,       // the service, not we, has too much to do
  kTransient,        // a failure that another try may not meet
  kTimeout,          // a timer of ours or of the service
  kTruncated,        // an answer that lacks its end
  kAuth,             // the credential is refused
  kClientError,      // the request is wrong: the same again fails again
  kContentPolicy,    // refused for what it says
  kInvalidResponse,  // a success that is none: wrong type, broken JSON, against its schema
  kCancelled,        // nobody waits for it any more: says nothing of the upstream
};

// The words of the configuration, headers, logs and metrics, in the order of the values.
inline constexpr std::array<std::string_view, 13> kVerdictNames = {
    "ok",         "refused_unsent", "throttled",      "quota_exhausted",
    "overloaded", "transient",      "timeout",        "truncated",
    "auth",       "client_error",   "content_policy", "invalid_response",
    "cancelled"};

constexpr std::string_view to_string(Verdict verdict) noexcept {
  return kVerdictNames[static_cast<std::size_t>(verdict)];
}
constexpr std::optional<Verdict> verdict_of(std::string_view word) noexcept {
  for (std::size_t i = 0; i < kVerdictNames.size(); ++i) {
    if (kVerdictNames[i] == word) return static_cast<Verdict>(i);
  }
  return std::nullopt;
}

class VerdictSet {
 public:
  constexpr VerdictSet() = default;
  constexpr VerdictSet(std::initializer_list<Verdict> verdicts) noexcept {
    for (const Verdict verdict : verdicts) add(verdict);
  }
  constexpr void add(Verdict verdict) noexcept { bits_ |= bit(verdict); }
  [[nodiscard]] constexpr bool contains(Verdict verdict) const noexcept {
    return (bits_ & bit(verdict)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  bool operator==(const VerdictSet&) const = default;

 private:
  static constexpr std::uint16_t bit(Verdict verdict) noexcept {
    return static_cast<std::uint16_t>(1u << static_cast<unsigned>(verdict));
  }
  std::uint16_t bits_ = 0;
};

}  // namespace outrigger
