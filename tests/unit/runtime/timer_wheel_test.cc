#include "proxy/runtime/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace outrigger {
namespace {

struct Probe final : Timer {
  std::function<void()> fired;
  explicit Probe(std::function<void()> what) : fired(std::move(what)) {}
  void on_fire() override {
    const auto call = fired;  // it may destroy this timer
    call();
  }
};

TEST(TimerWheel, FiresInOrderOfTimeAndOfArming) {
  TimerWheel wheel;
  std::vector<int> order;
  std::vector<std::unique_ptr<Probe>> timers;
  // Ticks on several levels, each twice, armed latest first.
  const std::uint64_t ticks[] = {300'000, 5000, 64, 63, 1};
  for (int i = 0; i < 10; ++i) {
    timers.push_back(std::make_unique<Probe>([&order, i] { order.push_back(i); }));
    wheel.arm(*timers.back(), ticks[i / 2]);
  }
  wheel.advance(1'000'000);
  EXPECT_EQ(order, (std::vector<int>{8, 9, 6, 7, 4, 5, 2, 3, 0, 1}));
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.next(), std::nullopt);
}

TEST(TimerWheel, NeverFiresInThePast) {
  TimerWheel wheel;
  wheel.advance(1000);
  int fired = 0;
  Probe timer([&] { ++fired; });
  wheel.arm(timer, 5);
  wheel.advance(1000);
  EXPECT_EQ(fired, 0);
  wheel.advance(1001);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, DestroyedAndDisarmedTimersDoNotFire) {
  TimerWheel wheel;
  int fired = 0;
  Probe kept([&] { ++fired; });
  Probe disarmed([&] { FAIL(); });
  {
    Probe destroyed([&] { FAIL(); });
    wheel.arm(destroyed, 10);
    wheel.arm(kept, 10);
    wheel.arm(disarmed, 10);
    EXPECT_EQ(wheel.size(), 3u);
  }
  disarmed.disarm();
  disarmed.disarm();
  EXPECT_EQ(wheel.size(), 1u);
  wheel.advance(10);
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheel, FiringTimerMayDestroyOthersOfItsTick) {
  TimerWheel wheel;
  std::vector<std::unique_ptr<Probe>> timers(5);
  int fired = 0;
  for (auto& timer : timers) {
    timer = std::make_unique<Probe>([&] {
      ++fired;
      timers.clear();
    });
    wheel.arm(*timer, 100);
  }
  wheel.advance(100);
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheel, FiringTimerMayArmItselfAgain) {
  TimerWheel wheel;
  int fired = 0;
  Probe* self = nullptr;
  Probe timer([&] {
    if (++fired < 1000) wheel.arm(*self, static_cast<std::uint64_t>(fired) * 10);
  });
  self = &timer;
  wheel.arm(timer, 0);
  wheel.advance(100'000);
  EXPECT_EQ(fired, 1000);
}

TEST(TimerWheel, ArmingAnArmedTimerMovesIt) {
  TimerWheel wheel;
  int fired = 0;
  Probe timer([&] { ++fired; });
  wheel.arm(timer, 10);
  wheel.arm(timer, 5000);
  EXPECT_EQ(wheel.size(), 1u);
  wheel.advance(4999);
  EXPECT_EQ(fired, 0);
  wheel.advance(5000);
  EXPECT_EQ(fired, 1);
}

// Regression: a tick beyond the top level was put back into the slot it came from, for ever.
TEST(TimerWheel, TimerBeyondItsRangeNeitherHangsNorFires) {
  for (const std::uint64_t far :
       {std::uint64_t{1} << 42, (std::uint64_t{1} << 42) + 7, std::uint64_t{1} << 47,
        std::uint64_t{1} << 60, std::numeric_limits<std::uint64_t>::max()}) {
    SCOPED_TRACE(far);
    TimerWheel wheel;
    Probe timer([] { FAIL(); });
    wheel.arm(timer, far);
    wheel.advance(1);
    wheel.advance((std::uint64_t{1} << 42) - 1);
    EXPECT_EQ(wheel.size(), 1u);
  }
}

// The wheel against a sorted map: what fires, when, and that next() is a lower bound.
class WheelModel {
 public:
  explicit WheelModel(unsigned seed) : random_(seed) {
    for (int i = 0; i < kTimers; ++i) {
      timers_.push_back(std::make_unique<Probe>([this, i] { on_fire(i); }));
      due_.push_back(kIdle);
    }
  }

  void step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        arm(pick(), now_ + distance());
        break;
      case 4:
        disarm(pick());
        break;
      case 5:
        advance(now_ + distance());
        break;
      case 6:
        to_next();
        break;
      default:
        advance(now_ + 1 + random_() % 3);
        break;
    }
    ASSERT_EQ(wheel_.size(), armed());
    check_next();
  }

