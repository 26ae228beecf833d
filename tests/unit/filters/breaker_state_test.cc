#include "filters/circuit_breaker/breaker_state.h"

#include <map>
#include <utility>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr BreakerState kStates[] = {BreakerState::kClosed, BreakerState::kOpen,
                                    BreakerState::kHalfOpen, BreakerState::kForcedOpen,
                                    BreakerState::kDisabled};
constexpr BreakerEvent kEvents[] = {BreakerEvent::kTrip,        BreakerEvent::kWaited,
                                    BreakerEvent::kProbeFailed, BreakerEvent::kProbesPassed,
                                    BreakerEvent::kForceOpen,   BreakerEvent::kForceClose,
                                    BreakerEvent::kRelease,     BreakerEvent::kReset};

// The drawing of breaker_state.h; force_open, force_close and reset lead from everywhere.
TEST(BreakerState, HasTheTransitionsOfItsDrawingAndNoOther) {
  const std::map<std::pair<BreakerState, BreakerEvent>, BreakerState> drawn = {
      {{BreakerState::kClosed, BreakerEvent::kTrip}, BreakerState::kOpen},
      {{BreakerState::kOpen, BreakerEvent::kWaited}, BreakerState::kHalfOpen},
      {{BreakerState::kHalfOpen, BreakerEvent::kProbeFailed}, BreakerState::kOpen},
      {{BreakerState::kHalfOpen, BreakerEvent::kProbesPassed}, BreakerState::kClosed},
      {{BreakerState::kForcedOpen, BreakerEvent::kRelease}, BreakerState::kClosed},
      {{BreakerState::kDisabled, BreakerEvent::kRelease}, BreakerState::kClosed},
  };
  for (const BreakerState state : kStates) {
    for (const BreakerEvent event : kEvents) {
      std::optional<BreakerState> expected;
      if (const auto found = drawn.find({state, event}); found != drawn.end()) {
        expected = found->second;
      }
      if (event == BreakerEvent::kForceOpen) expected = BreakerState::kForcedOpen;
      if (event == BreakerEvent::kForceClose) expected = BreakerState::kDisabled;
      if (event == BreakerEvent::kReset) expected = BreakerState::kClosed;
      EXPECT_EQ(next(state, event), expected)
          << to_string(state) << " and event " << static_cast<int>(event);
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
