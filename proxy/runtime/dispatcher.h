// One worker's time and turn-taking: timers, work deferred to after the current event, and values
// posted from other threads. The libevent loop and the simulated loop share this base and differ
// only in where time comes from.
#pragma once

#include <functional>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/timer_wheel.h"

namespace outrigger {

class Dispatcher {
 public:
  Dispatcher() = default;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  virtual ~Dispatcher() = default;

  // Read once per event, so that all of one event sees one time.
  [[nodiscard]] TimePoint now() const noexcept { return now_; }
  // Reads the clock again; for measuring, not for deciding.
  [[nodiscard]] virtual TimePoint fresh_now() noexcept = 0;

  // Arms (or re-arms) a timer; resolution 1 ms, never early. Destroying the timer disarms it.
  void arm(Timer& timer, Duration after);

  // Runs `work` after the current event, never inside the caller. Same thread only.
  void defer(std::function<void()> work);
  // Runs `work` after the current batch of events: for what is cheaper done once for many events,
  // such as writing to a connection that they share. Same thread only.
  void at_batch_end(std::function<void()> work);
  // Runs `work` on this dispatcher's thread. Safe from any thread.
  virtual void post(std::function<void()> work) = 0;

  // Timers armed: 0 after every test.
  [[nodiscard]] std::size_t timers() const noexcept { return wheel_.size(); }

 protected:
  // Runs what is due at now_, then what was deferred.
  void turn();
  void run_deferred();
  void end_batch();
  [[nodiscard]] bool has_deferred() const noexcept { return !deferred_.empty(); }
  // Called when an armed timer may be due earlier than the loop planned to wake.
  virtual void wake_at(TimePoint when) noexcept = 0;

  TimePoint now_;
  TimerWheel wheel_;

 private:
  std::vector<std::function<void()>> deferred_;
  std::vector<std::function<void()>> running_;  // keeps its capacity
  std::vector<std::function<void()>> batch_end_;
};

// Suspends for a duration: `CO_TRY(co_await SleepFor(loop, scope, 2s))`.
class SleepFor final : public Parked, private Timer {
 public:
  SleepFor(Dispatcher& loop, CancelScope& scope, Duration after) noexcept
      : Parked(scope), loop_(loop), after_(after) {}
  void await_suspend(std::coroutine_handle<> handle) {
    loop_.arm(*this, after_);
    Parked::await_suspend(handle);
  }

 private:
  void on_fire() override { wake(); }
  void on_cancel(const CancelReason& why) override {
    disarm();
    Parked::on_cancel(why);
  }
  Dispatcher& loop_;
  Duration after_;
};

// Cancels a scope after a duration, with a reason. The timed task always finishes, with the error,
// before its caller goes on (architecture 5.6).
class DeadlineTimer final : private Timer {
 public:
  DeadlineTimer(Dispatcher& loop, CancelScope& scope) noexcept : loop_(loop), scope_(scope) {}
  void start(Duration after, CancelReason why) {
    why_ = why;
    loop_.arm(*this, after);
  }
  void stop() noexcept { disarm(); }

 private:
  void on_fire() override { scope_.cancel(why_); }
  Dispatcher& loop_;
  CancelScope& scope_;
  CancelReason why_;
};

}  // namespace outrigger
