// A loop in simulated time, for tests: time moves only by advance(), and every run is the same.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "proxy/runtime/dispatcher.h"

namespace outrigger {

class SimLoop final : public Dispatcher {
 public:
  [[nodiscard]] TimePoint fresh_now() noexcept override { return now_; }
  void post(std::function<void()> work) override { defer(std::move(work)); }

  // Fires everything due in the next `d`, in order of time, each at its own time.
  void advance(Duration d) {
    const TimePoint end = now_ + d;
    end_batch();
    while (const auto next = wheel_.next()) {
      const TimePoint due{Duration{static_cast<std::int64_t>(*next) * 1'000'000}};
      if (due > end) break;
      if (due > now_) now_ = due;
      turn();
      end_batch();
    }
    now_ = end;
    turn();
    end_batch();
  }

 private:
  void wake_at(TimePoint) noexcept override {}
};

}  // namespace outrigger
