#include "proxy/base/ulid.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/wall_clock.h"

namespace outrigger {
namespace {

std::string next(UlidSource& source, std::uint64_t ms) {
  char text[UlidSource::kSize];
  source.next(ms, text);
  return {text, sizeof text};
}

TEST(Ulid, CarriesItsTime) {
  UlidSource source(1);
  const std::string id = next(source, 1469918176385);
  EXPECT_EQ(id.substr(0, 10), "01ARYZ6S41");  // the specification's example
  EXPECT_EQ(ulid_time_ms(id), 1469918176385U);
}

TEST(Ulid, GrowsWithinAMillisecondAndWhenTheClockStepsBack) {
  UlidSource source(2);
  std::string last = next(source, 1000);
  for (int i = 0; i < 10000; ++i) {
    const std::string id = next(source, 1000 - static_cast<std::uint64_t>(i % 3));
    ASSERT_LT(last, id);
    last = id;
  }
  EXPECT_LT(last, next(source, 1001));
}

TEST(Ulid, DiffersBetweenSeeds) {
  UlidSource a(1);
  UlidSource b(2);
  EXPECT_NE(next(a, 5), next(b, 5));
}

TEST(Ulid, RefusesTextThatIsNone) {
  for (const std::string_view text :
       {"", "01ARYZ6S41", "81ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FAU",
        "01aryz6s41tsv4rrffq69g5fav", "01ARYZ6S41TSV4RRFFQ69G5FAVX"}) {
    EXPECT_FALSE(ulid_time_ms(text)) << text;
  }
  EXPECT_TRUE(ulid_time_ms("01ARYZ6S41TSV4RRFFQ69G5FAV"));
}

std::int64_t fake_micros = 0;
std::int64_t read_fake() noexcept {
  return fake_micros;
}

TEST(WallClock, FollowsSteadyTimeAndLooksAtTheSystemOnceASecond) {
  WallClock clock(&read_fake);
  fake_micros = 5'000'000;
  EXPECT_EQ(clock.micros(TimePoint{10s}), 5'000'000);
  fake_micros = 90'000'000;  // the system's clock was stepped
  EXPECT_EQ(clock.micros(TimePoint{10s + 999ms}), 5'999'000);
  EXPECT_EQ(clock.micros(TimePoint{11s}), 90'000'000);
}

TEST(TimestampText, IsRfc3339InUtc) {
  TimestampText text;
  EXPECT_EQ(text.format(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(text.format(1'769'903'999'123'456), "2026-01-31T23:59:59.123456Z");
  EXPECT_EQ(text.format(1'769'903'999'000'007), "2026-01-31T23:59:59.000007Z");
  EXPECT_EQ(text.format(1'769'904'000'000'000), "2026-02-01T00:00:00.000000Z");
  EXPECT_EQ(text.format(-1), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace outrigger
