#include "proxy/runtime/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace outrigger {

void Timer::disarm() noexcept {
  if (wheel_ == nullptr) return;
  *slot_ = next_;
  if (next_ != nullptr) next_->slot_ = slot_;
  --wheel_->size_;
  wheel_ = nullptr;
}

void TimerWheel::arm(Timer& timer, std::uint64_t tick) {
  timer.disarm();
  timer.tick_ = std::min(std::max(tick, current_ + 1), kLastTick);
  timer.wheel_ = this;
  ++size_;
  place(timer);
}

// A timer lives on the level of the highest digit in which its tick differs from the current one;
// so every timer of a lower level is due before every timer of a higher one.
void TimerWheel::place(Timer& timer) noexcept {
  const std::uint64_t difference = timer.tick_ ^ current_;
  const int level = difference == 0 ? 0 : (63 - std::countl_zero(difference)) / kBits;
  const int slot = static_cast<int>((timer.tick_ >> (level * kBits)) & (kSlots - 1));
  Timer*& head = slots_[level][slot];
  timer.next_ = head;
  timer.slot_ = &head;
  if (head != nullptr) head->slot_ = &timer.next_;
  head = &timer;
  occupied_[level] |= std::uint64_t{1} << slot;
}

std::optional<std::uint64_t> TimerWheel::next() const noexcept {
  if (size_ == 0) return std::nullopt;
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int slot = std::countr_zero(occupied_[level]);
    const std::uint64_t above = current_ >> ((level + 1) * kBits) << ((level + 1) * kBits);
    return above | (static_cast<std::uint64_t>(slot) << (level * kBits));
  }
  return std::nullopt;
}

// A slot's list holds the latest armed first.
Timer* TimerWheel::take_in_order(int level, int slot) noexcept {
  Timer* ordered = nullptr;
  Timer* timer = std::exchange(slots_[level][slot], nullptr);
  occupied_[level] &= ~(std::uint64_t{1} << slot);
  while (timer != nullptr) {
    Timer* following = std::exchange(timer->next_, ordered);
    ordered = timer;
    timer = following;
  }
  return ordered;
}

void TimerWheel::cascade(int level, int slot) noexcept {
  Timer* timer = take_in_order(level, slot);
  while (timer != nullptr) {
    Timer* following = timer->next_;
    place(*timer);
    timer = following;
  }
}

void TimerWheel::fire(int slot) {
  Timer* due = take_in_order(0, slot);
  // Firing may disarm or destroy any of them: each stays linked, through slot_, until its turn.
  for (Timer** at = &due; *at != nullptr; at = &(*at)->next_) (*at)->slot_ = at;
  while (due != nullptr) {
    Timer* first = due;
    first->disarm();
    first->on_fire();
  }
}

void TimerWheel::advance(std::uint64_t tick) {
  tick = std::min(tick, kLastTick);
  for (;;) {
    const std::optional<std::uint64_t> due = next();
    if (!due || *due > tick) break;
    current_ = *due > current_ ? *due : current_;
    int level = 0;
    while (occupied_[level] == 0) ++level;
    const int slot = std::countr_zero(occupied_[level]);
    if (level == 0) {
      fire(slot);
    } else {
      cascade(level, slot);
    }
  }
  if (tick > current_) move_to(tick);
}

// Moves the hand over ticks at which nothing is due. A slot whose time range now holds the hand
// must be spread over the lower levels, or its timers would be found late.
void TimerWheel::move_to(std::uint64_t tick) noexcept {
  current_ = tick;
  for (int level = kLevels - 1; level > 0; --level) {
    const int slot = static_cast<int>((tick >> (level * kBits)) & (kSlots - 1));
    if ((occupied_[level] >> slot & 1) != 0) cascade(level, slot);
  }
}

}  // namespace outrigger
