// What may be sent again: the table of phase and replay class (resilience 3, "Safety table"). Pure;
// the one place that decides it.
#pragma once

#include <cstdint>

#include "config/policies.h"
#include "proxy/base/result.h"
#include "proxy/base/verdict.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

enum class Repeat : std::uint8_t {
  kNo,
  kYes,
  kAfterProbe,  // class `verify`, outcome unknown: only when a probe shows that nothing happened
};

// Verdicts that say that the upstream did no work: "P4 rejected" of the table.
[[nodiscard]] bool is_rejection(Verdict verdict) noexcept;

// Verdicts after which the same request by the same route fails again, whatever a policy says: a
// quota, a credential, a wrong or forbidden request. Nor is a success repeated, or what nobody
// waits for.
[[nodiscard]] bool is_final(Verdict verdict) noexcept;

// Whether an attempt that ended in `phase` with `verdict` may be followed by the same request.
[[nodiscard]] Repeat may_repeat(Phase phase, config::Replay replay, Verdict verdict) noexcept;

// Whether a request without an idempotency key is given one of ours: where the route is `keyed`,
// for methods that need one.
[[nodiscard]] bool adds_key(const config::Policies& policies, http::Method method) noexcept;

enum class KeySent : std::uint8_t { kNo, kYes };

// The replay class in force: without one in the configuration, `safe` for idempotent methods
// (RFC 9110 9.2.2) and `unsent` for the others. `keyed` reaches only as far as there is a key on
// the request; without one it is `unsent`.
[[nodiscard]] config::Replay replay_class(const config::Policies& policies, http::Method method,
                                          KeySent key) noexcept;

}  // namespace outrigger::filters
