#include "proxy/http/h2_abuse.h"

#include <gtest/gtest.h>

#include <string>

namespace outrigger::http {
namespace {

TimePoint at(Duration d) {
  return TimePoint{1h + d};
}

struct Flood {
  const char* name;  // and its source
  H2FrameHead frame;
  int fine;             // so many at one moment are taken
  const char* verdict;  // on the next
};

TEST(H2Abuse, StopsEachFloodAtItsBurst) {
  const Flood floods[] = {
      {"rapid reset, CVE-2023-44487", {4, 3, 0, 1}, 200, "rapid_reset"},
      {"PING flood, CVE-2019-9512", {8, 6, 0, 0}, 1000, "control_frame_flood"},
      {"SETTINGS flood, CVE-2019-9515", {6, 4, 0, 0}, 1000, "control_frame_flood"},
      {"PRIORITY flood, CVE-2019-9513", {5, 2, 0, 1}, 1000, "control_frame_flood"},
      {"unknown frames", {1, 0x42, 0, 1}, 1000, "control_frame_flood"},
      {"empty DATA, CVE-2019-9518", {0, 0, 0, 1}, 100, "empty_data_flood"},
      {"WINDOW_UPDATE nobody needs", {4, 8, 0, 1}, 1100, "window_update_flood"},
      {"CONTINUATION flood, CVE-2024-28182", {10, 9, 0, 1}, 8, "continuation_flood"},
      {"empty CONTINUATION", {0, 9, 0, 1}, 8, "continuation_flood"},
  };
  for (const Flood& flood : floods) {
    H2AbuseMeter meter({});
    (void)meter.on_frame({10, 1, 0, 1}, at(0s));
    // The HEADERS above earned window updates: this row does not count them.
    const int fine = flood.frame.type == 8 ? flood.fine + 4 : flood.fine;
    for (int i = 0; i < fine; ++i) {
      ASSERT_EQ(meter.on_frame(flood.frame, at(0s)), "") << flood.name << " no. " << i;
    }
    EXPECT_EQ(meter.on_frame(flood.frame, at(0s)), flood.verdict) << flood.name;
  }
}

TEST(H2Abuse, LetsOrdinaryTrafficPassForEver) {
  H2AbuseMeter meter({});
  for (int i = 0; i < 100'000; ++i) {
    const TimePoint now = at(i * 1ms);
    ASSERT_EQ(meter.on_frame({50, 1, 5, i * 2 + 1}, now), "");
    ASSERT_EQ(meter.on_frame({100, 0, 1, i * 2 + 1}, now), "");
    meter.on_data_sent();
    ASSERT_EQ(meter.on_frame({4, 8, 0, 0}, now), "");
    ASSERT_EQ(meter.on_frame({4, 8, 0, i * 2 + 1}, now), "");
    ASSERT_EQ(meter.on_stream_closed(false, 1ms), "");
    if (i % 200 == 0) ASSERT_EQ(meter.on_frame({8, 6, 0, 0}, now), "");
    if (i % 100 == 0) ASSERT_EQ(meter.on_frame({4, 3, 0, 1}, now), "");
  }
}

TEST(H2Abuse, RegainsItsPatienceWithTime) {
  H2AbuseMeter meter({});
  const H2FrameHead reset{4, 3, 0, 1};
  for (int i = 0; i < 200; ++i) ASSERT_EQ(meter.on_frame(reset, at(0s)), "");
  // 20 a second come back.
  for (int i = 0; i < 20; ++i) ASSERT_EQ(meter.on_frame(reset, at(1s)), "") << i;
  EXPECT_EQ(meter.on_frame(reset, at(1s)), "rapid_reset");
}

TEST(H2Abuse, CountsResetsThatThePeerProvokesWithItsOwn) {  // "made you reset", architecture 10
  H2AbuseMeter meter({});
  for (int i = 0; i < 100; ++i) ASSERT_EQ(meter.on_frame({4, 3, 0, 1}, at(0s)), "");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(meter.on_provoked_reset(at(0s)), "");
  EXPECT_EQ(meter.on_provoked_reset(at(0s)), "provoked_resets");
}

TEST(H2Abuse, HangsUpWhenHalfOfManyStreamsAreResetEarly) {
  H2AbuseMeter meter({});
  for (int i = 0; i < 499; ++i) ASSERT_EQ(meter.on_stream_closed(i % 2 == 0, 10ms), "");
  EXPECT_EQ(meter.on_stream_closed(true, 10ms), "premature_resets");
  H2AbuseMeter patient({});
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(patient.on_stream_closed(true, 2s), "");
}

TEST(H2Abuse, BoundsTheBytesOfOneHeaderBlock) {
  H2AbuseMeter meter({});
  EXPECT_EQ(meter.on_frame({16384, 1, 0, 1}, at(0s)), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(meter.on_frame({16384, 9, 0, 1}, at(0s)), "");
  EXPECT_EQ(meter.on_frame({1, 9, 4, 1}, at(0s)), "header_block_too_long");
  H2AbuseMeter next({});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(next.on_frame({16384, 1, 4, 2 * i + 1}, at(0s)), "");
}

TEST(TokenBucket, NeitherOverflowsNorRunsBackwards) {
  TokenBucket bucket(2, 1);
  EXPECT_TRUE(bucket.take(2, TimePoint{24h * 365 * 100}));
  EXPECT_FALSE(bucket.take(1, TimePoint{0s}));
  EXPECT_TRUE(bucket.take(1, TimePoint{1s}));
}

}  // namespace
}  // namespace outrigger::http
