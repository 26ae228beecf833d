// What the mock keeps between requests, and that it keeps no more than it may.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/mock/ledger.h"
#include "proxy/mock/rate_limit.h"
#include "proxy/mock/saved_answers.h"
#include "tests/unit/mock/support.h"

namespace outrigger::mock {
namespace {

Hit hit(std::string path, std::string key = {}) {
  Hit hit;
  hit.path = std::move(path);
  hit.key = std::move(key);
  return hit;
}

TEST(MockLedger, CountsByPathKeyAndOutcome) {
  Ledger ledger;
  const RequestNumber first = ledger.open(hit("/a", "k"));
  ledger.open(hit("/a"));
  ledger.find(first)->status = 200;
  ledger.close(first, "complete");
  const Json json = parsed(ledger.to_json());
  EXPECT_EQ(json["total"], 2);
  EXPECT_EQ(json["open"], 1);
  EXPECT_EQ(json["by_path"]["/a"], 2);
  EXPECT_EQ(json["by_key"]["k"], 1);
  EXPECT_EQ(json["by_outcome"]["complete"], 1);
  EXPECT_EQ(json["requests"][0]["status"], 200);
  EXPECT_EQ(json["requests"][1]["outcome"], "open");
}

TEST(MockLedger, IsBounded) {
  Ledger ledger;
  const std::size_t many = 2 * Ledger::kMostHits;
  for (std::size_t i = 0; i < many; ++i) ledger.open(hit(fmt::format("/{}", i)));
  EXPECT_EQ(ledger.find(1), nullptr);
  ASSERT_NE(ledger.find(many), nullptr);
  const Json json = parsed(ledger.to_json());
  EXPECT_EQ(json["total"], many);
  EXPECT_EQ(json["requests"].size(), Ledger::kMostHits);
  EXPECT_EQ(json["by_path"].size(), Ledger::kMostNames + 1);
  EXPECT_EQ(json["by_path"]["(others)"], many - Ledger::kMostNames);
}

TEST(MockLedger, ForgetsARequestThatWasOpenWhenItWasReset) {
  Ledger ledger;
  const RequestNumber before = ledger.open(hit("/a"));
  ledger.reset();
  EXPECT_EQ(ledger.find(before), nullptr);
  ledger.close(before, "complete");
  const RequestNumber after = ledger.open(hit("/b"));
  EXPECT_EQ(ledger.find(before), nullptr);
  EXPECT_NE(ledger.find(after), nullptr);
  EXPECT_EQ(parsed(ledger.to_json())["open"], 1);
}

TEST(MockRateLimits, AllowWhatTheRateSays) {
  RateLimits limits;
  const config::Rate rate{3, 30s};
  struct Row {
    Duration at;
    bool allowed;
    std::uint64_t remaining;
    Duration until_next;
  };
  const std::vector<Row> rows = {
      {0s, true, 2, 0s},  {0s, true, 1, 0s},   {0s, true, 0, 10s}, {0s, false, 0, 10s},
      {9s, false, 0, 1s}, {10s, true, 0, 10s}, {30s, true, 1, 0s}, {1h, true, 2, 0s},
  };
  for (const Row& row : rows) {
    const RateState state = limits.take("key", rate, TimePoint{row.at});
    EXPECT_EQ(state.allowed, row.allowed) << row.at.count();
    EXPECT_EQ(state.remaining, row.remaining) << row.at.count();
    EXPECT_EQ(state.until_next, row.until_next) << row.at.count();
  }
}

TEST(MockRateLimits, NeverAllowMoreThanBurstAndRateTogether) {
  RateLimits limits;
  const config::Rate rate{10, 1s};
  int allowed = 0;
  for (int ms = 0; ms < 10'000; ms += 7)
    allowed += limits.take("k", rate, TimePoint{Duration{1ms} * ms}).allowed ? 1 : 0;
  EXPECT_LE(allowed, 110);
  EXPECT_GE(allowed, 100);
}

TEST(MockRateLimits, AreBounded) {
  RateLimits limits;
  for (std::size_t i = 0; i < 3 * RateLimits::kMostKeys; ++i)
    limits.take(std::to_string(i), {1, 1h}, TimePoint{1s});
  EXPECT_LE(limits.size(), RateLimits::kMostKeys);
}

TEST(MockRateLimits, PrintDurationsAsGoDoes) {
  const std::vector<std::pair<Duration, std::string>> rows = {
      {0s, "0ms"},      {12ms, "12ms"}, {1s, "1s"},
      {1500ms, "1.5s"}, {6min, "6m0s"}, {1h + 2min + 3s, "1h2m3s"}};
  for (const auto& [duration, text] : rows) EXPECT_EQ(go_duration(duration), text);
}

TEST(MockSavedAnswers, AreBounded) {
  SavedAnswers saved;
  const std::size_t many = SavedAnswers::kMostKeys + 10;
  for (std::size_t i = 0; i < many; ++i) {
    const std::string key = std::to_string(i);
    EXPECT_EQ(saved.begin(key, 1).found, SavedAnswers::Found::kNew);
    saved.save(key, Answer{});
    saved.release(key);
  }
  EXPECT_EQ(saved.begin(std::to_string(many - 1), 1).found, SavedAnswers::Found::kSaved);
  EXPECT_EQ(saved.begin("0", 1).found, SavedAnswers::Found::kNew);
}

TEST(MockSavedAnswers, AKeyWithoutAnAnswerIsFreeAgain) {
  SavedAnswers saved;
  saved.begin("k", 1);
  EXPECT_EQ(saved.begin("k", 1).found, SavedAnswers::Found::kInUse);
  saved.release("k");
  EXPECT_EQ(saved.begin("k", 2).found, SavedAnswers::Found::kNew);
}

}  // namespace
}  // namespace outrigger::mock
