#include "proxy/runtime/event_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"

namespace outrigger {
namespace {

// A non-blocking socket pair, closed at its end.
struct Pair {
  std::array<int, 2> fd{};
  Pair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd.data()), 0); }
  ~Pair() {
    for (const int one : fd) {
      if (one >= 0) close(one);
    }
  }
  void close_second() { close(std::exchange(fd[1], -1)); }
  void send(std::string_view bytes) {
    EXPECT_EQ(write(fd[1], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
};

struct Watch final : FdWatch {
  std::function<void(Ready)> act;
  Watch(EventLoop& loop, std::function<void(Ready)> what) : FdWatch(loop), act(std::move(what)) {}
  using FdWatch::unwatch;
  using FdWatch::watch;
  using FdWatch::watching;
  void on_ready(Ready ready) override {
    const auto call = act;  // it may destroy this watch
    call(ready);
  }
};

struct Probe final : Timer {
  std::function<void()> act;
  explicit Probe(std::function<void()> what) : act(std::move(what)) {}
  void on_fire() override { act(); }
};

class EventLoopTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(loop_.watches(), 0u);
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
  }
  EventLoop loop_;
};

TEST_F(EventLoopTest, StopEndsRunFromInside) {
  int events = 0;
  loop_.post([&] {
    ++events;
    loop_.stop();
  });
  loop_.run();
  EXPECT_EQ(events, 1);
}

TEST_F(EventLoopTest, StopBeforeRunIsKept) {
  loop_.stop();
  loop_.run();
}

TEST_F(EventLoopTest, StopEndsRunFromAnotherThread) {
  std::atomic<bool> running = false;
  loop_.post([&] { running = true; });
  std::thread other([&] {
    while (!running) std::this_thread::yield();
    loop_.stop();
  });
  loop_.run();
  other.join();
}

TEST_F(EventLoopTest, RunsEverythingPostedFromManyThreadsInEachThreadsOrder) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 5000;
  std::vector<int> last(kThreads, -1);
  int total = 0;
  bool ordered = true;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kPosts; ++i) {
        loop_.post([&, thread, i] {
          auto& before = last[static_cast<std::size_t>(thread)];
          ordered = ordered && before == i - 1;
          before = i;
          if (++total == kThreads * kPosts) loop_.stop();
        });
      }
    });
  }
  loop_.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, kThreads * kPosts);
  EXPECT_TRUE(ordered);
}

TEST_F(EventLoopTest, PostedWorkMayPost) {
  int left = 100;
  std::function<void()> again = [&] {
    if (--left == 0) return loop_.stop();
    loop_.post(again);
  };
  loop_.post(again);
  loop_.run();
  EXPECT_EQ(left, 0);
}

TEST_F(EventLoopTest, DeferredWorkRunsAfterTheEventThatAskedForIt) {
  std::string order;
  loop_.post([&] {
    loop_.defer([&] { order += "deferred "; });
    order += "first ";
  });
  loop_.post([&] {
    order += "second";
    loop_.stop();
  });
  loop_.run();
  EXPECT_EQ(order, "first deferred second");
}

// Regression: work deferred while no event was served slept until some event came.
TEST_F(EventLoopTest, WorkDeferredBeforeRunNeedsNoEvent) {
  loop_.defer([&] { loop_.stop(); });
  loop_.run();
}

TEST_F(EventLoopTest, WorkAtTheEndOfABatchRunsAfterAllThatWasDeferredAndMayDefer) {
  std::string order;
  loop_.post([&] {
    loop_.at_batch_end([&] {
      order += " end";
      loop_.defer([&] { loop_.stop(); });
    });
    loop_.defer([&] { order += "deferred"; });
  });
  loop_.run();
  EXPECT_EQ(order, "deferred end");
}

TEST_F(EventLoopTest, WorkAtTheEndOfABatchBeforeRunNeedsNoEvent) {
  loop_.at_batch_end([&] { loop_.stop(); });
  loop_.run();
}

TEST_F(EventLoopTest, TimerFiresAfterItsTimeAndNotBefore) {
  const TimePoint start = loop_.fresh_now();
  Duration waited{};
  Probe timer([&] {
    waited = loop_.now() - start;
    loop_.stop();
  });
  loop_.arm(timer, 20ms);
  loop_.run();
  EXPECT_GE(waited, 20ms);
}

TEST_F(EventLoopTest, EarlierTimerArmedLaterFiresFirst) {
  std::string order;
  Probe late([&] {
    order += "late";
    loop_.stop();
  });
  Probe early([&] { order += "early "; });
  loop_.arm(late, 30ms);
  loop_.arm(early, 5ms);
  loop_.run();
  EXPECT_EQ(order, "early late");
}

TEST_F(EventLoopTest, DisarmedTimersLeaveTheOthersAlone) {
  Probe gone([] { FAIL(); });
  Probe kept([&] { loop_.stop(); });
  loop_.arm(gone, 5ms);
  loop_.arm(kept, 15ms);
  gone.disarm();
  loop_.run();
}

TEST_F(EventLoopTest, TaskSleepsOnTheRealClock) {
  TaskGroup tasks(loop_);
  CancelScope scope;
  auto body = [](EventLoop& loop, CancelScope& within) -> Task<void> {
    for (int i = 0; i < 5; ++i) (void)co_await SleepFor(loop, within, 1ms);
    loop.stop();
  };
  tasks.spawn(body(loop_, scope));
  loop_.run();
  loop_.post([] {});
  loop_.run_once();  // sweeps
}

