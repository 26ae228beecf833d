// The limits of a process: keys and their bound, reloads, and many threads at once.
#include "filters/limits/shared_limits.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/runtime/event_loop.h"
#include "tests/unit/filters/limit_policies.h"

namespace outrigger::filters {
namespace {

constexpr Load kOne{.requests = 1};
constexpr std::size_t kShards = 8;  // KeyedShards

config::Upstream upstream(std::uint32_t at_a_time = 2) {
  config::Upstream one;
  one.name = "llm";
  one.policies.rate_limit = rates(config::Rate{60, 60s});
  one.policies.concurrency = filters::at_a_time(at_a_time, at_a_time, at_a_time);
  return one;
}

class SharedLimitsTest : public ::testing::Test {
 protected:
  std::shared_ptr<UpstreamLimits> of(const config::Upstream& it, LimitKind kind,
                                     const config::Route* route = nullptr) {
    return limits_.of(it, route, kind, now_);
  }
  TimePoint now_{1000s};
  SharedLimits limits_{kShards * 2};
};

TEST_F(SharedLimitsTest, AreFoundAgainByTheirNames) {
  const config::Upstream one = upstream();
  const auto first = of(one, LimitKind::kConcurrency);
  EXPECT_EQ(first, of(one, LimitKind::kConcurrency));
  EXPECT_NE(first, of(one, LimitKind::kRate));
  config::Upstream other = one;
  other.name = "other";
  EXPECT_NE(first, of(other, LimitKind::kConcurrency));
}

TEST_F(SharedLimitsTest, ARouteHasItsOwnOnlyWhereItsPolicyDiffers) {
  config::Upstream one = upstream();
  config::Route same, own;
  same.name = "same";
  same.policies = one.policies;
  own.name = "own";
  own.policies = one.policies;
  own.policies.concurrency->max = 7;
  EXPECT_EQ(of(one, LimitKind::kConcurrency), of(one, LimitKind::kConcurrency, &same));
  EXPECT_NE(of(one, LimitKind::kConcurrency), of(one, LimitKind::kConcurrency, &own));
  EXPECT_EQ(of(one, LimitKind::kRate), of(one, LimitKind::kRate, &own));
}

TEST_F(SharedLimitsTest, StateSurvivesWhenNoFilterUsesItForAWhile) {
  const config::Upstream one = upstream(1);
  PinnedLimit taken = of(one, LimitKind::kConcurrency)->of({}, now_);
  ASSERT_TRUE(taken->take(kOne, now_));
  EXPECT_FALSE(of(one, LimitKind::kConcurrency)->of({}, now_)->take(kOne, now_));
  taken->conclude({.taken = kOne, .started = now_}, now_);
}

TEST_F(SharedLimitsTest, KeysAreBoundedAndNoneIsForgottenThatIsInUse) {
  const auto group = of(upstream(1), LimitKind::kConcurrency);
  const std::string model = "used";
  PinnedLimit used = group->of({.model = model}, now_);
  ASSERT_TRUE(used->take(kOne, now_));
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "m" + std::to_string(i);
    (void)group->of({.model = name}, now_);
  }
  EXPECT_LE(group->keys(), kShards * 2);
  EXPECT_FALSE(group->of({.model = model}, now_)->take(kOne, now_)) << "it was forgotten";
  used->conclude({.taken = kOne, .started = now_}, now_);
}

TEST_F(SharedLimitsTest, ARateThatIsPartlyUsedIsNotForgotten) {
  const auto group = of(upstream(), LimitKind::kRate);
  for (int i = 0; i < 2; ++i) {
    const PinnedLimit limit = group->of({.model = "used"}, now_);
    ASSERT_TRUE(limit->take(kOne, now_));
    limit->conclude({.taken = kOne, .started = now_, .verdict = Verdict::kOk, .reached = true},
                    now_);
  }
  for (int i = 0; i < 1000; ++i) (void)group->of({.model = "m" + std::to_string(i)}, now_);
  EXPECT_FALSE(group->of({.model = "used"}, now_)->take(kOne, now_));
}

TEST_F(SharedLimitsTest, TheSharedOneShowsOnceItIsUsedAndIsReachedByReloadsBefore) {
  const auto group = of(upstream(1), LimitKind::kConcurrency);
  std::vector<PinnedLimit> held;
  held.push_back(group->of({.model = "m"}, now_));
  EXPECT_EQ(group->all().size(), 1u) << "nobody uses the one for keys without room";
  ASSERT_EQ(of(upstream(3), LimitKind::kConcurrency), group);
  while (group->all().size() <= group->keys()) {
    held.push_back(group->of({.model = "m" + std::to_string(held.size())}, now_));
    ASSERT_LT(held.size(), 200u);
  }
  EXPECT_EQ(held.back()->at_a_time(), 3u);
}

TEST_F(SharedLimitsTest, KeysWithoutRoomShareALimit) {
  const auto group = of(upstream(1), LimitKind::kConcurrency);
  std::vector<PinnedLimit> held;
  for (int i = 0; i < 200; ++i) {
    PinnedLimit limit = group->of({.model = "m" + std::to_string(i)}, now_);
    if (limit->take(kOne, now_)) held.push_back(std::move(limit));
  }
  EXPECT_EQ(held.size(), kShards * 2 + 1);
  for (const PinnedLimit& limit : held) limit->conclude({.taken = kOne, .started = now_}, now_);
}

// Each thread has a loop of its own, as a worker has, and calls that take, wait, leave and end.
class Caller {
 public:
  Caller(UpstreamLimits& group, std::atomic<int>& at_once, std::atomic<int>& worst)
      : group_(group), at_once_(at_once), worst_(worst) {}

