#include "proxy/runtime/task.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/runtime/frame_pool.h"

namespace outrigger {
namespace {

// A leaf that suspends until the test resumes it.
struct Gate {
  std::coroutine_handle<> waiting;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { waiting = handle; }
  void await_resume() const noexcept {}
  void open() { std::exchange(waiting, {}).resume(); }
};

class TaskTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(FramePool::live(), 0u); }
};

Task<int> answer(int value) {
  co_return value;
}
Task<int> add(int a, int b) {
  co_return co_await answer(a) + co_await answer(b);
}

Task<void> store(Task<int> task, int& out) {
  out = co_await std::move(task);
}

TEST_F(TaskTest, IsLazy) {
  bool ran = false;
  auto body = [](bool& flag) -> Task<void> {
    flag = true;
    co_return;
  };
  {
    const Task<void> task = body(ran);
    EXPECT_FALSE(ran);
  }
  EXPECT_FALSE(ran);
}

TEST_F(TaskTest, StartsInsideItsCallersAwait) {
  int out = 0;
  const Task<void> task = store(add(40, 2), out);
  task.handle().resume();
  EXPECT_TRUE(task.handle().done());
  EXPECT_EQ(out, 42);
}

Task<std::unique_ptr<int>> boxed(int value) {
  co_return std::make_unique<int>(value);
}

TEST_F(TaskTest, CarriesAMoveOnlyValue) {
  int out = 0;
  auto body = [](int& into) -> Task<void> { into = *co_await boxed(7); };
  const Task<void> task = body(out);
  task.handle().resume();
  EXPECT_EQ(out, 7);
}

