#include "proxy/runtime/cancel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/runtime/task.h"
#include "proxy/runtime/task_group.h"

namespace outrigger {
namespace {

constexpr CancelReason kClientGone{Errc::kCancelled, Origin::kClient, "client_gone"};
constexpr CancelReason kDrain{Errc::kCancelled, Origin::kProxy, "drain"};

struct Hook final : CancelHook {
  std::function<void(const CancelReason&)> act;
  explicit Hook(std::function<void(const CancelReason&)> what) : act(std::move(what)) {}
  void on_cancel(const CancelReason& why) override {
    // Copied out: the act may destroy this hook.
    const auto call = act;
    call(why);
  }
};

TEST(CancelScope, CallsEveryHookOnceInTheOrderOfLinking) {
  CancelScope scope;
  std::string order;
  Hook a([&](const CancelReason&) { order += 'a'; });
  Hook b([&](const CancelReason&) { order += 'b'; });
  scope.link(a);
  scope.link(b);
  scope.cancel(kClientGone);
  scope.cancel(kDrain);
  EXPECT_EQ(order, "ab");
}

TEST(CancelScope, FirstReasonWins) {
  CancelScope scope;
  scope.cancel(kClientGone);
  scope.cancel(kDrain);
  ASSERT_TRUE(scope.cancelled());
  EXPECT_EQ(scope.why()->reason, "client_gone");
  EXPECT_EQ(scope.why()->error().origin, Origin::kClient);
}

TEST(CancelScope, ReachesNestedScopesButNotParents) {
  CancelScope worker;
  CancelScope connection(worker);
  CancelScope exchange(connection);
  CancelScope other(worker);
  connection.cancel(kClientGone);
  EXPECT_TRUE(exchange.cancelled());
  EXPECT_EQ(exchange.why()->reason, "client_gone");
  EXPECT_FALSE(worker.cancelled());
  EXPECT_FALSE(other.cancelled());
  worker.cancel(kDrain);
  EXPECT_EQ(other.why()->reason, "drain");
  EXPECT_EQ(exchange.why()->reason, "client_gone");
}

TEST(CancelScope, BornUnderACancelledParentIsCancelled) {
  CancelScope parent;
  parent.cancel(kDrain);
  const CancelScope child(parent);
  ASSERT_TRUE(child.cancelled());
  EXPECT_EQ(child.why()->reason, "drain");
}

TEST(CancelScope, HookMayUnlinkItsNeighbours) {
  CancelScope scope;
  int calls = 0;
  std::optional<Hook> second;
  Hook first([&](const CancelReason&) {
    ++calls;
    second.reset();
  });
  second.emplace([&](const CancelReason&) { ++calls; });
  Hook third([&](const CancelReason&) { ++calls; });
  scope.link(first);
  scope.link(*second);
  scope.link(third);
  scope.cancel(kDrain);
  EXPECT_EQ(calls, 2);
}

TEST(CancelScope, HookMayDestroyTheScopeAndTheOthersAreStillCalled) {
  auto scope = std::make_unique<CancelScope>();
  int calls = 0;
  Hook first([&](const CancelReason&) {
    ++calls;
    scope.reset();
  });
  Hook second([&](const CancelReason&) { ++calls; });
  scope->link(first);
  scope->link(second);
  scope->cancel(kDrain);
  EXPECT_EQ(scope, nullptr);
  EXPECT_EQ(calls, 2);
}

TEST(CancelScope, HookMayDestroyItselfAndNestedScopes) {
  CancelScope parent;
  auto child = std::make_unique<CancelScope>(parent);
  std::unique_ptr<Hook> self;
  bool called = false;
  self = std::make_unique<Hook>([&](const CancelReason& why) {
    called = why.reason == "drain";
    child.reset();
    self.reset();
  });
  child->link(*self);
  parent.cancel(kDrain);
  EXPECT_TRUE(called);
}

TEST(CancelScope, HooksMayOutliveTheirScope) {
  std::vector<std::unique_ptr<Hook>> hooks;
  {
    CancelScope scope;
    for (int i = 0; i < 3; ++i) {
      hooks.push_back(std::make_unique<Hook>([](const CancelReason&) { FAIL(); }));
      scope.link(*hooks.back());
    }
  }
  hooks.erase(hooks.begin() + 1);
  hooks.clear();
}

class SignalTest : public ::testing::Test {
 protected:
  Task<void> wait(CancelScope& within, std::string& log) {
    const Status status = co_await signal_.wait(within);
    log += status ? std::string("woken ") : std::string(status.error().reason) + " ";
  }
  void TearDown() override {
    loop_.advance(0ms);
    EXPECT_EQ(FramePool::live(), 0u);
    EXPECT_EQ(loop_.timers(), 0u);
  }
  SimLoop loop_;
  Signal signal_;
  TaskGroup tasks_{loop_};
};

TEST_F(SignalTest, WakesItsWaiter) {
  CancelScope scope;
  std::string log;
  tasks_.spawn(wait(scope, log));
  EXPECT_TRUE(signal_.waiting());
  EXPECT_EQ(log, "");
  signal_.notify();
  EXPECT_EQ(log, "woken ");
  EXPECT_FALSE(signal_.waiting());
}

TEST_F(SignalTest, KeepsOneNotificationForTheNextWait) {
  CancelScope scope;
  std::string log;
  signal_.notify();
  signal_.notify();
  tasks_.spawn(wait(scope, log));
  EXPECT_EQ(log, "woken ");
  tasks_.spawn(wait(scope, log));
  EXPECT_TRUE(signal_.waiting());
  signal_.notify();
  EXPECT_EQ(log, "woken woken ");
}

TEST_F(SignalTest, CancellationEndsTheWaitWithItsReason) {
  CancelScope scope;
  std::string log;
  tasks_.spawn(wait(scope, log));
  scope.cancel(kClientGone);
  EXPECT_EQ(log, "client_gone ");
  EXPECT_FALSE(signal_.waiting());
  signal_.notify();  // nobody waits: kept, and touches nothing
}

TEST_F(SignalTest, WaitInACancelledScopeReturnsAtOnce) {
  CancelScope scope;
  scope.cancel(kDrain);
  std::string log;
  tasks_.spawn(wait(scope, log));
  EXPECT_EQ(log, "drain ");
  EXPECT_FALSE(signal_.waiting());
}

TEST_F(SignalTest, DestroyingTheWaiterForgetsIt) {
  CancelScope scope;
  std::string log;
  {
    TaskGroup short_lived(loop_);
    short_lived.spawn(wait(scope, log));
  }
  EXPECT_FALSE(signal_.waiting());
  signal_.notify();
  scope.cancel(kDrain);
  EXPECT_EQ(log, "");
}

// The waiter wakes, and destroys the scope and the signal that it waited in.
TEST_F(SignalTest, WokenCodeMayDestroyTheSignal) {
  struct Owner {
    Signal signal;
    CancelScope scope;
  };
  auto owner = std::make_unique<Owner>();
  auto body = [](std::unique_ptr<Owner>& held) -> Task<void> {
    (void)co_await held->signal.wait(held->scope);
    held.reset();
  };
  tasks_.spawn(body(owner));
  owner->signal.notify();
  EXPECT_EQ(owner, nullptr);
}

TEST_F(SignalTest, CancelledCodeMayDestroyItsScope) {
  struct Owner {
    Signal signal;
    CancelScope scope;
  };
  auto owner = std::make_unique<Owner>();
  auto body = [](std::unique_ptr<Owner>& held) -> Task<void> {
    (void)co_await held->signal.wait(held->scope);
    held.reset();
  };
  tasks_.spawn(body(owner));
  owner->scope.cancel(kDrain);
  EXPECT_EQ(owner, nullptr);
}

}  // namespace
}  // namespace outrigger
