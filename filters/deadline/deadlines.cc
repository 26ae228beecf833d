#include "filters/deadline/deadlines.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "config/units.h"

namespace outrigger::filters {
namespace {

// Longer than any call: keeps sums with a point in time in range.
constexpr double kMostSeconds = 10.0 * 365 * 24 * 3600;

// `count` digits at `at`, which moves on; -1 when they are not all there.
int digits(std::string_view text, std::size_t& at, std::size_t count) noexcept {
  if (text.size() < at + count) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at++];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

bool literal(std::string_view text, std::size_t& at, std::string_view any_of) noexcept {
  return at < text.size() && any_of.contains(text[at++]);
}

// ".25" in microseconds, any number of digits; -1 when there is a point and no digit.
std::int64_t fraction(std::string_view text, std::size_t& at) noexcept {
  if (at == text.size() || text[at] != '.') return 0;
  std::int64_t micros = 0;
  std::int64_t weight = 100'000;
  const std::size_t first = ++at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, weight /= 10) {
    micros += weight * (text[at] - '0');
  }
  return at == first ? -1 : micros;
}

// "Z" or "+01:30" in minutes, up to the end of the text.
std::optional<int> offset(std::string_view text, std::size_t at) noexcept {
  const std::string_view rest = text.substr(at);
  if (rest == "Z" || rest == "z") return 0;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return std::nullopt;
  std::size_t hours_at = 1;
  std::size_t minutes_at = 4;
  const int hours = digits(rest, hours_at, 2);
  const int minutes = digits(rest, minutes_at, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  return (rest[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

std::optional<Duration> parse_stainless_timeout(std::string_view text) {
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds > 0) || std::isinf(seconds)) return std::nullopt;
  return Duration{static_cast<std::int64_t>(std::min(seconds, kMostSeconds) * 1e9)};
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::size_t at = 0;
  const int value = digits(text, at, text.size() - 1);
  if (value < 0) return std::nullopt;
  const auto seconds = [](std::int64_t count) -> Duration {
    return std::chrono::seconds(std::min(count, static_cast<std::int64_t>(kMostSeconds)));
  };
  switch (text.back()) {
    case 'H':
      return seconds(std::int64_t{value} * 3600);
    case 'M':
      return seconds(std::int64_t{value} * 60);
    case 'S':
      return seconds(value);
    case 'm':
      return Duration(std::chrono::milliseconds(value));
    case 'u':
      return Duration(std::chrono::microseconds(value));
    case 'n':
      return Duration(value);
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  std::size_t at = 0;
  const int year = digits(text, at, 4);
  if (year < 0 || !literal(text, at, "-")) return std::nullopt;
  const int month = digits(text, at, 2);
  if (!literal(text, at, "-")) return std::nullopt;
  const int day = digits(text, at, 2);
  if (!literal(text, at, "Tt ")) return std::nullopt;
  const int hour = digits(text, at, 2);
  if (!literal(text, at, ":")) return std::nullopt;
  const int minute = digits(text, at, 2);
  if (!literal(text, at, ":")) return std::nullopt;
  const int second = digits(text, at, 2);
  const std::int64_t micros = fraction(text, at);
  const std::optional<int> zone = offset(text, at);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (month < 1 || day < 1 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60 || micros < 0 || !zone) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds =
      days * 86400 + hour * 3600 + minute * 60 + second - std::int64_t{*zone} * 60;
  return seconds * 1'000'000 + micros;
}

std::optional<Duration> parse_deadline(std::string_view text, std::int64_t now_us) {
  if (const auto duration = config::parse_duration(text)) return duration;
  const auto moment = parse_rfc3339(text);
  if (!moment) return std::nullopt;
  const std::int64_t most = static_cast<std::int64_t>(kMostSeconds) * 1'000'000;
  return std::chrono::microseconds(std::clamp<std::int64_t>(*moment - now_us, 0, most));
}

std::optional<Duration> asked_time(const http::Headers& headers, std::string_view deadline,
                                   std::int64_t now_us) {
  std::optional<Duration> least = parse_deadline(deadline, now_us);
  const auto take = [&](std::optional<Duration> asked) {
    if (asked && (!least || *asked < *least)) least = asked;
  };
  if (const http::Field* grpc = headers.find(http::HeaderId::kGrpcTimeout)) {
    take(parse_grpc_timeout(grpc->value));
  }
  for (const std::string_view name : {"x-stainless-timeout", "x-stainless-read-timeout"}) {
    if (const http::Field* field = headers.find(name)) take(parse_stainless_timeout(field->value));
  }
  return least;
}

}  // namespace outrigger::filters