  // Runs on its thread: `calls` turns, every seventh of which is given up while it waits.
  void run(int calls) {
    for (int i = 0; i < calls; ++i) {
      const TimePoint now = loop_.fresh_now();
      const PinnedLimit limit = group_.of({}, now);
      const auto turn = std::make_shared<Turn>(loop_);
      turn->caller = reinterpret_cast<std::uintptr_t>(this);
      turn->load = kOne;
      SharedLimit::Entry entry = limit->enter(turn, 1h, now);
      bool granted = entry.granted;
      if (!granted && !entry.refused) {
        ++waited_;
        if (i % 7 == 0) {
          limit->leave(*turn, now);
          continue;
        }
        granted = limit->look(*turn, now).granted;
        while (!granted) {
          loop_.run_once();
          granted = limit->look(*turn, loop_.fresh_now()).granted;
        }
      }
      ASSERT_TRUE(granted);
      const int mine = ++at_once_;
      for (int seen = worst_; mine > seen && !worst_.compare_exchange_weak(seen, mine);) {
      }
      std::this_thread::yield();  // others come meanwhile
      --at_once_;
      ++done_;
      limit->conclude({.taken = kOne, .started = now, .verdict = Verdict::kOk, .reached = true},
                      loop_.fresh_now());
    }
  }
  [[nodiscard]] int done() const { return done_; }
  [[nodiscard]] int waited() const { return waited_; }

 private:
  EventLoop loop_;
  UpstreamLimits& group_;
  std::atomic<int>& at_once_;
  std::atomic<int>& worst_;
  int done_ = 0;
  int waited_ = 0;
};

TEST(SharedLimitThreads, LetNoMorePassThanTheLimitAndLoseNobody) {
  constexpr int kThreads = 4, kCalls = 2000;
  SharedLimits limits;
  const config::Upstream one = upstream(2);
  const auto group = limits.of(one, nullptr, LimitKind::kConcurrency, {});
  std::atomic<int> at_once = 0, worst = 0;
  std::vector<std::unique_ptr<Caller>> callers;
  for (int i = 0; i < kThreads; ++i) {
    callers.push_back(std::make_unique<Caller>(*group, at_once, worst));
  }
  std::vector<std::thread> threads;
  for (auto& caller : callers) threads.emplace_back([&] { caller->run(kCalls); });
  std::thread reloads([&] {
    for (int i = 0; i < 200; ++i) {
      config::Upstream changed = upstream(2);
      changed.policies.concurrency->queue.size = 100 + static_cast<std::uint32_t>(i);
      (void)limits.of(changed, nullptr, LimitKind::kConcurrency, {});
      for (const PinnedLimit& limit : group->all()) (void)limit->waiting();
    }
  });
  for (std::thread& thread : threads) thread.join();
  reloads.join();
  EXPECT_LE(worst, 2);
  int waited = 0;
  for (const auto& caller : callers) {
    EXPECT_GE(caller->done(), kCalls * 6 / 7);
    waited += caller->waited();
  }
  EXPECT_GT(waited, 0) << "nobody met the limit";
  const PinnedLimit limit = group->of({}, {});
  EXPECT_EQ(limit->waiting(), 0u);
  EXPECT_TRUE(limit->idle({}));
}

}  // namespace
}  // namespace outrigger::filters
