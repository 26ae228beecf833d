// Values with units, read strictly and written back in one canonical form. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/base/duration.h"

namespace outrigger::config {

// "250ms", "1.5s", "1m30s"; units ns us ms s m h d, larger ones first. No unit, sign or space:
// nothing.
std::optional<Duration> parse_duration(std::string_view text);
// Exact: parse_duration(print_duration(d)) == d for every d >= 0.
std::string print_duration(Duration duration);

// "512B", "64KiB", "1.5MB"; B KB MB GB count thousands, KiB MiB GiB 1024.
std::optional<ByteCount> parse_size(std::string_view text);
std::string print_size(ByteCount bytes);

// "5/s", "1000/min"; s, min (or m), h, d.
std::optional<Rate> parse_rate(std::string_view text);
// Exact: parse_rate(print_rate(r)) == r for every r that was parsed.
std::string print_rate(Rate rate);

// "20%" is 0.2; 0% to 100%, at most four digits behind the point.
std::optional<double> parse_percent(std::string_view text);
// Exact: parse_percent(print_percent(x)) == x for every x that was parsed.
std::string print_percent(double part);

// A plain decimal number: "2", "1.5", "-0.25"; at most fifteen digits, six behind the point.
std::optional<double> parse_decimal(std::string_view text);
// Exact: parse_decimal(print_decimal(x)) == x for every x that was parsed.
std::string print_decimal(double value);

// Decimal digits without sign or leading zero.
std::optional<std::uint64_t> parse_integer(std::string_view text);

}  // namespace outrigger::config
