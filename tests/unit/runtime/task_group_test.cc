#include "proxy/runtime/task_group.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/sim_loop.h"

namespace outrigger {
namespace {

class TaskGroupTest : public ::testing::Test {
 protected:
  Task<void> nothing() { co_return; }
  Task<void> sleep(Duration after) { (void)co_await SleepFor(loop_, scope_, after); }
  void TearDown() override {
    loop_.advance(0ms);
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
  }
  SimLoop loop_;
  CancelScope scope_;
};

TEST_F(TaskGroupTest, StartsATaskInsideTheCaller) {
  TaskGroup tasks(loop_);
  bool ran = false;
  auto body = [](bool& flag) -> Task<void> {
    flag = true;
    co_return;
  };
  tasks.spawn(body(ran));
  EXPECT_TRUE(ran);
}

TEST_F(TaskGroupTest, LoopDropsAFinishedTaskNotTheTaskItself) {
  TaskGroup tasks(loop_);
  tasks.spawn(nothing());
  EXPECT_EQ(tasks.size(), 1u);
  EXPECT_GT(FramePool::live(), 0u);
  loop_.advance(0ms);
  EXPECT_TRUE(tasks.empty());
  EXPECT_EQ(FramePool::live(), 0u);
}

TEST_F(TaskGroupTest, DropsTasksInAnyOrderOfFinishing) {
  TaskGroup tasks(loop_);
  for (const int ms : {30, 10, 20, 10, 40}) tasks.spawn(sleep(ms * 1ms));
  const std::size_t expected[] = {5, 3, 2, 1, 0};
  for (const std::size_t left : expected) {
    EXPECT_EQ(tasks.size(), left);
    loop_.advance(10ms);
  }
}

TEST_F(TaskGroupTest, DestroyingTheGroupTearsDownWhatRunsAndWhatHasFinished) {
  {
    TaskGroup tasks(loop_);
    for (const int ms : {5, 50, 500}) tasks.spawn(sleep(ms * 1ms));
    loop_.advance(5ms);
    tasks.spawn(nothing());
  }
  EXPECT_EQ(FramePool::live(), 0u);
  EXPECT_EQ(loop_.timers(), 0u);
}

TEST_F(TaskGroupTest, CallsOnEmptyEachTimeTheLastTaskIsDropped) {
  TaskGroup tasks(loop_);
  int empty = 0;
  tasks.on_empty([&] { ++empty; });
  tasks.spawn(sleep(10ms));
  tasks.spawn(nothing());
  loop_.advance(0ms);
  EXPECT_EQ(empty, 0);
  loop_.advance(10ms);
  EXPECT_EQ(empty, 1);
  tasks.spawn(nothing());
  loop_.advance(0ms);
  EXPECT_EQ(empty, 2);
}

TEST_F(TaskGroupTest, OnEmptyMayDestroyTheGroup) {
  auto tasks = std::make_unique<TaskGroup>(loop_);
  std::string seen;
  tasks->on_empty([&, text = std::string("kept while the callback runs")] {
    tasks.reset();
    seen = text;
  });
  tasks->spawn(nothing());
  loop_.advance(0ms);
  EXPECT_EQ(tasks, nullptr);
  EXPECT_EQ(seen, "kept while the callback runs");
}

TEST_F(TaskGroupTest, OnEmptyMaySpawn) {
  TaskGroup tasks(loop_);
  int rounds = 0;
  tasks.on_empty([&] {
    if (++rounds < 3) tasks.spawn(nothing());
  });
  tasks.spawn(nothing());
  loop_.advance(0ms);
  EXPECT_EQ(rounds, 3);
}

// What a task was given by value goes only with its frame, in the sweep.
TEST_F(TaskGroupTest, DroppingATaskMayDestroyTheGroup) {
  struct Connection {
    TaskGroup tasks;
    explicit Connection(Dispatcher& loop) : tasks(loop) {}
  };
  auto connection = std::make_shared<Connection>(loop_);
  const std::weak_ptr<Connection> watch = connection;
  auto body = [](std::shared_ptr<Connection> held) -> Task<void> {
    (void)held;
    co_return;
  };
  TaskGroup& tasks = connection->tasks;
  tasks.spawn(nothing());
  tasks.spawn(body(connection));
  tasks.spawn(nothing());
  connection.reset();
  EXPECT_FALSE(watch.expired());
  loop_.advance(0ms);
  EXPECT_TRUE(watch.expired());
}

// A frame's destructor wakes a task of the same group while the group is being destroyed.
TEST_F(TaskGroupTest, TearDownOfOneTaskMayFinishAnother) {
  struct Wakes {
    Signal& signal;
    ~Wakes() { signal.notify(); }
  };
  Signal signal;
  auto waits = [](Signal& at, CancelScope& scope) -> Task<void> { (void)co_await at.wait(scope); };
  auto holds = [](SimLoop& loop, Signal& at, CancelScope& scope) -> Task<void> {
    const Wakes wakes{at};
    (void)co_await SleepFor(loop, scope, 1h);
  };
  for (const bool waiter_first : {true, false}) {
    SCOPED_TRACE(waiter_first);
    TaskGroup tasks(loop_);
    if (waiter_first) tasks.spawn(waits(signal, scope_));
    tasks.spawn(holds(loop_, signal, scope_));
    if (!waiter_first) tasks.spawn(waits(signal, scope_));
  }
}

TEST_F(TaskGroupTest, EscapedExceptionEndsTheProcess) {
  auto body = []() -> Task<void> {
    throw 1;
    co_return;
  };
  EXPECT_DEATH(
      {
        TaskGroup tasks(loop_);
        tasks.spawn(body());
      },
      "");
}

TEST_F(TaskGroupTest, ManyTasksAtOnceAreAllDropped) {
  TaskGroup tasks(loop_);
  for (int i = 0; i < 10'000; ++i) tasks.spawn(sleep((i % 100) * 1ms));
  EXPECT_EQ(tasks.size(), 10'000u);
  loop_.advance(100ms);
  EXPECT_TRUE(tasks.empty());
}

}  // namespace
}  // namespace outrigger
