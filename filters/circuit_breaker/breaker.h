// One circuit breaker as a pure state machine: time and random numbers come in, nothing is slept,
// locked or logged. The states are drawn in breaker_state.h. (resilience 1.5, 3 items 11 and 13)
//
// Every change of state begins an era. A pass is of the era in which it was given, and an outcome
// of an earlier one is ignored: what was sent before opening says nothing of the time after it.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "config/policies.h"
#include "filters/circuit_breaker/breaker_state.h"
#include "filters/circuit_breaker/call_window.h"
#include "filters/circuit_breaker/outcome.h"
#include "filters/circuit_breaker/permit.h"
#include "proxy/base/duration.h"

namespace outrigger::filters {

using BreakerPolicy = std::shared_ptr<const config::CircuitBreaker>;

enum class Refusal : std::uint8_t {
  kOpen,
  kProbing,  // half-open, and all probes are out
  kRamping,  // closed, and not this one yet
  kForced,
};

// The last change of state. `because` is a literal: what headers, log and admin say.
struct BreakerChange {
  BreakerState from = BreakerState::kClosed;
  BreakerState to = BreakerState::kClosed;
  std::string_view because = {};
};

struct BreakerStatus {
  BreakerState state = BreakerState::kClosed;
  TimePoint since;
  std::string_view because;         // of the last change; empty when there was none
  std::uint32_t failures_in_a_row;  // while closed
  CallTally window;
  std::uint32_t openings;  // without a healthy time between them: the open time has grown so often
  std::uint32_t probes_out;
  std::uint32_t probes_passed;         // in a row, while half-open
  std::optional<Duration> next_probe;  // while open, or forced open for a time
  bool ramping = false;
};

class Breaker {
 public:
  Breaker(BreakerPolicy policy, TimePoint now);

  // May a call pass? `random` in [0, 1) spreads an open time that begins.
  std::expected<Pass, Refusal> ask(TimePoint now, double random);
  // Ends a pass; exactly once for each.
  void conclude(Pass pass, Ending ending, TimePoint now, double random);
  // Does what time alone does: the end of the open time, of a forced one, of a probe's lease. At
  // most one change of state.
  void advance(TimePoint now, double random);

  // While it is closed and nothing failed of late, a success only adds to a count: until when that
  // is sure. Nothing: conclude() each.
  [[nodiscard]] std::optional<TimePoint> only_counts_until() const noexcept;
  // Ends so many passes of this era with a success before that time.
  void add_successes(std::uint32_t calls) noexcept;

  void force_open(TimePoint now, std::optional<Duration> length);
  void force_close(TimePoint now);
  void release(TimePoint now);  // of a forced state; else nothing
  void reset(TimePoint now);

  // Another policy from now on. BreakerState, era and probes stay; counts go only when their window
  // has another shape or a call counts in another way; a running open time is at most the new
  // longest.
  void adopt(BreakerPolicy policy, TimePoint now);

  [[nodiscard]] BreakerState state() const noexcept { return state_; }
  [[nodiscard]] std::uint32_t era() const noexcept { return era_; }
  [[nodiscard]] TimePoint since() const noexcept { return since_; }
  // Whether every call passes whatever the time.
  [[nodiscard]] bool quiet() const noexcept;
  [[nodiscard]] const BreakerChange& last_change() const noexcept { return change_; }
  [[nodiscard]] const config::CircuitBreaker& policy() const noexcept { return *policy_; }
  // When to ask again after a refusal: the next probe. Nothing when only a person knows.
  [[nodiscard]] std::optional<Duration> retry_after(TimePoint now) const;
  [[nodiscard]] BreakerStatus status(TimePoint now);

 private:
  struct Lease {
    std::uint32_t number;
    std::uint32_t era;
    TimePoint ends;
  };

  void enter(BreakerEvent event, std::string_view because, TimePoint now);
  void open(BreakerEvent event, std::string_view because, TimePoint now, double random);
  void count(Ending ending, TimePoint now, double random);
  void judge_probe(Ending ending, TimePoint now, double random);
  [[nodiscard]] bool let_in(TimePoint now);
  [[nodiscard]] std::string_view why_trip(TimePoint now);

  BreakerPolicy policy_;
  CallWindow window_;
  BreakerState state_ = BreakerState::kClosed;
  std::uint32_t era_ = 1;
  TimePoint since_;
  BreakerChange change_;
  std::uint32_t run_ = 0;           // failures in a row
  std::uint32_t openings_ = 0;      // since the last healthy time
  std::optional<TimePoint> until_;  // of open and forced_open
  std::optional<TimePoint> ramp_until_;
  double credit_ = 0;  // of the ramp: a call costs 1, each that asks brings the share
  // Outlive their state: a probe that is still out holds its place until it ends.
  std::vector<Lease> leases_;
  std::uint32_t last_lease_ = 0;  // 0 is no lease; four billion probes are not to be lived through
  std::uint32_t passed_ = 0;      // probes in a row
};

// How long the opening after `openings` others lasts, before it is spread.
[[nodiscard]] Duration open_time(const config::BreakerOpen& open, std::uint32_t openings) noexcept;

}  // namespace outrigger::filters