// Where the stack pointer is, roughly: an address of this call's own frame.
[[gnu::noinline]] std::uintptr_t stack_here() {
  return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

struct StackSpan {
  std::uintptr_t low = UINTPTR_MAX, high = 0;
  void look() {
    low = std::min(low, stack_here());
    high = std::max(high, stack_here());
  }
};

Task<int> measured(StackSpan& span) {
  span.look();
  co_return 1;
}

TEST_F(TaskTest, MillionSynchronousCompletionsKeepTheStackFlat) {
  StackSpan span;
  auto body = [](StackSpan& into, int& total) -> Task<void> {
    for (int i = 0; i < 1'000'000; ++i) total += co_await measured(into);
  };
  int total = 0;
  const Task<void> task = body(span, total);
  task.handle().resume();
  EXPECT_EQ(total, 1'000'000);
  EXPECT_LT(span.high - span.low, 4096u);
}

Task<void> pass(Gate& gate, StackSpan& span) {
  co_await gate;
  span.look();
}

TEST_F(TaskTest, MillionSuspensionsKeepTheStackFlat) {
  Gate gate;
  StackSpan span;
  bool done = false;
  auto body = [](Gate& at, StackSpan& into, bool& finished) -> Task<void> {
    for (int i = 0; i < 1'000'000; ++i) co_await pass(at, into);
    finished = true;
  };
  const Task<void> task = body(gate, span, done);
  task.handle().resume();
  while (!done) gate.open();
  EXPECT_LT(span.high - span.low, 4096u);
}

Task<int> nested(Gate& gate, int depth) {
  if (depth == 0) {
    co_await gate;
    co_return 0;
  }
  co_return 1 + co_await nested(gate, depth - 1);
}

TEST_F(TaskTest, WakesAllItsCallersWhenTheInnermostGoesOn) {
  Gate gate;
  int out = 0;
  const Task<void> task = store(nested(gate, 100), out);
  task.handle().resume();
  EXPECT_FALSE(task.handle().done());
  gate.open();
  EXPECT_TRUE(task.handle().done());
  EXPECT_EQ(out, 100);
}

TEST_F(TaskTest, DestroyingASuspendedTaskDestroysEveryFrameBelowIt) {
  Gate gate;
  int out = -1;
  {
    const Task<void> task = store(nested(gate, 50), out);
    task.handle().resume();
    EXPECT_GE(FramePool::live(), 51u);  // the optimiser may keep the outermost on the stack
  }
  EXPECT_EQ(FramePool::live(), 0u);
  EXPECT_EQ(out, -1);
}

struct Marks {
  std::vector<std::string> seen;
};

struct Leaves {
  Marks& marks;
  std::string name;
  ~Leaves() { marks.seen.push_back(name); }
};

TEST_F(TaskTest, DestroyingASuspendedTaskRunsDestructorsFromTheInsideOut) {
  Gate gate;
  Marks marks;
  auto inner = [](Gate& at, Marks& log) -> Task<void> {
    const Leaves leaves{log, "inner"};
    co_await at;
    log.seen.push_back("resumed");
  };
  auto outer = [&inner](Gate& at, Marks& log) -> Task<void> {
    const Leaves leaves{log, "outer"};
    co_await inner(at, log);
  };
  {
    const Task<void> task = outer(gate, marks);
    task.handle().resume();
  }
  EXPECT_EQ(marks.seen, (std::vector<std::string>{"inner", "outer"}));
}

Task<int> explode() {
  throw std::runtime_error("boom");
  co_return 0;
}

Task<int> explode_later(Gate& gate) {
  co_await gate;
  throw std::runtime_error("late");
}

Task<void> rescue(Task<int> task, std::string& message) {
  try {
    (void)co_await std::move(task);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
}

TEST_F(TaskTest, ExceptionReachesTheAwaitingCaller) {
  std::string message;
  const Task<void> at_once = rescue(explode(), message);
  at_once.handle().resume();
  EXPECT_EQ(message, "boom");

  Gate gate;
  const Task<void> later = rescue(explode_later(gate), message);
  later.handle().resume();
  gate.open();
  EXPECT_EQ(message, "late");
}

TEST_F(TaskTest, AwaitingATemporaryFreesItsFrameAtTheEndOfTheStatement) {
  auto body = [](std::vector<std::size_t>& live) -> Task<void> {
    live.push_back(FramePool::live());
    (void)co_await add(1, 2);
    live.push_back(FramePool::live());
  };
  std::vector<std::size_t> live;
  const Task<void> task = body(live);
  task.handle().resume();
  ASSERT_EQ(live.size(), 2u);
  EXPECT_EQ(live[0], live[1]);
}

TEST_F(TaskTest, MovingATaskMovesItsOwnership) {
  int out = 0;
  Task<void> first = store(answer(3), out);
  Task<void> second = std::move(first);
  EXPECT_FALSE(first.valid());
  second.handle().resume();
  EXPECT_EQ(out, 3);
  second = store(answer(4), out);  // the finished one is dropped
  second = {};
  EXPECT_EQ(FramePool::live(), 0u);
}

Task<Result<int>> half(int value) {
  if (value % 2 != 0) co_return fail(Errc::kProtocol, Origin::kClient, "odd");
  co_return value / 2;
}

Task<Status> must_halve(int value) {
  CO_TRY(const int unused, co_await half(value));
  (void)unused;
  co_return Status{};
}

Task<Result<int>> quarter(int value) {
  CO_TRY(co_await must_halve(value));
  CO_TRY(const int once, co_await half(value));
  CO_TRY(const int twice, co_await half(once));
  co_return twice;
}

Task<void> run_quarter(int value, Result<int>& out) {
  out = co_await quarter(value);
}

TEST_F(TaskTest, TryBindsTheValueOrReturnsTheFirstError) {
  struct Row {
    int value;
    int quarter;  // -1: an error
  };
  for (const Row& row : {Row{8, 2}, Row{6, -1}, Row{3, -1}}) {
    SCOPED_TRACE(row.value);
    Result<int> out = 0;
    const Task<void> task = run_quarter(row.value, out);
    task.handle().resume();
    if (row.quarter >= 0) {
      EXPECT_EQ(out, row.quarter);
    } else {
      ASSERT_FALSE(out.has_value());
      EXPECT_EQ(out.error().reason, "odd");
    }
  }
}

TEST(FramePoolTest, GivesFramesBackInEverySize) {
  for (const std::size_t bytes : {1u, 63u, 64u, 65u, 4095u, 4096u, 4097u, 100'000u}) {
    SCOPED_TRACE(bytes);
    void* frame = FramePool::take(bytes);
    std::fill_n(static_cast<char*>(frame), bytes, 'x');
    EXPECT_EQ(FramePool::live(), 1u);
    FramePool::give(frame, bytes);
    EXPECT_EQ(FramePool::live(), 0u);
  }
}

}  // namespace
}  // namespace outrigger
