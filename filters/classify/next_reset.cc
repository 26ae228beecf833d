#include "filters/classify/next_reset.h"

#include <chrono>

namespace outrigger::filters {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::Sunday;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;
using std::chrono::year_month_day;

sys_days next_month(sys_seconds now) {
  const year_month_day today{floor<days>(now)};
  return sys_days{(today.year() / today.month() + std::chrono::months{1}) / 1};
}

// Daylight saving time lasts from the second Sunday of March, 2:00 standard time, which is 10:00
// UTC, to the first Sunday of November, 2:00 daylight time, which is 9:00 UTC (15 USC 260a).
hours pacific_offset(sys_seconds now) {
  const year this_year = year_month_day{floor<days>(now)}.year();
  const sys_seconds begin = sys_days{this_year / std::chrono::March / Sunday[2]} + hours{10};
  const sys_seconds end = sys_days{this_year / std::chrono::November / Sunday[1]} + hours{9};
  return now >= begin && now < end ? hours{-7} : hours{-8};
}

// Midnight is never within the hour that daylight saving time takes or gives, but the offset may
// change on the way to it.
sys_seconds next_pacific_midnight(sys_seconds now) {
  const sys_seconds local = now + pacific_offset(now);
  const sys_seconds midnight = floor<days>(local) + days{1};
  return midnight - pacific_offset(midnight - pacific_offset(now));
}

}  // namespace

std::optional<Duration> time_until(config::Until until, double wall_seconds) {
  constexpr double kYear10000 = 253402300800.0;
  if (!(wall_seconds >= 0 && wall_seconds < kYear10000)) return std::nullopt;
  const sys_seconds now{std::chrono::seconds{static_cast<std::int64_t>(wall_seconds)}};
  switch (until) {
    case config::Until::kNone:
      return std::nullopt;
    case config::Until::kNextDayUtc:
      return floor<days>(now) + days{1} - now;
    case config::Until::kNextDayPacific:
      return next_pacific_midnight(now) - now;
    case config::Until::kNextMonthUtc:
      return next_month(now) - now;
  }
  return std::nullopt;
}

}  // namespace outrigger::filters