TEST_F(EventLoopTest, EdgeWatchReportsWhatIsThereWhenItStarts) {
  Pair pair;
  pair.send("x");
  FdWatch::Ready seen;
  Watch watch(loop_, [&](FdWatch::Ready ready) { seen = ready; });
  watch.watch(pair.fd[0], FdWatch::Mode::kEdge);
  EXPECT_EQ(loop_.watches(), 1u);
  loop_.run_once();
  EXPECT_TRUE(seen.read);
  EXPECT_TRUE(seen.write);
  EXPECT_FALSE(seen.closed);
}

TEST_F(EventLoopTest, EdgeWatchReportsEachArrivalOnce) {
  Pair pair;
  int reads = 0;
  Watch watch(loop_, [&](FdWatch::Ready ready) { reads += ready.read ? 1 : 0; });
  watch.watch(pair.fd[0], FdWatch::Mode::kEdge);
  loop_.run_once();  // writable
  for (int i = 1; i <= 3; ++i) {
    pair.send("x");
    loop_.run_once();
    EXPECT_EQ(reads, i);
  }
  // Unread bytes alone are no news: the next event is the posted one.
  loop_.post([] {});
  loop_.run_once();
  EXPECT_EQ(reads, 3);
}

TEST_F(EventLoopTest, EdgeWatchReportsThatThePeerIsGone) {
  Pair pair;
  bool closed = false;
  Watch watch(loop_, [&](FdWatch::Ready ready) { closed = closed || ready.closed; });
  watch.watch(pair.fd[0], FdWatch::Mode::kEdge);
  loop_.run_once();
  EXPECT_FALSE(closed);
  pair.close_second();
  loop_.run_once();
  EXPECT_TRUE(closed);
}

TEST_F(EventLoopTest, LevelWatchGoesOnReportingUnreadBytes) {
  Pair pair;
  pair.send("x");
  int reads = 0;
  Watch watch(loop_, [&](FdWatch::Ready ready) { reads += ready.read ? 1 : 0; });
  watch.watch(pair.fd[0], FdWatch::Mode::kLevelRead);
  loop_.run_once();
  loop_.run_once();
  EXPECT_EQ(reads, 2);
}

TEST_F(EventLoopTest, ReadyCallbackMayDestroyItsWatchAndOthersOfTheBatch) {
  Pair a, b;
  a.send("x");
  b.send("x");
  std::vector<std::unique_ptr<Watch>> watches;
  int calls = 0;
  for (Pair* pair : {&a, &b}) {
    watches.push_back(std::make_unique<Watch>(loop_, [&](FdWatch::Ready) {
      ++calls;
      watches.clear();
    }));
    watches.back()->watch(pair->fd[0], FdWatch::Mode::kEdge);
  }
  loop_.run_once();
  EXPECT_EQ(calls, 1);
}

// A descriptor number comes back at once after close(): events of the old one must not reach the
// new.
TEST_F(EventLoopTest, ReusedDescriptorNumberIsWatchedAfresh) {
  auto old = std::make_unique<Pair>();
  const int number = old->fd[0];
  auto first = std::make_unique<Watch>(loop_, [](FdWatch::Ready) {});
  first->watch(number, FdWatch::Mode::kEdge);
  loop_.run_once();
  first.reset();
  old.reset();
  Pair fresh;
  ASSERT_EQ(fresh.fd[0], number);
  bool read = false;
  Watch second(loop_, [&](FdWatch::Ready ready) { read = ready.read; });
  second.watch(number, FdWatch::Mode::kEdge);
  fresh.send("x");
  loop_.run_once();
  EXPECT_TRUE(read);
}

TEST_F(EventLoopTest, UnwatchedDescriptorIsSilent) {
  Pair pair;
  Watch watch(loop_, [](FdWatch::Ready) { FAIL(); });
  watch.watch(pair.fd[0], FdWatch::Mode::kEdge);
  watch.unwatch();
  EXPECT_FALSE(watch.watching());
  pair.send("x");
  loop_.post([] {});
  loop_.run_once();
}

TEST_F(EventLoopTest, ReadBlockIsReusedUntilSomeoneKeepsPartOfIt) {
  Block* first = &loop_.read_block();
  EXPECT_GE(first->capacity(), EventLoop::kReadBytes);
  EXPECT_EQ(&loop_.read_block(), first);
  first->ref();
  const Slice kept(first, first->data(), 10);
  EXPECT_NE(&loop_.read_block(), first);
}

// Regression: posted work that never ran was dropped after the loop's libevent base.
TEST(EventLoopDestruction, PostedWorkThatNeverRanMayOwnAWatch) {
  Pair pair;
  auto loop = std::make_unique<EventLoop>();
  auto watch = std::make_shared<Watch>(*loop, [](FdWatch::Ready) {});
  watch->watch(pair.fd[0], FdWatch::Mode::kEdge);
  loop->post([watch] { FAIL(); });
  watch.reset();
  loop.reset();
}

TEST(EventLoopDestruction, LeavesNoDescriptor) {
  const int before = dup(0);
  close(before);
  for (int i = 0; i < 3; ++i) EventLoop loop;
  const int after = dup(0);
  close(after);
  EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace outrigger
