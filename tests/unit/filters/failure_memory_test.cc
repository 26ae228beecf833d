#include "filters/loop_guard/failure_memory.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr config::LoopGuard kPolicy{.failures = 3, .window = 60s, .answer_for = 30s};
constexpr FailurePrint kPrint{1, 10};

FailureMemory::Answer answer(int status, std::string body) {
  return std::make_shared<const FailedAnswer>(
      FailedAnswer{status, Verdict::kClientError, {{"content-type", "t"}}, std::move(body)});
}

class FailureMemoryTest : public ::testing::Test {
 protected:
  void fail_at(Duration when, int status = 400, FailurePrint print = kPrint,
               std::string body = "why") {
    memory_.note(print, answer(status, std::move(body)), kPolicy, TimePoint{when});
  }
  bool guarded_at(Duration when, FailurePrint print = kPrint) {
    const auto found = memory_.find(print, TimePoint{when});
    EXPECT_TRUE(!found || memory_.guards(print.outline, TimePoint{when}));
    return found.has_value();
  }
  FailureMemory memory_;
};

TEST_F(FailureMemoryTest, TheThirdInARowGuardsForAWhile) {
  EXPECT_TRUE(memory_.quiet(TimePoint{0s}));
  fail_at(0s);
  EXPECT_FALSE(memory_.quiet(TimePoint{0s}));
  fail_at(1s);
  EXPECT_FALSE(guarded_at(1s));
  fail_at(2s);
  const auto found = memory_.find(kPrint, TimePoint{3s});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->answer->body, "why");
  EXPECT_EQ(found->answer->status, 400);
  EXPECT_EQ(found->failures, 3u);
  EXPECT_EQ(found->left, 29s);
  EXPECT_FALSE(guarded_at(32s));
  EXPECT_FALSE(memory_.guards(kPrint.outline, TimePoint{32s}));
}

TEST_F(FailureMemoryTest, OnceMoreAfterwardsGuardsAgain) {
  for (const Duration at : {0s, 1s, 2s}) fail_at(at);
  fail_at(33s);
  EXPECT_TRUE(guarded_at(34s));
  EXPECT_EQ(memory_.find(kPrint, TimePoint{34s})->failures, 4u);
}

TEST_F(FailureMemoryTest, FailuresFarApartAreNoRow) {
  fail_at(0s);
  fail_at(40s);
  fail_at(61s);
  EXPECT_FALSE(guarded_at(61s));
  fail_at(62s);
  EXPECT_TRUE(guarded_at(62s));
}

TEST_F(FailureMemoryTest, AnotherErrorBeginsANewRow) {
  fail_at(0s);
  fail_at(1s);
  fail_at(2s, 422);
  fail_at(3s, 422);
  EXPECT_FALSE(guarded_at(3s));
  fail_at(4s, 422);
  EXPECT_EQ(memory_.find(kPrint, TimePoint{4s})->answer->status, 422);
}

TEST_F(FailureMemoryTest, ASuccessForgets) {
  for (const Duration at : {0s, 1s, 2s}) fail_at(at);
  memory_.forget(kPrint);
  EXPECT_FALSE(guarded_at(3s));
  EXPECT_EQ(memory_.size(), 0u);
  EXPECT_EQ(memory_.bytes(), 0u);
}

TEST_F(FailureMemoryTest, KnowsTheOutlinesThatHaveARow) {
  EXPECT_FALSE(memory_.knows(kPrint.outline));
  fail_at(0s);
  EXPECT_TRUE(memory_.knows(kPrint.outline));
  EXPECT_FALSE(memory_.knows(kPrint.outline + 1));
  memory_.forget(kPrint);
  EXPECT_FALSE(memory_.knows(kPrint.outline));
}

TEST_F(FailureMemoryTest, OtherRequestsAreTheirOwn) {
  for (const Duration at : {0s, 1s, 2s}) fail_at(at);
  EXPECT_FALSE(guarded_at(2s, {1, 11}));
  EXPECT_FALSE(memory_.guards(2, TimePoint{2s}));
}

TEST_F(FailureMemoryTest, IsQuietWhenItsTimeIsOver) {
  fail_at(0s);
  EXPECT_FALSE(memory_.quiet(TimePoint{60s - 1ms}));
  EXPECT_TRUE(memory_.quiet(TimePoint{60s}));
}

TEST_F(FailureMemoryTest, TheLeastLatelyMetGoFirst) {
  FailureMemory small(2);
  const auto note = [&](std::uint64_t whole, Duration at) {
    small.note({whole, whole}, answer(400, "x"), {.failures = 2, .window = 60s, .answer_for = 30s},
               TimePoint{at});
  };
  for (const std::uint64_t whole : {1, 1, 2, 2}) note(whole, 0s);
  EXPECT_TRUE(small.find({1, 1}, TimePoint{1s}));
  note(3, 1s);
  EXPECT_EQ(small.size(), 2u);
  EXPECT_TRUE(small.find({1, 1}, TimePoint{1s}));
  EXPECT_FALSE(small.find({2, 2}, TimePoint{1s}));
}

TEST_F(FailureMemoryTest, IsSharedByThreads) {
  FailureMemory shared(8, 100);
  const auto ten_bytes = std::make_shared<const FailedAnswer>(
      FailedAnswer{400, Verdict::kClientError, {}, "0123456789"});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t round = 0; round < 2000; ++round) {
        const TimePoint now{Duration{static_cast<std::int64_t>(round)}};
        const FailurePrint print{round % 5, round % 20};
        shared.note(print, ten_bytes, kPolicy, now);
        (void)shared.quiet(now);
        if (shared.guards(print.outline, now)) (void)shared.find(print, now);
        if (round % 7 == 0) shared.forget(print);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(shared.size(), 8u);
  EXPECT_LE(shared.bytes(), 100u);
  EXPECT_EQ(shared.bytes(), shared.size() * 10);
}

TEST_F(FailureMemoryTest, IsBoundedInBytes) {
  FailureMemory small(100, 1000);
  for (std::uint64_t i = 0; i < 50; ++i) {
    small.note({i, i}, answer(400, std::string(187, 'x')), kPolicy, TimePoint{0s});
    EXPECT_LE(small.bytes(), 1000u);
  }
  EXPECT_EQ(small.size(), 5u);
  EXPECT_EQ(small.bytes(), 1000u);
}

}  // namespace
}  // namespace outrigger::filters
