#include "proxy/runtime/sim_loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"

namespace outrigger {
namespace {

class SimLoopTest : public ::testing::Test {
 protected:
  struct Stamp final : Timer {
    SimLoopTest& test;
    std::string name;
    Stamp(SimLoopTest& owner, std::string what) : test(owner), name(std::move(what)) {}
    void on_fire() override { test.note(name); }
  };
  // A line a happening, with its time in milliseconds.
  void note(const std::string& what) {
    log_ += what + "@" + std::to_string(loop_.now().since_start / 1ms) + " ";
  }
  Task<void> sleep(CancelScope& scope, Duration after, std::string name) {
    const Status status = co_await SleepFor(loop_, scope, after);
    note(name + (status ? "" : ":" + std::string(status.error().reason)));
  }
  void TearDown() override {
    loop_.advance(0ms);
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
  }

  SimLoop loop_;
  TaskGroup tasks_{loop_};
  CancelScope scope_;
  std::string log_;
};

TEST_F(SimLoopTest, TimeMovesOnlyByAdvance) {
  const TimePoint start = loop_.now();
  EXPECT_EQ(loop_.fresh_now(), start);
  loop_.advance(1500us);
  EXPECT_EQ(loop_.now() - start, 1500us);
}

TEST_F(SimLoopTest, FiresEachTimerAtItsOwnTime) {
  Stamp c(*this, "c"), a(*this, "a"), b(*this, "b");
  loop_.arm(c, 1h);
  loop_.arm(a, 10ms);
  loop_.arm(b, 300ms);
  loop_.advance(2h);
  EXPECT_EQ(log_, "a@10 b@300 c@3600000 ");
  EXPECT_EQ(loop_.now().since_start, 2h);
}

TEST_F(SimLoopTest, TimersAreNeverEarlyAndRoundUpToMilliseconds) {
  Stamp timer(*this, "t");
  loop_.advance(1us);
  loop_.arm(timer, 10ms);
  loop_.advance(10ms);
  EXPECT_EQ(log_, "");
  loop_.advance(999us);
  EXPECT_EQ(log_, "t@11 ");
}

TEST_F(SimLoopTest, ZeroNegativeAndEndlessDurationsAreArmedAsWell) {
  Stamp zero(*this, "zero"), past(*this, "past"), never(*this, "never");
  loop_.advance(5ms);
  loop_.arm(zero, 0ms);
  loop_.arm(past, -1h);
  loop_.arm(never, Duration::max());
  loop_.advance(24h * 365);
  EXPECT_EQ(log_, "zero@6 past@6 ");
  EXPECT_EQ(loop_.timers(), 1u);
}

TEST_F(SimLoopTest, DeferredWorkRunsAfterItsCallerInOrder) {
  loop_.defer([&] {
    loop_.defer([&] { note("second"); });
    note("first");
  });
  loop_.post([&] { note("posted"); });
  EXPECT_EQ(log_, "");
  loop_.advance(0ms);
  EXPECT_EQ(log_, "first@0 posted@0 second@0 ");
}

TEST_F(SimLoopTest, WorkDeferredByATimerRunsAtThatTime) {
  struct Defers final : Timer {
    std::function<void()> work;
    SimLoop& loop;
    Defers(SimLoop& on, std::function<void()> what) : work(std::move(what)), loop(on) {}
    void on_fire() override { loop.defer(work); }
  };
  Defers timer(loop_, [&] { note("deferred"); });
  Stamp later(*this, "later");
  loop_.arm(timer, 5ms);
  loop_.arm(later, 6ms);
  loop_.advance(1s);
  EXPECT_EQ(log_, "deferred@5 later@6 ");
}

TEST_F(SimLoopTest, SleepersWakeInOrder) {
  tasks_.spawn(sleep(scope_, 20ms, "long"));
  tasks_.spawn(sleep(scope_, 10ms, "short"));
  tasks_.spawn(sleep(scope_, 20ms, "also"));
  EXPECT_EQ(loop_.timers(), 3u);
  loop_.advance(1s);
  EXPECT_EQ(log_, "short@10 long@20 also@20 ");
}

TEST_F(SimLoopTest, CancellationWakesASleeperWithItsReason) {
  tasks_.spawn(sleep(scope_, 1h, "sleeper"));
  loop_.advance(7ms);
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  EXPECT_EQ(log_, "sleeper:client_gone@7 ");
  EXPECT_EQ(loop_.timers(), 0u);
}

TEST_F(SimLoopTest, SleepInACancelledScopeDoesNotSleep) {
  scope_.cancel({});
  tasks_.spawn(sleep(scope_, 1h, "sleeper"));
  EXPECT_EQ(log_, "sleeper:cancelled@0 ");
}

TEST_F(SimLoopTest, DeadlineCancelsItsScopeWithItsReason) {
  CancelScope attempt(scope_);
  DeadlineTimer deadline(loop_, attempt);
  deadline.start(50ms, {Errc::kTimeout, Origin::kProxy, "total_timeout"});
  tasks_.spawn(sleep(attempt, 1h, "attempt"));
  loop_.advance(49ms);
  EXPECT_EQ(log_, "");
  loop_.advance(1ms);
  EXPECT_EQ(log_, "attempt:total_timeout@50 ");
  EXPECT_FALSE(scope_.cancelled());
}

TEST_F(SimLoopTest, StoppedDeadlineDoesNothing) {
  DeadlineTimer deadline(loop_, scope_);
  deadline.start(50ms, {});
  deadline.stop();
  loop_.advance(1s);
  EXPECT_FALSE(scope_.cancelled());
}

}  // namespace
}  // namespace outrigger
