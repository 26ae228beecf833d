// The states of a circuit breaker and every way between them. Pure.
//
//                 trip                   waited
//     closed ─────────────▶ open ──────────────────▶ half_open
//       ▲                    ▲                         │   │
//       │                    └────── probe_failed ─────┘   │
//       └──────────────────── probes_passed ───────────────┘
//
//     any ── force_open ──▶ forced_open ─┐
//                                        ├── release ──▶ closed
//     any ── force_close ─▶ disabled ────┘
//     any ── reset ──▶ closed
//
// After half_open and forced_open, closed begins with a ramp: traffic returns little by little.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace outrigger::filters {

enum class BreakerState : std::uint8_t {
  kClosed,      // calls pass and are counted
  kOpen,        // refuses until its time is over
  kHalfOpen,    // lets probes pass, refuses the rest
  kForcedOpen,  // refuses by a person's will
  kDisabled,    // passes all and counts nothing, by a person's will
};

enum class BreakerEvent : std::uint8_t {
  kTrip,          // a threshold was reached
  kWaited,        // the open time is over
  kProbeFailed,   // a probe failed, or its lease ran out
  kProbesPassed,  // enough of them in a row
  kForceOpen,
  kForceClose,
  kRelease,  // back to deciding by itself
  kReset,    // as if new
};

// The words of headers, logs and metrics, in the order of the values (operability 3.1).
inline constexpr std::array<std::string_view, 5> kStateNames = {"closed", "open", "half_open",
                                                                "forced_open", "disabled"};
constexpr std::string_view to_string(BreakerState state) noexcept {
  return kStateNames[static_cast<std::size_t>(state)];
}

// Where the event leads; nothing where it means nothing. No state is entered in another way.
constexpr std::optional<BreakerState> next(BreakerState state, BreakerEvent event) noexcept {
  switch (event) {
    case BreakerEvent::kTrip:
      return state == BreakerState::kClosed ? std::optional(BreakerState::kOpen) : std::nullopt;
    case BreakerEvent::kWaited:
      return state == BreakerState::kOpen ? std::optional(BreakerState::kHalfOpen) : std::nullopt;
    case BreakerEvent::kProbeFailed:
      return state == BreakerState::kHalfOpen ? std::optional(BreakerState::kOpen) : std::nullopt;
    case BreakerEvent::kProbesPassed:
      return state == BreakerState::kHalfOpen ? std::optional(BreakerState::kClosed) : std::nullopt;
    case BreakerEvent::kForceOpen:
      return BreakerState::kForcedOpen;
    case BreakerEvent::kForceClose:
      return BreakerState::kDisabled;
    case BreakerEvent::kRelease:
      return state == BreakerState::kForcedOpen || state == BreakerState::kDisabled
                 ? std::optional(BreakerState::kClosed)
                 : std::nullopt;
    case BreakerEvent::kReset:
      return BreakerState::kClosed;
  }
  return std::nullopt;
}

}  // namespace outrigger::filters
