#include "config/units.h"

#include <array>
#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace outrigger::config {
namespace {

constexpr std::string_view kDigits = "0123456789";

struct Unit {
  std::string_view name;
  std::uint64_t scale;
};

constexpr std::array<Unit, 7> kDurationUnits = {{{"d", 86'400'000'000'000},
                                                 {"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};
constexpr std::array<Unit, 7> kSizeUnits = {{{"GiB", 1ULL << 30},
                                             {"MiB", 1ULL << 20},
                                             {"KiB", 1ULL << 10},
                                             {"GB", 1'000'000'000},
                                             {"MB", 1'000'000},
                                             {"KB", 1'000},
                                             {"B", 1}}};
constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::string_view take_digits(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of(kDigits), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

// `whole.fraction` times the scale, when that is a whole number in range.
std::optional<std::uint64_t> scaled(std::uint64_t whole, std::string_view fraction,
                                    std::uint64_t scale) {
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  if (whole > kMax / scale || fraction.size() > 9) return std::nullopt;
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
  for (const char digit : fraction) {
    numerator = numerator * 10 + static_cast<std::uint64_t>(digit - '0');
    denominator *= 10;
  }
  // numerator < 10^9 and scale < 10^14: the product may need more than 64 bits.
  const unsigned __int128 part = static_cast<unsigned __int128>(numerator) * scale;
  if (part % denominator != 0) return std::nullopt;
  const std::uint64_t value = whole * scale + static_cast<std::uint64_t>(part / denominator);
  if (value > kMax) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_digits(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty())
    return std::nullopt;
  return value;
}

struct Quantity {
  std::uint64_t value;
  std::uint64_t scale;
};

// A number, perhaps a fraction, and its unit, taken from the front of `text`.
template <std::size_t N>
std::optional<Quantity> take_quantity(std::string_view& text, const std::array<Unit, N>& units) {
  const auto whole = parse_digits(take_digits(text));
  if (!whole) return std::nullopt;
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  const std::size_t end = std::min(text.find_first_of(kDigits), text.size());
  const Unit* unit = find_unit(units, text.substr(0, end));
  if (unit == nullptr) return std::nullopt;
  text.remove_prefix(end);
  const auto value = scaled(*whole, fraction, unit->scale);
  if (!value) return std::nullopt;
  return Quantity{*value, unit->scale};
}

// Digits, perhaps a point and digits behind it. Fifteen digits are exact in a double.
std::optional<double> decimal(std::string_view text, std::size_t fraction_digits) {
  constexpr std::size_t kMaxDigits = 15;
  std::string_view rest = text;
  const std::string_view whole = take_digits(rest);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return std::nullopt;
  std::string_view fraction;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    fraction = take_digits(rest);
    if (fraction.empty() || fraction.size() > fraction_digits) return std::nullopt;
  }
  if (!rest.empty() || whole.size() + fraction.size() > kMaxDigits) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "1.500" is "1.5", "2.000" is "2".
std::string without_zeros(std::string text) {
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  std::uint64_t total = 0;
  std::uint64_t last_scale = kMax;
  do {
    const auto part = take_quantity(text, kDurationUnits);
    if (!part || part->scale >= last_scale || part->value > kMax - total) return std::nullopt;
    total += part->value;
    last_scale = part->scale;
  } while (!text.empty());
  return Duration(static_cast<std::int64_t>(total));
}

std::string print_duration(Duration duration) {
  if (duration.count() <= 0) return "0s";
  auto rest = static_cast<std::uint64_t>(duration.count());
  std::string text;
  for (const Unit& unit : kDurationUnits) {
    if (rest >= unit.scale) text += fmt::format("{}{}", rest / unit.scale, unit.name);
    rest %= unit.scale;
  }
  return text;
}

std::optional<ByteCount> parse_size(std::string_view text) {
  const auto quantity = take_quantity(text, kSizeUnits);
  if (!quantity || !text.empty()) return std::nullopt;
  return quantity->value;
}

std::string print_size(ByteCount bytes) {
  for (const Unit& unit : kSizeUnits) {
    if (bytes >= unit.scale && bytes % unit.scale == 0) {
      return fmt::format("{}{}", bytes / unit.scale, unit.name);
    }
  }
  return "0B";
}

std::optional<Rate> parse_rate(std::string_view text) {
  constexpr std::array<Unit, 5> kPer = {{{"s", 1'000'000'000},
                                         {"min", 60'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"d", 86'400'000'000'000}}};
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto events = parse_integer(text.substr(0, slash));
  const Unit* per = find_unit(kPer, text.substr(slash + 1));
  if (!events || *events == 0 || per == nullptr) return std::nullopt;
  return Rate{*events, Duration(static_cast<std::int64_t>(per->scale))};
}

std::string print_rate(Rate rate) {
  const std::string_view per = rate.per == 1s     ? "s"
                               : rate.per == 1min ? "min"
                               : rate.per == 1h   ? "h"
                                                  : "d";
  return fmt::format("{}/{}", rate.events, per);
}

std::optional<double> parse_percent(std::string_view text) {
  constexpr std::size_t kFractionDigits = 4;
  if (!text.ends_with('%') || text.starts_with('-')) return std::nullopt;
  text.remove_suffix(1);
  const auto value = decimal(text, kFractionDigits);
  if (!value || *value > 100) return std::nullopt;
  return *value / 100;
}

std::string print_percent(double part) {
  return without_zeros(fmt::format("{:.4f}", part * 100)) + "%";
}

std::optional<double> parse_decimal(std::string_view text) {
  constexpr std::size_t kFractionDigits = 6;
  const bool negative = text.starts_with('-');
  const auto value = decimal(text.substr(negative ? 1 : 0), kFractionDigits);
  if (!value || !negative) return value;
  if (*value == 0) return std::nullopt;  // one way to write it
  return -*value;
}

std::string print_decimal(double value) {
  return without_zeros(fmt::format("{:.6f}", value));
}

std::optional<std::uint64_t> parse_integer(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_digits(text);
}

}  // namespace outrigger::config
