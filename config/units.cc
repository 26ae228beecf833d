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

std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const auto whole = parse_digits(take_digits(text));
  if (!whole) return std::nullopt;
  double value = static_cast<double>(*whole);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::string_view fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
    double scale = 0.1;
    for (const char digit : fraction) {
      value += (digit - '0') * scale;
      scale /= 10;
    }
  }
  if (!text.empty() || value > 100) return std::nullopt;
  return value / 100;
}

std::optional<std::uint64_t> parse_integer(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return parse_digits(text);
}

}  // namespace outrigger::config
