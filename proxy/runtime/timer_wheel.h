// A hierarchical timing wheel (Varghese and Lauck): arming and disarming are a few instructions,
// which matters because nearly every timer of a proxy is disarmed before it fires. Resolution 1 ms;
// a timer never fires early. Pure: time comes in as a number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace outrigger {

class TimerWheel;

// Intrusive; whoever is timed derives from it or holds one. Destroying it disarms it.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  [[nodiscard]] bool armed() const noexcept { return wheel_ != nullptr; }
  void disarm() noexcept;

 protected:
  ~Timer() { disarm(); }
  // Called once, disarmed; may re-arm or destroy the timer. Last act of the caller.
  virtual void on_fire() = 0;

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;
  Timer* next_ = nullptr;
  Timer** slot_ = nullptr;  // the pointer that points at this timer
  std::uint64_t tick_ = 0;
};

class TimerWheel {
 public:
  TimerWheel() = default;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void arm(Timer& timer, std::uint64_t tick);
  // Fires every timer due at or before `tick`, in order of time; those of one tick in order of
  // arming.
  void advance(std::uint64_t tick);
  // A tick at or before the earliest timer, or nothing: when to call advance() next.
  [[nodiscard]] std::optional<std::uint64_t> next() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  friend class Timer;
  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 8;
  // 8900 years of milliseconds. place() would find no slot beyond: what is further never fires.
  static constexpr std::uint64_t kLastTick = (std::uint64_t{1} << (kLevels * kBits)) - 1;

  void place(Timer& timer) noexcept;
  // Empties a slot; the list's slot_ pointers are the caller's to set.
  Timer* take_in_order(int level, int slot) noexcept;
  void cascade(int level, int slot) noexcept;
  void fire(int slot);
  void move_to(std::uint64_t tick) noexcept;

  std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
  std::array<std::uint64_t, kLevels>
      occupied_{};  // a bit per slot; set for every slot with a timer
  std::uint64_t current_ = 0;
  std::size_t size_ = 0;
};

}  // namespace outrigger
