#include "filters/observe/attempt_time.h"

#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

struct Made {
  int started_ms, ended_ms;  // ended 0: not yet
  int waited_ms = 0;
};

struct Row {
  std::string_view what;
  std::vector<Made> attempts;
  int end_ms;
  int taken_ms;
};

TEST(AttemptTime, CountsEachMomentOnce) {
  const Row table[] = {
      {"none", {}, 100, 0},
      {"one", {{10, 40}}, 100, 30},
      {"one that has not ended", {{10, 0}}, 100, 90},
      {"a retry and the wait before it", {{10, 40}, {60, 70, 20}}, 100, 60},
      {"a hedge that overtook", {{10, 80}, {50, 70}}, 100, 70},
      {"the one that answered comes last, whenever it began", {{50, 80}, {10, 80}}, 100, 70},
      {"two apart", {{60, 70}, {10, 40}}, 100, 40},
      {"a head that went out early", {{10, 40}, {60, 90, 20}}, 30, 20},
      {"one behind an early head hides none before it", {{60, 90}, {10, 40}}, 50, 30},
      {"an end in the middle", {{10, 90}, {20, 95}}, 50, 40},
  };
  const auto at = [](int ms) { return TimePoint{Duration{std::chrono::milliseconds(ms)}}; };
  for (const Row& row : table) {
    std::vector<Attempt> attempts;
    for (const Made& made : row.attempts) {
      Attempt& attempt = attempts.emplace_back();
      attempt.started = at(made.started_ms);
      if (made.ended_ms != 0) attempt.ended = at(made.ended_ms);
      attempt.waited = std::chrono::milliseconds(made.waited_ms);
    }
    EXPECT_EQ(attempt_time(attempts, at(row.end_ms)), std::chrono::milliseconds(row.taken_ms))
        << row.what;
  }
}

}  // namespace
}  // namespace outrigger::filters
