#include "proxy/base/log.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

constexpr std::int64_t kWhen = 1'769'903'999'123'456;

std::string line(LogStyle style, LogLevel level, std::string_view message, LogFields fields = {}) {
  std::string out;
  append_log_line(out, style, kWhen, level, "config", message, fields);
  return out;
}

TEST(Log, WritesOneJsonObjectALine) {
  const std::string name = "a \"file\"";
  EXPECT_EQ(
      line(LogStyle::kJson, LogLevel::kWarn, "reload\nrefused",
           {{"file", name}, {"errors", 2}, {"took_ms", 1500us}, {"kept", true}, {"size", 7UL}}),
      R"({"ts":"2026-01-31T23:59:59.123456Z","level":"warn","msg":"reload\nrefused",)"
      R"("logger":"config","file":"a \"file\"","errors":2,"took_ms":1.500,"kept":true,"size":7})"
      "\n");
}

TEST(Log, WritesAReadableLineForATerminal) {
  EXPECT_EQ(
      line(LogStyle::kText, LogLevel::kInfo, "ready", {{"listen", "127.0.0.1:4170"}, {"in", 12ms}}),
      "23:59:59.123 info  config: ready listen=127.0.0.1:4170 in=12.000ms\n");
  EXPECT_EQ(line(LogStyle::kText, LogLevel::kError, "no", {{"why", "two words"}, {"empty", ""}}),
            "23:59:59.123 error config: no why=\"two words\" empty=\"\"\n");
}

TEST(Log, KeepsControlCharactersFromATerminal) {
  const std::string text =
      line(LogStyle::kText, LogLevel::kInfo, "a\x1b[31mb", {{"k", "\x1b[0m\n"}});
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Log, HidesValuesOfKeysThatNameCredentials) {
  for (const LogStyle style : {LogStyle::kJson, LogStyle::kText}) {
    const std::string text = line(style, LogLevel::kInfo, "m", {{"encryption_key", "hunter2"}});
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_NE(text.find("REDACTED"), std::string::npos) << text;
  }
}

TEST(RateLimitedLog, LetsOneThroughInEachIntervalAndCountsTheRest) {
  RateLimitedLog limit(1min);
  EXPECT_TRUE(limit.allow(TimePoint{0s}));
  EXPECT_EQ(limit.suppressed(), 0U);
  EXPECT_FALSE(limit.allow(TimePoint{1s}));
  EXPECT_FALSE(limit.allow(TimePoint{59s}));
  EXPECT_TRUE(limit.allow(TimePoint{60s}));
  EXPECT_EQ(limit.suppressed(), 2U);
  EXPECT_FALSE(limit.allow(TimePoint{61s}));
  EXPECT_TRUE(limit.allow(TimePoint{10min}));
  EXPECT_EQ(limit.suppressed(), 1U);
}

}  // namespace
}  // namespace outrigger