  void finish() {
    advance(now_ + (std::uint64_t{1} << 40));
    EXPECT_EQ(wheel_.size(), 0u);
  }

 private:
  static constexpr int kTimers = 40;
  static constexpr std::uint64_t kIdle = 0;

  int pick() { return static_cast<int>(random_() % kTimers); }
  // Mostly short; now and then days, so that every level is used.
  std::uint64_t distance() { return random_() >> (random_() % 32); }
  std::size_t armed() const {
    return static_cast<std::size_t>(std::ranges::count_if(due_, [](auto d) { return d != kIdle; }));
  }
  std::uint64_t earliest() const {
    std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t due : due_) {
      if (due != kIdle) first = std::min(first, due);
    }
    return first;
  }

  void arm(int i, std::uint64_t tick) {
    wheel_.arm(*timers_[static_cast<std::size_t>(i)], tick);
    due_[static_cast<std::size_t>(i)] = std::max(tick, now_ + 1);
  }
  void disarm(int i) {
    timers_[static_cast<std::size_t>(i)]->disarm();
    due_[static_cast<std::size_t>(i)] = kIdle;
  }
  void to_next() {
    if (const auto next = wheel_.next()) advance(std::max(*next, now_));
  }
  void advance(std::uint64_t tick) {
    target_ = tick;
    wheel_.advance(tick);
    now_ = tick;
    EXPECT_GT(earliest(), now_) << "a timer is late";
  }
  void on_fire(int i) {
    const std::uint64_t due = std::exchange(due_[static_cast<std::size_t>(i)], kIdle);
    EXPECT_NE(due, kIdle) << "a disarmed timer fired";
    EXPECT_LE(due, target_) << "a timer is early";
    EXPECT_GE(earliest(), due) << "out of order";
    now_ = std::max(now_, due);
    // Callbacks arm and disarm others while their slot is being emptied.
    if (random_() % 4 == 0) arm(pick(), now_ + distance());
    if (random_() % 4 == 0) disarm(pick());
  }
  void check_next() const {
    const auto next = wheel_.next();
    ASSERT_EQ(next.has_value(), armed() > 0);
    if (next) ASSERT_LE(*next, earliest());
  }

  std::mt19937 random_;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Probe>> timers_;
  std::vector<std::uint64_t> due_;
  std::uint64_t now_ = 0, target_ = 0;
};

TEST(TimerWheel, AgreesWithASortedListOverRandomArmsDisarmsAndAdvances) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    WheelModel model(seed);
    for (int i = 0; i < 1000; ++i) {
      model.step();
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
    model.finish();
  }
}

// Following next() alone wakes the loop a bounded number of times for one timer, however far it is.
TEST(TimerWheel, NextLeadsToAFarTimerInFewSteps) {
  for (const std::uint64_t tick : {1ull, 63ull, 64ull, 4097ull, 86'400'000ull, 1ull << 40}) {
    TimerWheel wheel;
    wheel.advance(12'345);
    bool fired = false;
    Probe timer([&] { fired = true; });
    wheel.arm(timer, 12'345 + tick);
    int steps = 0;
    while (!fired && steps < 20) {
      ++steps;
      wheel.advance(*wheel.next());
    }
    EXPECT_TRUE(fired) << tick;
    EXPECT_LE(steps, 8) << tick;
  }
}

}  // namespace
}  // namespace outrigger
