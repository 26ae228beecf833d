#include "config/units.h"

#include <vector>

#include <gtest/gtest.h>

namespace outrigger::config {
namespace {

struct DurationRow {
  const char* text;
  std::optional<Duration> expected;
};

TEST(Units, DurationsNeedAUnit) {
  const std::vector<DurationRow> rows = {
      {"1ns", 1ns},
      {"5us", 5us},
      {"250ms", 250ms},
      {"2s", 2s},
      {"3m", 3min},
      {"4h", 4h},
      {"2d", 48h},
      {"0s", 0s},
      {"1m30s", 90s},
      {"1h2m3s", 3723s},
      {"1.5s", 1500ms},
      {"0.25h", 15min},
      {"1s500ms", 1500ms},
      {"", {}},
      {"5", {}},
      {"s", {}},
      {"-1s", {}},
      {"+1s", {}},
      {"1 s", {}},
      {" 1s", {}},
      {"1s ", {}},
      {"1S", {}},
      {"1sec", {}},
      {"1.s", {}},
      {".5s", {}},
      {"30s1m", {}},
      {"1s1s", {}},
      {"1m30", {}},
      {"0.5ns", {}},
      {"1e3s", {}},
      {"9223372036854775807ns", Duration(9223372036854775807)},
      {"9223372036854775808ns", {}},
      {"106752d", {}},
      {"99999999999999999999s", {}},
      {"106751d24h", {}},
  };
  for (const DurationRow& row : rows) EXPECT_EQ(parse_duration(row.text), row.expected) << row.text;
}

TEST(Units, PrintedDurationsReadBackExactly) {
  for (const Duration d : {0ns, 1ns, 999ns, 1500ns, Duration(90s), Duration(1h), Duration(25h),
                           Duration(3723004005006ns), Duration(9223372036854775807)}) {
    EXPECT_EQ(parse_duration(print_duration(d)), d) << print_duration(d);
  }
  EXPECT_EQ(print_duration(10min), "10m");
  EXPECT_EQ(print_duration(90s), "1m30s");
}

struct SizeRow {
  const char* text;
  std::optional<ByteCount> expected;
};

TEST(Units, SizesNeedAUnit) {
  const std::vector<SizeRow> rows = {
      {"0B", 0},
      {"512B", 512},
      {"64KiB", 65536},
      {"64KB", 64000},
      {"1MiB", 1 << 20},
      {"1.5KiB", 1536},
      {"2GB", 2'000'000'000},
      {"1GiB", 1 << 30},
      {"0.001KB", 1},
      {"", {}},
      {"64", {}},
      {"64k", {}},
      {"64K", {}},
      {"64kb", {}},
      {"64 KiB", {}},
      {"-1B", {}},
      {"1.5B", {}},
      {"1MiB1KiB", {}},
      {"9999999999GiB", {}},
  };
  for (const SizeRow& row : rows) EXPECT_EQ(parse_size(row.text), row.expected) << row.text;
}

TEST(Units, PrintedSizesReadBackExactly) {
  for (const ByteCount n : {0UL, 1UL, 1000UL, 1024UL, 65536UL, 1048577UL, 5'000'000UL, 1UL << 40}) {
    EXPECT_EQ(parse_size(print_size(n)), n) << print_size(n);
  }
  EXPECT_EQ(print_size(64 * 1024), "64KiB");
}

TEST(Units, RatesNameTheirTime) {
  EXPECT_EQ(parse_rate("5/s"), (Rate{5, 1s}));
  EXPECT_EQ(parse_rate("1000/min"), (Rate{1000, 1min}));
  EXPECT_EQ(parse_rate("2/h"), (Rate{2, 1h}));
  for (const char* text : {"5", "5/", "/s", "0/s", "5/week", "-5/s", "5 /s", "5.5/s"}) {
    EXPECT_EQ(parse_rate(text), std::nullopt) << text;
  }
}

TEST(Units, PercentsLieBetweenNothingAndAll) {
  EXPECT_EQ(parse_percent("0%"), 0.0);
  EXPECT_EQ(parse_percent("100%"), 1.0);
  EXPECT_DOUBLE_EQ(parse_percent("12.5%").value_or(-1), 0.125);
  for (const char* text : {"", "%", "5", "101%", "-1%", "5 %", "1.%", "0.5"}) {
    EXPECT_EQ(parse_percent(text), std::nullopt) << text;
  }
}

TEST(Units, PrintedPercentsReadBackExactly) {
  for (int n = 0; n <= 1'000'000; n += 7) {  // to four digits behind the point
    const std::string text =
        std::to_string(n / 10'000) + "." + std::to_string(10'000 + n % 10'000).substr(1) + "%";
    const auto part = parse_percent(text);
    ASSERT_TRUE(part) << text;
    ASSERT_EQ(parse_percent(print_percent(*part)), part) << text;
  }
  EXPECT_EQ(print_percent(0.5), "50%");
  EXPECT_EQ(print_percent(0.125), "12.5%");
  EXPECT_EQ(print_percent(0), "0%");
}

TEST(Units, DecimalsAreExact) {
  EXPECT_EQ(parse_decimal("0"), 0.0);
  EXPECT_EQ(parse_decimal("2"), 2.0);
  EXPECT_EQ(parse_decimal("1.5"), 1.5);
  EXPECT_EQ(parse_decimal("-0.25"), -0.25);
  for (const char* text : {"", "-", ".5", "1.", "01", "+1", "1e3", "0x1", "inf", "nan", "-0",
                           "-0.0", "1.2345678", "1234567890123456", "1 ", " 1", "1,5", "--1"}) {
    EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
  }
}

TEST(Units, PrintedDecimalsReadBackExactly) {
  for (const char* text : {"0", "1", "100", "1.5", "0.000001", "-3.25", "999999999.999999",
                           "123456789012345", "0.1", "0.3", "2.675", "1.100000"}) {
    const auto value = parse_decimal(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(parse_decimal(print_decimal(*value)), value) << text;
  }
  EXPECT_EQ(print_decimal(2), "2");
  EXPECT_EQ(print_decimal(100), "100");
  EXPECT_EQ(print_decimal(1.5), "1.5");
}

TEST(Units, IntegersAreDigitsOnly) {
  EXPECT_EQ(parse_integer("0"), 0u);
  EXPECT_EQ(parse_integer("4170"), 4170u);
  for (const char* text :
       {"", "010", "+1", "-1", "1_000", "0x10", "1e3", "1.0", "18446744073709551616"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace outrigger::config
