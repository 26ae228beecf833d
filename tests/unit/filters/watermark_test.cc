#include "filters/overload/watermark.h"

#include <vector>

#include <gtest/gtest.h>

#include "filters/overload/pressure.h"

namespace outrigger::filters {
namespace {

TEST(Watermark, ALevelIsLeftBelowItsMark) {
  const config::Watermarks marks{0.7, 0.85};
  struct Row {
    Level before;
    std::uint64_t used;
    Level after;
  };
  using enum Level;
  const std::vector<Row> rows = {
      {kEnough, 0, kEnough}, {kEnough, 69, kEnough}, {kEnough, 70, kSoft}, {kEnough, 84, kSoft},
      {kEnough, 85, kHard},  {kEnough, 200, kHard},  {kSoft, 69, kSoft},   {kSoft, 67, kSoft},
      {kSoft, 66, kEnough},  {kSoft, 85, kHard},     {kHard, 84, kHard},   {kHard, 82, kHard},
      {kHard, 81, kSoft},    {kHard, 67, kSoft},     {kHard, 66, kEnough},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(next_level(row.before, {row.used, 100}, marks), row.after)
        << static_cast<int>(row.before) << " at " << row.used;
  }
}

TEST(Watermark, WithoutMarksOrALimitThereIsEnough) {
  EXPECT_EQ(next_level(Level::kHard, {100, 100}, std::nullopt), Level::kEnough);
  EXPECT_EQ(next_level(Level::kHard, {100, 0}, config::Watermarks{}), Level::kEnough);
}

TEST(Memory, IsThatOfTheControlGroupWhereOneLimits) {
  constexpr std::uint64_t kGiB = 1 << 30;
  struct Row {
    MemoryReading reading;
    Usage usage;
  };
  const std::vector<Row> rows = {
      {{true, 8 * kGiB, 100, std::nullopt, 0, 0}, {100, 8 * kGiB}},
      {{true, 8 * kGiB, 100, kGiB, 300, 50}, {250, kGiB}},
      {{true, 8 * kGiB, 100, kGiB, 300, 400}, {0, kGiB}},  // the two are read one after the other
      {{true, 8 * kGiB, 100, 64 * kGiB, 300, 0}, {100, 8 * kGiB}},  // more than there is
      {{true, 0, 100, kGiB, 300, 0}, {300, kGiB}},
      {{true, 0, 100, std::nullopt, 0, 0}, {100, 0}},
  };
  for (const Row& row : rows) {
    const Usage usage = memory_usage(row.reading);
    EXPECT_EQ(usage.used, row.usage.used);
    EXPECT_EQ(usage.limit, row.usage.limit);
  }
}

TEST(Pressure, ADescriptorAtTheMarkSaysThatAllBelowAreTaken) {
  Pressure pressure;
  EXPECT_FALSE(pressure.refuses_connection(1'000'000));
  pressure.refuse_connections_from(950);
  EXPECT_FALSE(pressure.refuses_connection(949));
  EXPECT_TRUE(pressure.refuses_connection(950));
  EXPECT_FALSE(pressure.refuses_requests());
  EXPECT_FALSE(pressure.spares());
  pressure.set(Resource::kDescriptors, Level::kHard);
  EXPECT_TRUE(pressure.refuses_connection(10));
  EXPECT_TRUE(pressure.spares());
  EXPECT_FALSE(pressure.refuses_requests()) << "those of open connections need no new one";
}

}  // namespace
}  // namespace outrigger::filters
