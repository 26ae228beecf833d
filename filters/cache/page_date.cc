#include "filters/cache/page_date.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "proxy/http/headers.h"

namespace outrigger::filters {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kFiftyYears = 50 * 31'556'952 * kSecond;

// Takes productions of RFC 9110 5.6.7 off the front; after the first that is not there nothing
// more fits.
class DateText {
 public:
  explicit DateText(std::string_view text) noexcept : rest_(text) {}

  void take(std::string_view literal) noexcept {
    fits_ = fits_ && http::starts_ignoring_case(rest_, literal);
    if (fits_) rest_.remove_prefix(literal.size());
  }
  // The place of one of the names.
  template <std::size_t N>
  unsigned take_name(const std::array<std::string_view, N>& names) noexcept {
    const auto found = std::ranges::find_if(
        names, [&](std::string_view name) { return http::starts_ignoring_case(rest_, name); });
    fits_ = fits_ && found != names.end();
    if (!fits_) return 0;
    rest_.remove_prefix(found->size());
    return static_cast<unsigned>(found - names.begin());
  }
  int take_digits(std::size_t count) noexcept {
    fits_ = fits_ && rest_.size() >= count;
    int number = 0;
    for (std::size_t i = 0; fits_ && i < count; ++i) {
      fits_ = rest_[i] >= '0' && rest_[i] <= '9';
      number = number * 10 + (rest_[i] - '0');
    }
    if (fits_) rest_.remove_prefix(count);
    return number;
  }
  // A day of asctime: two digits, or a space and one.
  int take_short_day() noexcept {
    if (!rest_.starts_with(' ')) return take_digits(2);
    rest_.remove_prefix(1);
    return take_digits(1);
  }
  [[nodiscard]] bool fits_whole() const noexcept { return fits_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

struct DateParts {
  int year = 0, day = 0, hour = 0, minute = 0, second = 0;
  unsigned month = 0;  // 0 is January
};

void take_time(DateText& text, DateParts& parts) noexcept {
  parts.hour = text.take_digits(2);
  text.take(":");
  parts.minute = text.take_digits(2);
  text.take(":");
  parts.second = text.take_digits(2);
}

std::optional<DateParts> internet_date(std::string_view source) noexcept {
  DateText text(source);
  DateParts parts;
  text.take_name(kDays);
  text.take(", ");
  parts.day = text.take_digits(2);
  text.take(" ");
  parts.month = text.take_name(kMonths);
  text.take(" ");
  parts.year = text.take_digits(4);
  text.take(" ");
  take_time(text, parts);
  text.take(" GMT");
  return text.fits_whole() ? std::optional(parts) : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT": its year has two digits.
std::optional<DateParts> rfc850_date(std::string_view source) noexcept {
  DateText text(source);
  DateParts parts;
  text.take_name(kLongDays);
  text.take(", ");
  parts.day = text.take_digits(2);
  text.take("-");
  parts.month = text.take_name(kMonths);
  text.take("-");
  parts.year = text.take_digits(2);
  text.take(" ");
  take_time(text, parts);
  text.take(" GMT");
  return text.fits_whole() ? std::optional(parts) : std::nullopt;
}

// "Sun Nov  6 08:49:37 1994"
std::optional<DateParts> asctime_date(std::string_view source) noexcept {
  DateText text(source);
  DateParts parts;
  text.take_name(kDays);
  text.take(" ");
  parts.month = text.take_name(kMonths);
  text.take(" ");
  parts.day = text.take_short_day();
  text.take(" ");
  take_time(text, parts);
  text.take(" ");
  parts.year = text.take_digits(4);
  return text.fits_whole() ? std::optional(parts) : std::nullopt;
}

std::optional<std::int64_t> moment_of(const DateParts& parts) noexcept {
  const std::chrono::year_month_day date{std::chrono::year{parts.year},
                                         std::chrono::month{parts.month + 1},
                                         std::chrono::day{static_cast<unsigned>(parts.day)}};
  // 60 is a leap second.
  if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t time = (parts.hour * 60 + parts.minute) * 60 + parts.second;
  return (days * 86'400 + time) * kSecond;
}

}  // namespace

std::optional<std::int64_t> parse_page_date(std::string_view text, std::int64_t now_us) noexcept {
  if (const auto parts = internet_date(text)) return moment_of(*parts);
  if (const auto parts = asctime_date(text)) return moment_of(*parts);
  std::optional<DateParts> parts = rfc850_date(text);
  if (!parts) return std::nullopt;
  const int two_digits = parts->year;
  std::optional<std::int64_t> found;
  for (const int century : {1900, 2000, 2100}) {
    parts->year = century + two_digits;
    if (parts->year < 1970) continue;
    const std::optional<std::int64_t> moment = moment_of(*parts);
    if (moment && (!found || *moment <= now_us + kFiftyYears)) found = moment;
  }
  return found;
}

std::string page_date(std::int64_t time_us) {
  using namespace std::chrono;
  const sys_seconds time = floor<seconds>(sys_time<microseconds>{microseconds{time_us}});
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday{day}.c_encoding()],
                     static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

}  // namespace outrigger::filters
