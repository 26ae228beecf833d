#include "filters/circuit_breaker/breaker.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace outrigger::filters {
namespace {

using config::CircuitBreaker;

// Of a share that binary fractions do not hold: 7 of 100 are 7 %.
constexpr double kTolerance = 1e-9;

Duration scaled(Duration d, double factor) noexcept {
  return Duration{static_cast<Duration::rep>(static_cast<double>(d.count()) * factor)};
}

bool same_window(const CircuitBreaker& a, const CircuitBreaker& b) noexcept {
  return a.window == b.window && a.window_calls == b.window_calls;
}

bool counts_alike(const CircuitBreaker& a, const CircuitBreaker& b) noexcept {
  const auto slow_from = [](const CircuitBreaker& it) {
    return it.slow ? std::optional(it.slow->first_event) : std::nullopt;
  };
  return a.failure == b.failure && a.rate_only == b.rate_only && slow_from(a) == slow_from(b);
}

}  // namespace

Duration open_time(const config::BreakerOpen& open, std::uint32_t openings) noexcept {
  Duration time = open.first;
  for (std::uint32_t i = 0; i < openings && time < open.max; ++i) {
    const Duration grown = std::min(scaled(time, std::min(open.factor, 1000.0)), open.max);
    if (grown <= time) break;
    time = grown;
  }
  return std::min(time, open.max);
}

Breaker::Breaker(BreakerPolicy policy, TimePoint now)
    : policy_(std::move(policy)), window_(policy_->window, policy_->window_calls), since_(now) {}

bool Breaker::quiet() const noexcept {
  return state_ == BreakerState::kDisabled || (state_ == BreakerState::kClosed && !ramp_until_);
}

std::expected<Pass, Refusal> Breaker::ask(TimePoint now, double random) {
  advance(now, random);
  switch (state_) {
    case BreakerState::kDisabled:
      return Pass{era_};
    case BreakerState::kClosed:
      if (!let_in(now)) return std::unexpected(Refusal::kRamping);
      return Pass{era_};
    case BreakerState::kOpen:
      return std::unexpected(Refusal::kOpen);
    case BreakerState::kForcedOpen:
      return std::unexpected(Refusal::kForced);
    case BreakerState::kHalfOpen:
      break;
  }
  if (leases_.size() >= policy_->half_open.probes) return std::unexpected(Refusal::kProbing);
  leases_.push_back({++last_lease_, era_, now + policy_->half_open.lease});
  return Pass{era_, last_lease_};
}

// The first call of a ramp passes, then the share that time has brought, evenly.
bool Breaker::let_in(TimePoint now) {
  if (!ramp_until_) return true;
  const double length = static_cast<double>((*ramp_until_ - since_).count());
  const double share = static_cast<double>((now - since_).count()) / length;
  credit_ += std::clamp(share, 0.0, 1.0);
  if (credit_ < 1) return false;
  credit_ -= 1;
  return true;
}

void Breaker::conclude(Pass pass, Ending ending, TimePoint now, double random) {
  advance(now, random);
  std::erase_if(leases_, [&](const Lease& lease) { return lease.number == pass.lease; });
  if (pass.era != era_ || ending.outcome == CallOutcome::kNeutral) return;
  if (state_ == BreakerState::kClosed) count(ending, now, random);
  if (state_ == BreakerState::kHalfOpen) judge_probe(ending, now, random);
}

std::optional<TimePoint> Breaker::only_counts_until() const noexcept {
  if (state_ != BreakerState::kClosed || run_ > 0 || !window_.good()) return std::nullopt;
  return window_.bucket_end();
}

void Breaker::add_successes(std::uint32_t calls) noexcept {
  if (calls == 0) return;
  run_ = 0;
  window_.add_good(calls);
}

void Breaker::count(Ending ending, TimePoint now, double random) {
  const bool failed = ending.outcome != CallOutcome::kSuccess;
  window_.add(now, {.failed = failed, .slow = ending.slow});
  if (ending.outcome == CallOutcome::kFailure) ++run_;
  if (ending.outcome == CallOutcome::kSuccess) run_ = 0;
  if (const std::string_view why = why_trip(now); !why.empty()) {
    open(BreakerEvent::kTrip, why, now, random);
  }
}

std::string_view Breaker::why_trip(TimePoint now) {
  const CircuitBreaker& policy = *policy_;
  if (policy.failures_in_a_row && run_ >= *policy.failures_in_a_row) return "failures_in_a_row";
  const CallTally tally = window_.tally(now);
  // A window of fewer calls would never hold the minimum.
  const std::uint32_t least = std::min(policy.min_calls, policy.window_calls.value_or(~0u));
  if (tally.calls == 0 || tally.calls < least) return {};
  const auto reaches = [&](std::uint32_t part, double rate) {
    return part > 0 && part >= rate * tally.calls - kTolerance;
  };
  if (policy.failure_rate && reaches(tally.failures, *policy.failure_rate)) return "failure_rate";
  if (policy.slow && reaches(tally.slow, policy.slow->rate)) return "slow";
  return {};
}

