// When a closed breaker opens (resilience 1.5, 5.3 row Breaker).
#include <string>

#include "proxy/base/random.h"
#include "tests/unit/filters/breaker_fixture.h"

namespace outrigger::filters {
namespace {

// A letter a call: g good, b bad, t throttled, s slow, n neutral, . one second of time.
Ending ending_of(char letter) {
  switch (letter) {
    case 'g':
      return kGood;
    case 'b':
      return kBad;
    case 't':
      return kThrottled;
    case 's':
      return kSlow;
    default:
      return kNothing;
  }
}

class BreakerTripTest : public BreakerTest {
 protected:
  // How many calls it took to open; 0 when it did not.
  int opened_after(std::string_view script) {
    breaker_.reset();
    int n = 0;
    for (const char letter : script) {
      if (letter == '.') {
        wait(1s);
        continue;
      }
      ++n;
      const auto pass = ask();
      if (!pass) return -1;
      conclude(*pass, ending_of(letter));
      if (state() == BreakerState::kOpen) return n;
    }
    return 0;
  }
};

TEST_F(BreakerTripTest, ByFailuresInARow) {
  policy_.failure_rate.reset();
  const std::pair<std::string_view, int> rows[] = {
      {"bb", 0},          // fewer
      {"bbb", 3},         // as many
      {"bbgbb", 0},       // a success ends the run
      {"bbtb", 4},        // Linkerd: a throttled call neither adds to the run nor ends it
      {"tttttttttt", 0},  // nor makes one
      {"bbnnnb", 6},      // neutral calls are not there
      {"bb......b", 3},   // a run has no clock
      {"bbsbb", 0},       // slow is no failure by itself
  };
  for (const auto& [script, after] : rows) EXPECT_EQ(opened_after(script), after) << script;
}

TEST_F(BreakerTripTest, ByFailureRate) {
  policy_.failures_in_a_row.reset();
  const std::pair<std::string_view, int> rows[] = {
      {"gbgbgbgbg", 0},        // one call fewer than min_calls
      {"gbgbgbgbgb", 10},      // at it, and half of them
      {"ggbgbgbgbg", 0},       // 4 of 10
      {"bbbbbbbbbg", 10},      // the call that completes the minimum may be a good one
      {"gtgtgtgtgt", 10},      // throttled counts for the rate
      {"nnnnnnnnnnbbbbb", 0},  // neutral calls are no calls
      {"bbbbb..............................bbbb", 0},  // what the window forgot
  };
  for (const auto& [script, after] : rows) EXPECT_EQ(opened_after(script), after) << script;
}

TEST_F(BreakerTripTest, ByTheRateOfTheLastCalls) {
  policy_.failures_in_a_row.reset();
  policy_.window_calls = 4;  // min_calls stays 10: as many as there can be are enough
  const std::pair<std::string_view, int> rows[] = {
      {"bbb", 0},
      {"bggb", 4},
      {"bgggb", 0},                                         // the first is forgotten
      {"b........................................bgg", 4},  // time forgets nothing
  };
  for (const auto& [script, after] : rows) EXPECT_EQ(opened_after(script), after) << script;
}

TEST_F(BreakerTripTest, BySlowFirstEvents) {
  policy_.slow = config::SlowCalls{.first_event = 90s, .rate = 0.8};
  EXPECT_EQ(opened_after("sssssssss"), 0);
  EXPECT_EQ(opened_after("ggssssssss"), 10);
  EXPECT_EQ(because(), "slow");
  EXPECT_EQ(opened_after("gggsssssss"), 0);
}

TEST_F(BreakerTripTest, NotBySharesThatBinaryFractionsCannotHold) {
  policy_.failures_in_a_row.reset();
  policy_.min_calls = 100;
  policy_.failure_rate = 0.07;
  EXPECT_EQ(opened_after(std::string(93, 'g') + "bbbbbbb"), 100);
  policy_.failure_rate = 0.29;
  EXPECT_EQ(opened_after(std::string(71, 'g') + std::string(29, 'b')), 100);
  EXPECT_EQ(opened_after(std::string(72, 'g') + std::string(28, 'b')), 0);
}

TEST_F(BreakerTripTest, NotWithoutAFailureWhateverTheRate) {
  policy_.failure_rate = 0;
  policy_.slow = config::SlowCalls{.first_event = 90s, .rate = 0};
  EXPECT_EQ(opened_after(std::string(20, 'g')), 0);
  EXPECT_EQ(opened_after(std::string(20, 'g') + "b"), 21);
}

TEST_F(BreakerTripTest, AWindowRollsOverWithNoTraffic) {
  policy_.failures_in_a_row.reset();
  calls(9, kBad);
  wait(31s);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
  calls(9, kBad);
  EXPECT_EQ(state(), BreakerState::kClosed);
  call(kBad);
  EXPECT_EQ(state(), BreakerState::kOpen);
}

// What SharedBreaker builds its lock-free way on.
TEST_F(BreakerTripTest, ASuccessIsOnlyCountedWhileClosedAndNothingFailedOfLate) {
  EXPECT_TRUE(breaker().only_counts_until());
  call(kBad);
  EXPECT_FALSE(breaker().only_counts_until()) << "a success would end the run";
  call(kGood);
  EXPECT_FALSE(breaker().only_counts_until()) << "it may complete the least number of calls";
  wait(60s);
  call(kGood);
  EXPECT_TRUE(breaker().only_counts_until()) << "the window forgot the failure";
  call(kThrottled);
  EXPECT_FALSE(breaker().only_counts_until());
  wait(60s);
  call(kBad);
  wait(60s);
  EXPECT_EQ(breaker().status(now_).window.calls, 0u);
  EXPECT_FALSE(breaker().only_counts_until()) << "the run has no clock";
  call(kGood);
  call(kSlow);
  EXPECT_FALSE(breaker().only_counts_until());
  wait(60s);
  trip();
  EXPECT_FALSE(breaker().only_counts_until());
  wait(5s);
  EXPECT_FALSE(breaker().only_counts_until()) << "half-open: it may close it";
  breaker_.reset();
  breaker().force_close(now_);
  EXPECT_FALSE(breaker().only_counts_until());
}

// The same outcomes at once, and spread as far as the window surely reaches.
TEST_F(BreakerTripTest, ABurstAndASpreadGiveTheSameVerdict) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    std::string burst, spread;
    const auto n = 1 + random.below(26);
    for (std::uint64_t i = 0; i < n; ++i) {
      const char letter = "ggbtn"[random.below(5)];
      burst += letter;
      spread += letter;
      spread += '.';
    }
    EXPECT_EQ(opened_after(burst), opened_after(spread)) << "seed " << seed << ": " << burst;
  }
}

TEST_F(BreakerTripTest, NeutralCallsMoveNothing) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    std::string with, without;
    for (int i = 0; i < 30; ++i) {
      const char letter = "ggbtn"[random.below(5)];
      with += letter;
      if (letter != 'n') without += letter;
    }
    const bool a = opened_after(with) != 0;
    const bool b = opened_after(without) != 0;
    EXPECT_EQ(a, b) << "seed " << seed << ": " << with;
  }
}

}  // namespace
}  // namespace outrigger::filters
