#include "filters/classify/hint_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "filters/classify/json_fields.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {
namespace {

constexpr double kLongestSeconds = std::chrono::duration<double>(kLongestHint).count();
constexpr double kThirtyDays = 30.0 * 86400;
constexpr double kFirstMilliseconds = 1e11;  // as seconds, this is the year 5138

bool is_digit(char byte) noexcept {
  return byte >= '0' && byte <= '9';
}

bool is_letter(char byte) noexcept {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<Duration> hint_of(double seconds) noexcept {
  if (!(seconds >= 0 && seconds <= kLongestSeconds)) return std::nullopt;
  return Duration{std::llround(seconds * 1e9)};
}

// Takes digits with an optional fraction from the front. No sign, exponent, "inf" or "nan".
std::optional<double> take_number(std::string_view& text) noexcept {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  double number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{}) return std::nullopt;
  if (end[-1] == '.') --end;  // a point without digits is no part of it
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<double> whole_number(std::string_view text) noexcept {
  text = trimmed(text);
  const std::optional<double> number = take_number(text);
  if (!text.empty()) return std::nullopt;
  return number;
}

// Exactly `size` digits from the front.
std::optional<int> take_digits(std::string_view& text, std::size_t size) noexcept {
  if (text.size() < size) return std::nullopt;
  int number = 0;
  for (const char byte : text.substr(0, size)) {
    if (!is_digit(byte)) return std::nullopt;
    number = number * 10 + (byte - '0');
  }
  text.remove_prefix(size);
  return number;
}

bool take(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array kUnits = {
    Unit{"ns", 1e-9},   Unit{"us", 1e-6},    Unit{"ms", 1e-3},    Unit{"milliseconds", 1e-3},
    Unit{"s", 1},       Unit{"sec", 1},      Unit{"secs", 1},     Unit{"second", 1},
    Unit{"seconds", 1}, Unit{"m", 60},       Unit{"min", 60},     Unit{"mins", 60},
    Unit{"minute", 60}, Unit{"minutes", 60}, Unit{"h", 3600},     Unit{"hr", 3600},
    Unit{"hrs", 3600},  Unit{"hour", 3600},  Unit{"hours", 3600}, Unit{"d", 86400},
    Unit{"day", 86400}, Unit{"days", 86400},
};

const Unit* find_unit(std::string_view name) noexcept {
  const auto found = std::ranges::find_if(
      kUnits, [&](const Unit& unit) { return http::equals_ignore_case(unit.name, name); });
  return found == kUnits.end() ? nullptr : &*found;
}

// Takes "1h2m3s" or "2 minutes 5 seconds" from the front, as far as numbers with units go.
std::optional<double> take_units(std::string_view& text) noexcept {
  std::optional<double> sum;
  for (;;) {
    std::string_view rest = trimmed(text);
    const std::optional<double> number = take_number(rest);
    if (!number) return sum;
    if (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    const auto end = std::ranges::find_if_not(rest, is_letter);
    const Unit* unit = find_unit({rest.begin(), end});
    if (unit == nullptr) return sum;
    sum = sum.value_or(0) + *number * unit->seconds;
    text = {end, rest.end()};
  }
}

// ---- dates ----

std::optional<double> moment_of(int year, int month, int day, double time_of_day) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year{year},
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return static_cast<double>(sys_days{date}.time_since_epoch().count()) * 86400 + time_of_day;
}

// "08:49:37", "23:20:50.52", or "00:00".
std::optional<double> take_time(std::string_view& text) noexcept {
  const std::optional<int> hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const std::optional<int> minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  double second = 0;
  if (take(text, ":")) {
    const std::optional<double> number = take_number(text);
    if (!number || *number >= 61) return std::nullopt;
    second = *number;
  }
  return *hour * 3600 + *minute * 60 + second;
}

int month_of(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                        "jul", "aug", "sep", "oct", "nov", "dec"};
  const auto found = std::ranges::find_if(
      kMonths, [&](std::string_view month) { return http::equals_ignore_case(month, name); });
  return found == kMonths.end() ? 0 : static_cast<int>(found - kMonths.begin()) + 1;
}

// The words of an HTTP date, and one too many; its three forms differ in their separators and
// order.
struct Words {
  std::array<std::string_view, 7> word;
  std::size_t count = 0;
};

Words words_of(std::string_view text) noexcept {
  Words words;
  constexpr std::string_view kSeparators = " ,-";
  while (words.count < words.word.size()) {
    const std::size_t begin = text.find_first_not_of(kSeparators);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    words.word[words.count++] = text.substr(begin, end - begin);
    text.remove_prefix(end);
  }
  return words;
}

std::optional<int> small_number(std::string_view text) noexcept {
  if (text.size() > 4) return std::nullopt;
  std::optional<int> number = take_digits(text, text.size());
  return number;
}

// Two digits name a year of 1970 to 2069 (RFC 9110 5.6.7 leaves a window of 50 years).
int full_year(int year, std::size_t digits) noexcept {
  if (digits > 2) return year;
  return year + (year < 70 ? 2000 : 1900);
}

// "2026-12-01".
struct Day {
  int year, month, day;
};
std::optional<Day> take_day(std::string_view& text) noexcept {
  const std::optional<int> year = take_digits(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const std::optional<int> month = take_digits(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const std::optional<int> day = take_digits(text, 2);
  if (!day) return std::nullopt;
  return Day{*year, *month, *day};
}

// "Z", "+02:00": seconds to subtract.
std::optional<double> zone(std::string_view text) noexcept {
  if (text == "Z" || text == "z") return 0;
  const double sign = text.starts_with('-') ? -1 : 1;
  if (!take(text, "+") && !take(text, "-")) return std::nullopt;
  const std::optional<double> offset = take_time(text);
  if (!offset || !text.empty()) return std::nullopt;
  return sign * *offset;
}

// The text behind `lead`, wherever it stands; empty when it does not.
std::string_view behind(std::string_view text, std::string_view lead) noexcept {
  const auto found = std::ranges::search(text, lead, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x | 0x20) : x) == y;
  });
  return found.empty() ? std::string_view{} : std::string_view(found.end(), text.end());
}

}  // namespace