void Breaker::judge_probe(Ending ending, TimePoint now, double random) {
  if (ending.outcome != CallOutcome::kSuccess || ending.slow) {
    open(BreakerEvent::kProbeFailed, "probe_failed", now, random);
  } else if (++passed_ >= policy_->half_open.successes) {
    enter(BreakerEvent::kProbesPassed, "probes_passed", now);
  }
}

void Breaker::advance(TimePoint now, double random) {
  if (ramp_until_ && now >= *ramp_until_) ramp_until_.reset();
  bool lost = false;
  std::erase_if(leases_, [&](const Lease& lease) {
    const bool over = lease.ends <= now;
    lost |= over && lease.era == era_;
    return over;
  });
  if (lost) return open(BreakerEvent::kProbeFailed, "probe_lost", now, random);
  if (!until_ || now < *until_) return;
  if (state_ == BreakerState::kOpen) return enter(BreakerEvent::kWaited, "open_time_over", now);
  enter(BreakerEvent::kRelease, "forced_time_over", now);
}

// An opening after a healthy time, which is the window or the open time that would follow,
// whichever is longer, begins with the first open time again.
void Breaker::open(BreakerEvent event, std::string_view because, TimePoint now, double random) {
  const config::BreakerOpen& policy = policy_->open;
  if (state_ == BreakerState::kClosed &&
      now - since_ >= std::max(policy_->window, open_time(policy, openings_))) {
    openings_ = 0;
  }
  const Duration time = open_time(policy, openings_);
  if (time < policy.max) ++openings_;
  enter(event, because, now);
  until_ = now + scaled(time, 1 + policy.jitter * (2 * random - 1));
}

void Breaker::enter(BreakerEvent event, std::string_view because, TimePoint now) {
  const std::optional<BreakerState> to = next(state_, event);
  assert(to);
  change_ = {.from = state_, .to = *to, .because = because};
  state_ = *to;
  ++era_;
  since_ = now;
  run_ = 0;
  passed_ = 0;
  until_.reset();
  ramp_until_.reset();
  if (state_ != BreakerState::kClosed) return;  // what led away from closed stays to be seen
  window_.clear();
  const bool was_shut =
      change_.from == BreakerState::kHalfOpen || change_.from == BreakerState::kForcedOpen;
  if (was_shut && event != BreakerEvent::kReset && policy_->ramp && *policy_->ramp > Duration{0}) {
    ramp_until_ = now + *policy_->ramp;
    credit_ = 1;
  }
}

void Breaker::force_open(TimePoint now, std::optional<Duration> length) {
  enter(BreakerEvent::kForceOpen, "forced", now);
  if (length) until_ = now + *length;
}

void Breaker::force_close(TimePoint now) {
  enter(BreakerEvent::kForceClose, "forced", now);
}

void Breaker::release(TimePoint now) {
  if (next(state_, BreakerEvent::kRelease)) enter(BreakerEvent::kRelease, "released", now);
}

void Breaker::reset(TimePoint now) {
  enter(BreakerEvent::kReset, "reset", now);
  openings_ = 0;
}

void Breaker::adopt(BreakerPolicy policy, TimePoint now) {
  const BreakerPolicy old = std::exchange(policy_, std::move(policy));
  if (!same_window(*old, *policy_)) {
    window_ = CallWindow(policy_->window, policy_->window_calls);
  } else if (!counts_alike(*old, *policy_)) {
    window_.clear();
  }
  if (!counts_alike(*old, *policy_)) run_ = 0;
  if (state_ == BreakerState::kOpen) until_ = std::min(*until_, now + policy_->open.max);
}

std::optional<Duration> Breaker::retry_after(TimePoint now) const {
  switch (state_) {
    case BreakerState::kOpen:
    case BreakerState::kForcedOpen:
      if (!until_) return std::nullopt;
      return std::max(*until_ - now, Duration{0});
    case BreakerState::kHalfOpen: {
      // A probe that is out may come back at any time, and fail.
      Duration wait = policy_->open.first;
      for (const Lease& lease : leases_) wait = std::min(wait, lease.ends - now);
      return leases_.empty() ? Duration{0} : std::max(wait, Duration{0});
    }
    case BreakerState::kClosed:
    case BreakerState::kDisabled:
      break;
  }
  return Duration{0};
}

BreakerStatus Breaker::status(TimePoint now) {
  return {.state = state_,
          .since = since_,
          .because = change_.because,
          .failures_in_a_row = run_,
          .window = window_.tally(now),
          .openings = openings_,
          .probes_out = static_cast<std::uint32_t>(leases_.size()),
          .probes_passed = passed_,
          .next_probe = until_ ? retry_after(now) : std::nullopt,
          .ramping = ramp_until_.has_value()};
}

}  // namespace outrigger::filters
