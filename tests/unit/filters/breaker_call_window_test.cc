#include "filters/circuit_breaker/call_window.h"

#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

struct Event {
  TimePoint at;
  CallMark mark;
};

CallTally recount(const std::vector<Event>& events) {
  CallTally tally;
  for (const Event& event : events) {
    ++tally.calls;
    tally.failures += event.mark.failed ? 1 : 0;
    tally.slow += event.mark.slow ? 1 : 0;
  }
  return tally;
}

// Keeps every event and counts them anew each time.
class NaiveWindow {
 public:
  NaiveWindow(Duration length, std::optional<std::uint32_t> calls)
      : bucket_(length / CallWindow::kBuckets), calls_(calls) {}
  void add(TimePoint now, CallMark mark) { events_.push_back({now, mark}); }
  [[nodiscard]] CallTally tally(TimePoint now) const {
    if (calls_) {
      const std::size_t n = std::min<std::size_t>(*calls_, events_.size());
      return recount({events_.end() - static_cast<std::ptrdiff_t>(n), events_.end()});
    }
    std::vector<Event> kept;
    for (const Event& event : events_) {
      if (event.at.since_start / bucket_ > now.since_start / bucket_ - CallWindow::kBuckets) {
        kept.push_back(event);
      }
    }
    return recount(kept);
  }

 private:
  Duration bucket_;
  std::optional<std::uint32_t> calls_;
  std::vector<Event> events_;
};

void expect_same(std::uint64_t seed, std::optional<std::uint32_t> calls) {
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  const Duration length{1000 + static_cast<std::int64_t>(random.below(100'000))};
  CallWindow window(length, calls);
  NaiveWindow naive(length, calls);
  TimePoint now{Duration{static_cast<std::int64_t>(random.below(1'000'000))}};
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t step = random.below(10) == 0 ? 3 * length.count() : length.count() / 20;
    now = now + Duration{static_cast<std::int64_t>(random.below(step + 1))};
    const CallMark mark{.failed = random.below(2) == 0, .slow = random.below(3) == 0};
    if (random.below(4) != 0) {
      window.add(now, mark);
      naive.add(now, mark);
    }
    ASSERT_EQ(window.tally(now), naive.tally(now)) << "after step " << i;
  }
}

TEST(BreakerWindow, OfTimeCountsWhatCountingAgainWouldCount) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) expect_same(seed, std::nullopt);
}

TEST(BreakerWindow, OfCallsCountsWhatCountingAgainWouldCount) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    expect_same(seed, static_cast<std::uint32_t>(1 + seed % 40));
  }
}

TEST(BreakerWindow, KeepsACallForNineTenthsOfItsLengthAndNeverBeyondIt) {
  for (std::int64_t offset = 0; offset < 3000; offset += 7) {
    CallWindow window(30s, std::nullopt);
    const TimePoint at{100s + offset * 1ms};
    window.add(at, {.failed = true, .slow = false});
    EXPECT_EQ(window.tally(at + 26999ms).calls, 1u) << offset;
    EXPECT_EQ(window.tally(at + 30s).calls, 0u) << offset;
  }
}

// What breakers do with the successes of a busy upstream: count them, and add them later at once.
TEST(BreakerWindow, AddsGoodCallsAtOnceAsIfEachHadComeBeforeTheBucketEnded) {
  for (std::int64_t offset = 0; offset < 6000; offset += 97) {
    CallWindow at_once(30s, std::nullopt), each(30s, std::nullopt);
    const TimePoint begin{100s + offset * 1ms};
    for (CallWindow* window : {&at_once, &each}) window->add(begin, {.failed = true, .slow = true});
    const TimePoint end = at_once.bucket_end().value();
    EXPECT_GT(end, begin);
    for (int i = 0; i < 3; ++i) each.add(TimePoint{end.since_start - 1ns}, {});
    at_once.add_good(3);
    for (int seconds = 0; seconds < 40; ++seconds) {
      const TimePoint later = end + seconds * 1s;
      ASSERT_EQ(at_once.tally(later), each.tally(later)) << offset << ", " << seconds;
    }
  }
  EXPECT_FALSE(CallWindow(30s, 5).bucket_end()) << "a window of calls has no buckets";
}

TEST(BreakerWindow, RollsOverWithoutTraffic) {
  CallWindow window(30s, std::nullopt);
  for (int i = 0; i < 5; ++i) window.add(TimePoint{1s * i}, {.failed = true, .slow = true});
  EXPECT_EQ(window.tally(TimePoint{5s}), (CallTally{.calls = 5, .failures = 5, .slow = 5}));
  EXPECT_EQ(window.tally(TimePoint{24h}), CallTally{});
}

TEST(BreakerWindow, ToleratesAClockThatIsALittleBehind) {
  CallWindow window(30s, std::nullopt);
  window.add(TimePoint{100s}, {.failed = false, .slow = false});
  window.add(TimePoint{90s}, {.failed = true, .slow = false});
  EXPECT_EQ(window.tally(TimePoint{95s}), (CallTally{.calls = 2, .failures = 1, .slow = 0}));
}

TEST(BreakerWindow, IsEmptyWhenCleared) {
  for (const auto calls : {std::optional<std::uint32_t>(), std::optional<std::uint32_t>(3)}) {
    CallWindow window(30s, calls);
    for (int i = 0; i < 5; ++i) window.add(TimePoint{1s}, {.failed = true, .slow = false});
    window.clear();
    EXPECT_EQ(window.tally(TimePoint{1s}), CallTally{});
    window.add(TimePoint{2s}, {.failed = false, .slow = true});
    EXPECT_EQ(window.tally(TimePoint{2s}), (CallTally{.calls = 1, .failures = 0, .slow = 1}));
  }
}

}  // namespace
}  // namespace outrigger::filters
