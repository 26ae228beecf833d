#include "filters/limits/shared_limit.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace outrigger::filters {
namespace {

// How many callers are looked at for one that may pass a blocked one.
constexpr std::size_t kLooks = 8;
// Only what takes so much less may pass: what is alike keeps its order.
constexpr double kMuchLess = 0.25;
// Of what comes in, the part that may go to those who pass; the rest is saved for the blocked one.
constexpr double kForOthers = 0.5;
constexpr Duration kShortestLook = 1ms;

Turn& turn_of(Place& place) noexcept {
  return static_cast<Turn&>(place);
}

// Under the limit's lock: its loop lives at least until it has left the line.
void call(Turn& turn) {
  turn.loop.post([kept = turn.shared_from_this()] { kept->called.notify(); });
}

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

Duration duration_of(double seconds) noexcept {
  return Duration{static_cast<std::int64_t>(std::min(seconds, 1e6) * 1e9)};
}

}  // namespace

SharedLimit::SharedLimit(const LimitKeyView& key, std::unique_ptr<LimitCore> core,
                         const config::LimitQueue& queue)
    : model_(key.model),
      key_{.model = model_, .credential = key.credential},
      core_(std::move(core)),
      most_waiting_(queue.size) {}

bool SharedLimit::take(const Load& load, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  return queue_.empty() && core_->take(load, now);
}

SharedLimit::Would SharedLimit::take_in_shadow(const Load& load, Duration most, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  if (core_->take(load, now)) return Would::kPass;
  const std::optional<Duration> wait = core_->wait({}, load, now);
  if (most_waiting_ == 0 || (wait && *wait > most)) return Would::kRefuse;
  core_->take_anyway(load, now);
  return Would::kWait;
}

SharedLimit::Entry SharedLimit::enter(const std::shared_ptr<Turn>& turn, Duration most,
                                      TimePoint now) {
  const std::scoped_lock lock(mutex_);
  if (queue_.empty() && core_->take(turn->load, now)) return {.granted = true};
  turn->cost = core_->cost(turn->load);
  const std::optional<Duration> wait = core_->wait(queue_.ahead_of(*turn), turn->load, now);
  if (queue_.size() >= most_waiting_) return {.refused = NoPlace::kQueueFull, .wait = wait};
  if (wait && *wait > most) return {.refused = NoPlace::kTooLong, .wait = wait};
  turn->state = Turn::State::kWaits;
  queue_.push(*turn);
  call_next(now);
  return {.wait = wait};
}

SharedLimit::Look SharedLimit::look(Turn& turn, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  call_next(now);
  if (turn.state == Turn::State::kGranted) {
    turn.state = Turn::State::kOutside;
    return {.granted = true};
  }
  if (&turn != blocked_) return {};
  const std::optional<Duration> again = look_again(turn, now);
  if (again) looks_at_ = now + *again;
  return {.again = again};
}

void SharedLimit::leave(Turn& turn, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  const Turn::State state = std::exchange(turn.state, Turn::State::kOutside);
  if (state == Turn::State::kOutside) return;
  if (state == Turn::State::kWaits) {
    queue_.remove(turn);
    if (blocked_ == &turn) blocked_ = nullptr;
  } else {
    core_->conclude({.taken = turn.load, .started = now}, now);
  }
  call_next(now);
}

void SharedLimit::conclude(const LimitEnding& ending, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  core_->conclude(ending, now);
  call_next(now);
}

void SharedLimit::learn(const LimitNews& news, const Load& own, TimePoint started, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  core_->learn(news, own, started, now);
  call_next(now);
}

void SharedLimit::adopt(const config::Policies& policies, const config::LimitQueue& queue,
                        TimePoint now) {
  const std::scoped_lock lock(mutex_);
  core_->adopt(policies, now);
  most_waiting_ = queue.size;
  call_next(now);
}

std::optional<Duration> SharedLimit::expected_wait(const Load& load, TimePoint now) {
  Place place;
  place.load = load;
  const std::scoped_lock lock(mutex_);
  place.cost = core_->cost(load);
  return core_->wait(queue_.ahead_of(place), load, now);
}

std::size_t SharedLimit::waiting() {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

std::optional<std::uint32_t> SharedLimit::at_a_time() {
  const std::scoped_lock lock(mutex_);
  return core_->at_a_time();
}

bool SharedLimit::idle(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  return queue_.empty() && core_->idle(now);
}

bool SharedLimit::may_go(TimePoint now) {
  return pins() == 0 && idle(now);
}

// Gives turns to all who can go. The next one, who cannot, is told when to look again, where that
// is earlier than it knows; where time brings nothing, the end of a call comes by here.
void SharedLimit::call_next(TimePoint now) {
  while (Place* next = queue_.first()) {
    if (core_->take(next->load, now)) {
      grant(*next);
      continue;
    }
    if (next != blocked_) {
      blocked_ = next;
      blocked_since_ = now;
      passed_ = 0;
      looks_at_ = kNoDeadline;
    }
    if (pass_one(*next, now)) continue;
    const std::optional<Duration> again = look_again(*next, now);
    if (again && now + *again < looks_at_) {
      looks_at_ = now + *again;
      call(turn_of(*next));
    }
    return;
  }
  blocked_ = nullptr;
}

// Nobody gets further ahead by it than the blocked one will be after its turn.
bool SharedLimit::may_pass(const Place& place, const Place& blocked) const noexcept {
  return place.cost <= blocked.cost * kMuchLess && queue_.lead_of(place) <= blocked.cost;
}

// One that takes a lot saves up for its turn, but small ones need not stand still for so long: they
// share what comes in with it.
bool SharedLimit::pass_one(Place& blocked, TimePoint now) {
  std::array<Place*, kLooks> room;
  const std::size_t count = queue_.next_in_turn(room);
  const double for_others = seconds(now - blocked_since_) * kForOthers;
  for (std::size_t i = 0; i < count; ++i) {
    Place& place = *room[i];
    if (!may_pass(place, blocked) || passed_ + place.cost > for_others) continue;
    if (!core_->take(place.load, now)) continue;
    passed_ += place.cost;
    grant(place);
    return true;
  }
  return false;
}

std::optional<Duration> SharedLimit::look_again(Place& next, TimePoint now) {
  std::optional<Duration> soonest = core_->wait({}, next.load, now);
  if (!soonest) return std::nullopt;
  std::array<Place*, kLooks> room;
  const std::size_t count = queue_.next_in_turn(room);
  for (std::size_t i = 0; i < count; ++i) {
    const Place& place = *room[i];
    if (!may_pass(place, next)) continue;
    const TimePoint when = blocked_since_ + duration_of((passed_ + place.cost) / kForOthers);
    const Duration there = core_->wait({}, place.load, now).value_or(Duration{0});
    soonest = std::min(*soonest, std::max(when - now, there));
  }
  return std::max(*soonest, kShortestLook);
}

void SharedLimit::grant(Place& place) {
  if (blocked_ == &place) blocked_ = nullptr;
  queue_.serve(place);
  Turn& turn = turn_of(place);
  turn.state = Turn::State::kGranted;
  call(turn);
}

}  // namespace outrigger::filters