std::optional<Duration> hint_of_seconds(std::string_view text) {
  const std::optional<double> number = whole_number(text);
  return number ? hint_of(*number) : std::nullopt;
}

std::optional<Duration> hint_of_milliseconds(std::string_view text) {
  const std::optional<double> number = whole_number(text);
  return number ? hint_of(*number / 1000) : std::nullopt;
}

std::optional<Duration> hint_of_units(std::string_view text) {
  const std::optional<double> seconds = take_units(text);
  if (!seconds || !text.empty()) return std::nullopt;
  return hint_of(*seconds);
}

std::optional<Duration> hint_of_moment(double moment, double now) {
  return hint_of(moment - now);
}

std::optional<double> parse_http_date(std::string_view text) {
  const Words words = words_of(text);
  const auto& word = words.word;
  const bool asctime = month_of(word[1]) != 0;  // "Sun Nov  6 08:49:37 1994"
  const std::string_view year_text = asctime ? word[4] : word[3];
  std::string_view time_text = asctime ? word[3] : word[4];
  const int month = month_of(asctime ? word[1] : word[2]);
  const int day = small_number(asctime ? word[2] : word[1]).value_or(0);  // no date has such a day
  const std::optional<int> year = small_number(year_text);
  const std::optional<double> time = take_time(time_text);
  const bool zone_fits =
      asctime ? words.count == 5 : words.count == 6 && (word[5] == "GMT" || word[5] == "UTC");
  if (!year || !time || !time_text.empty() || !zone_fits) return std::nullopt;
  return moment_of(full_year(*year, year_text.size()), month, day, *time);
}

std::optional<double> parse_rfc3339(std::string_view text) {
  text = trimmed(text);
  const std::optional<Day> day = take_day(text);
  if (!day || !(take(text, "T") || take(text, "t") || take(text, " "))) return std::nullopt;
  const std::optional<double> time = take_time(text);
  if (!time) return std::nullopt;
  const std::optional<double> offset = zone(text);
  if (!offset) return std::nullopt;
  return moment_of(day->year, day->month, day->day, *time - *offset);
}

std::optional<Duration> hint_of_retry_after(std::string_view text, double now) {
  if (const auto seconds = whole_number(text)) return hint_of(*seconds);
  if (const auto units = hint_of_units(text)) return units;
  if (const auto date = parse_http_date(text)) return hint_of_moment(*date, now);
  if (const auto date = parse_rfc3339(text)) return hint_of_moment(*date, now);
  return std::nullopt;
}

std::optional<Duration> hint_of_reset(std::string_view text, double now) {
  const std::optional<double> number = whole_number(text);
  if (number && *number > kFirstMilliseconds) return hint_of_moment(*number / 1000, now);
  if (number && *number > kThirtyDays) return hint_of_moment(*number, now);
  return hint_of_retry_after(text, now);
}

std::optional<Duration> hint_of_prose(std::string_view message, double now) {
  constexpr std::array<std::string_view, 6> kLeads = {
      "try again in ", "try again after ", "retry after ", "retry in ", "wait for ", "wait "};
  for (const std::string_view lead : kLeads) {
    std::string_view rest = behind(message, lead);
    if (const std::optional<double> seconds = take_units(rest)) return hint_of(*seconds);
  }
  std::string_view date = behind(message, "regain access on ");
  const std::optional<Day> day = take_day(date);
  if (!day) return std::nullopt;
  const double time = take(date, " at ") ? take_time(date).value_or(0) : 0;
  const std::optional<double> moment = moment_of(day->year, day->month, day->day, time);
  return moment ? hint_of_moment(*moment, now) : std::nullopt;
}

}  // namespace outrigger::filters
