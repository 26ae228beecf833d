#include "filters/deadline/deadlines.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "config/units.h"
#include "filters/classify/hint_values.h"

namespace outrigger::filters {
namespace {

// Longer than any call: keeps sums with a point in time in range.
constexpr double kMostSeconds = 10.0 * 365 * 24 * 3600;

// Of at most nine digits; -1 when one is none.
int number_of(std::string_view digits) noexcept {
  int value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<Duration> parse_stainless_timeout(std::string_view text) {
  double seconds = 0;
  const char* const end = text.data() + text.size();
  // What is no number, or none that a double holds, leaves 0.
  if (std::from_chars(text.data(), end, seconds, std::chars_format::fixed).ptr != end) {
    return std::nullopt;
  }
  if (!(seconds > 0) || std::isinf(seconds)) return std::nullopt;
  return Duration{static_cast<std::int64_t>(std::min(seconds, kMostSeconds) * 1e9)};
}

std::optional<Duration> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  const int value = number_of(text.substr(0, text.size() - 1));
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

std::optional<Duration> parse_deadline(std::string_view text, std::int64_t now_us) {
  if (const auto duration = config::parse_duration(text)) return duration;
  const std::optional<double> moment = parse_rfc3339(text);
  if (!moment) return std::nullopt;
  const double left = std::clamp(*moment - static_cast<double>(now_us) / 1e6, 0.0, kMostSeconds);
  return std::chrono::microseconds(std::llround(left * 1e6));
}

std::optional<Duration> asked_time(const http::Headers& headers, std::string_view deadline,
                                   std::int64_t now_us) {
  std::optional<Duration> least;
  if (!deadline.empty()) least = parse_deadline(deadline, now_us);
  const auto take = [&](std::optional<Duration> asked) {
    if (asked && (!least || *asked < *least)) least = asked;
  };
  for (const http::Field& field : headers) {
    switch (field.id) {
      case http::HeaderId::kGrpcTimeout:
        take(parse_grpc_timeout(field.value));
        break;
      case http::HeaderId::kXStainlessTimeout:
      case http::HeaderId::kXStainlessReadTimeout:
        take(parse_stainless_timeout(field.value));
        break;
      default:
        break;
    }
  }
  return least;
}

}  // namespace outrigger::filters
