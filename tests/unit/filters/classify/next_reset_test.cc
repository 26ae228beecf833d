#include "filters/classify/next_reset.h"

#include <gtest/gtest.h>

#include "filters/classify/hint_values.h"

namespace outrigger::filters {
namespace {

using config::Until;

double at(std::string_view moment) {
  return parse_rfc3339(moment).value();
}

TEST(NextReset, NamesTheNextMidnightAndMonth) {
  struct Row {
    Until until;
    std::string_view now, then;
  };
  const Row rows[] = {
      {Until::kNextDayUtc, "2026-11-27T19:00:00Z", "2026-11-28T00:00:00Z"},
      {Until::kNextDayUtc, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
      {Until::kNextDayUtc, "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"},  // never at once
      {Until::kNextMonthUtc, "2026-11-27T19:00:00Z", "2026-12-01T00:00:00Z"},
      {Until::kNextMonthUtc, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"},
      {Until::kNextMonthUtc, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"},
      // Pacific standard time is UTC-8, daylight time UTC-7.
      {Until::kNextDayPacific, "2026-11-27T19:00:00Z", "2026-11-28T08:00:00Z"},
      {Until::kNextDayPacific, "2026-11-28T07:59:59Z", "2026-11-28T08:00:00Z"},
      {Until::kNextDayPacific, "2026-11-28T08:00:00Z", "2026-11-29T08:00:00Z"},
      {Until::kNextDayPacific, "2026-07-04T12:00:00Z", "2026-07-05T07:00:00Z"},
      // 2026: daylight time from 8 March to 1 November.
      {Until::kNextDayPacific, "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"},
      {Until::kNextDayPacific, "2026-03-08T09:59:59Z", "2026-03-09T07:00:00Z"},
      {Until::kNextDayPacific, "2026-03-08T10:00:00Z", "2026-03-09T07:00:00Z"},
      {Until::kNextDayPacific, "2026-11-01T06:59:59Z", "2026-11-01T07:00:00Z"},
      {Until::kNextDayPacific, "2026-11-01T08:30:00Z", "2026-11-02T08:00:00Z"},
      {Until::kNextDayPacific, "2026-11-01T09:00:00Z", "2026-11-02T08:00:00Z"},
  };
  for (const Row& row : rows) {
    const auto wait = time_until(row.until, at(row.now));
    ASSERT_TRUE(wait) << row.now;
    EXPECT_EQ(std::chrono::duration<double>(*wait).count(), at(row.then) - at(row.now)) << row.now;
  }
}

// Every hour of ten years: later than now, and no further than the period that is its name.
TEST(NextReset, IsAlwaysAheadAndNear) {
  for (double now = at("2024-01-01T00:00:00Z"); now < at("2034-01-01T00:00:00Z"); now += 3599) {
    for (const Until until : {Until::kNextDayUtc, Until::kNextDayPacific, Until::kNextMonthUtc}) {
      const auto wait = time_until(until, now);
      ASSERT_TRUE(wait);
      EXPECT_GT(*wait, 0ns) << now;
      EXPECT_LE(*wait, until == Until::kNextMonthUtc ? 24h * 31 : 25h) << now;
    }
  }
}

TEST(NextReset, IsNothingForAClockThatIsWrong) {
  EXPECT_EQ(time_until(Until::kNone, at("2026-11-27T19:00:00Z")), std::nullopt);
  EXPECT_EQ(time_until(Until::kNextDayUtc, 0), 24h);
  EXPECT_EQ(time_until(Until::kNextDayUtc, at("9999-12-31T23:59:59Z")), 1s);
  const double year_10000 = at("9999-12-31T23:59:59Z") + 1;
  for (const double now : {-1.0, year_10000, 1e18, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(time_until(Until::kNextDayUtc, now), std::nullopt);
  }
}

}  // namespace
}  // namespace outrigger::filters
