#include "filters/classify/hint_values.h"

#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr double kNow = 1795806000;  // 2026-11-27T19:00:00Z, a Friday

struct Row {
  std::string_view text;
  std::optional<Duration> wait;
};

TEST(HintValues, ReadsRetryAfterInEveryForm) {
  const Row rows[] = {
      // resilience 5.3, status and hints
      {"20", 20s},
      {"0", 0s},
      {"1.5", 1500ms},
      {" 7 ", 7s},
      {"3600", 1h},
      {"Fri, 27 Nov 2026 19:00:30 GMT", 30s},   // RFC 9110 5.6.7 IMF-fixdate
      {"Friday, 27-Nov-26 19:00:30 GMT", 30s},  // rfc850-date
      {"Fri Nov 27 19:00:30 2026", 30s},        // asctime-date
      {"Fri, 27 Nov 2026 19:00:30 UTC", 30s},
      {"Fri, 27 Nov 2026 19:00:30 GMT x", std::nullopt},
      {"Fri Nov 27 19:00:30 2026 x", std::nullopt},
      {"2026-11-27T19:01:00Z", 60s},
      {"34s", 34s},  // protobuf, llm 2.4 Gemini
      {"6m0s", 6min},
      {"Fri, 27 Nov 2026 18:59:59 GMT", std::nullopt},  // past
      {"Sun Nov  6 08:49:37 1994", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {"1e300", std::nullopt},
      {"1e3", std::nullopt},
      {"99999999999999999999", std::nullopt},
      {"nan", std::nullopt},
      {"inf", std::nullopt},
      {"", std::nullopt},
      {"soon", std::nullopt},
      {"10 apples", std::nullopt},
      {"1795806030", std::nullopt},  // as seconds, 57 years
  };
  for (const auto& [text, wait] : rows) EXPECT_EQ(hint_of_retry_after(text, kNow), wait) << text;
}

TEST(HintValues, TellsResetsApartByMagnitude) {
  const Row rows[] = {
      {"0", 0s},
      {"12", 12s},
      {"2592000", 720h},             // 30 days: the last that is a delta (llm 2.4)
      {"2592001", std::nullopt},     // a moment of 1970
      {"1795806042", 42s},           // epoch seconds: GitHub, Cohere
      {"1795806042500", 42500ms},    // epoch milliseconds: OpenRouter
      {"1795805999", std::nullopt},  // past
      {"12ms", 12ms},                // OpenAI, Go durations
      {"1s", 1s},
      {"6m0s", 6min},
      {"1h2m3s", 3723s},
      {"2m59.56s", 179560ms},        // Groq
      {"2026-11-27T19:00:05Z", 5s},  // Anthropic, RFC 3339
      {"2026-11-27T20:00:05.5+01:00", 5500ms},
      {"-1", std::nullopt},  // Azure: not known
      {"1e300", std::nullopt},
  };
  for (const auto& [text, wait] : rows) EXPECT_EQ(hint_of_reset(text, kNow), wait) << text;
}

TEST(HintValues, ReadsTheWaitThatAMessageNames) {
  const Row rows[] = {
      {"Rate limit reached for gpt-4o. Please try again in 1.2s. Visit", 1200ms},  // llm 2.4 OpenAI
      {"Please try again in 20ms.", 20ms},
      {"please try again in 6m0s.", 6min},
      {"Please retry after 37 seconds.", 37s},  // llm 2.4 Azure
      {"PLEASE RETRY AFTER 1 SECOND", 1s},
      {"Please retry in 34.5s.", 34500ms},  // Gemini
      {"try again in 1 hour 5 minutes", 3900s},
      {"You will regain access on 2026-12-01 at 00:00 UTC.", 77h},  // Anthropic
      {"You will regain access on 2026-12-01.", 77h},
      {"You will regain access on 2026-12-01 at midnight.", 77h},
      {"You will regain access on 2026-11-01 at 00:00 UTC.", std::nullopt},
      {"try again in a moment", std::nullopt},
      {"try again in 5", std::nullopt},
      {"try again in -5s", std::nullopt},
      {"retry after 1e300 seconds", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, wait] : rows) EXPECT_EQ(hint_of_prose(text, kNow), wait) << text;
}

TEST(HintValues, ReadsUnitsOnlyWhole) {
  EXPECT_EQ(hint_of_units("0.8s"), 800ms);
  EXPECT_EQ(hint_of_units("5 seconds"), 5s);
  EXPECT_EQ(hint_of_units(" 5s\t"), 5s);
  for (const std::string_view text : {"5", "5x", "s", "5s!", "-5s", "1s 2", ""}) {
    EXPECT_EQ(hint_of_units(text), std::nullopt) << text;
  }
  EXPECT_EQ(hint_of_milliseconds("1500"), 1500ms);
  EXPECT_EQ(hint_of_milliseconds("-1"), std::nullopt);
  EXPECT_EQ(hint_of_seconds("31622400"), kLongestHint);
  EXPECT_EQ(hint_of_seconds("31622401"), std::nullopt);
}

TEST(HintValues, KnowsEveryNameOfAUnit) {
  const std::pair<Duration, std::vector<std::string_view>> rows[] = {
      {2ms, {"ms", "milliseconds"}},
      {2s, {"s", "sec", "secs", "second", "seconds", "SECONDS"}},
      {2min, {"m", "min", "mins", "minute", "minutes"}},
      {2h, {"h", "hr", "hrs", "hour", "hours"}},
      {48h, {"d", "day", "days"}},
  };
  for (const auto& [wait, names] : rows) {
    for (const std::string_view name : names) {
      EXPECT_EQ(hint_of_units("2 " + std::string(name)), wait) << name;
    }
  }
  EXPECT_EQ(hint_of_units("2000000000ns"), 2s);
  EXPECT_EQ(hint_of_units("2000000us"), 2s);
}

// RFC 3339 5.6 and 5.7.
TEST(HintValues, ReadsZonesAndLeapSeconds) {
  const double noon = parse_rfc3339("2026-11-27T12:00:00Z").value();
  EXPECT_EQ(parse_rfc3339("2026-11-27T12:00:00z"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-27t12:00:00Z"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-27 12:00:00Z"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-27T14:30:00+02:30"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-27T09:30:00-02:30"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-27T11:59:60Z"), noon);
  EXPECT_EQ(parse_rfc3339("2026-11-27T11:59:61Z"), std::nullopt);
  EXPECT_EQ(parse_rfc3339("2026-11-27T11:59:Z"), std::nullopt);
  for (const std::string_view zone :
       {"", "x", "+", "+2", "+24:00", "+02:00x", "+02:00 Z", "Zulu"}) {
    EXPECT_EQ(parse_rfc3339("2026-11-27T12:00:00" + std::string(zone)), std::nullopt) << zone;
  }
}

TEST(HintValues, RefusesDatesThatDoNotExist) {
  for (const std::string_view text :
       {"Fri, 31 Nov 2026 19:00:30 GMT", "Fri, 27 Nov 2026 24:00:00 GMT",
        "Fri, 27 Nov 2026 19:60:00 GMT", "Fri, 27 Xyz 2026 19:00:00 GMT",
        "Fri, 27 Nov 2026 19:00:00 PST", "Fri, 27 Nov 2026 19:00:00", "27 Nov 2026",
        "Fri, 27 Nov 20260 19:00:00 GMT", "Fri, 2x Nov 2026 19:00:00 GMT",
        "Fri, 27 Nov 2x26 19:00:00 GMT", "Fri, 27 Nov 2026 noon GMT",
        "Fri, 27 Nov 2026 19:00:00x GMT", "Fri", ""}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
  for (const std::string_view text :
       {"2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T00:00:00", "2026-1-1T00:00:00Z",
        "2026-01-01", "-01-01T00:00:00Z", "2026--01T00:00:00Z", "2026-01-T00:00:00Z",
        "2026-01-0100:00:00Z", "202x-01-01T00:00:00Z", "2026-01-01T:00:00Z",
        "2026-01-01T12::00Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
  EXPECT_EQ(parse_http_date("Thursday, 01-Jan-70 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_http_date("Tuesday, 01-Jan-69 00:00:00 GMT"), 3124224000) << "2069";
  EXPECT_LT(*parse_http_date("Tuesday, 01-Jan-126 00:00:00 GMT"), 0) << "the year 126";
  EXPECT_EQ(parse_rfc3339("1985-04-12T23:20:50.52Z"), 482196050.52);
}

// Whatever the bytes: never negative, never beyond the bound.
TEST(HintValues, AreNeverNegativeNorEndless) {
  constexpr std::string_view kAlphabet = "0123456789.:-+ smhdZTGMTe,Novtry again in retry after";
  for (unsigned seed = 0; seed < 20000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    const std::size_t size = random() % 24;
    for (std::size_t i = 0; i < size; ++i) {
      text +=
          random() % 8 == 0 ? static_cast<char>(random()) : kAlphabet[random() % kAlphabet.size()];
    }
    const double now = random() % 5 == 0 ? -1e18 : static_cast<double>(random());
    for (const auto wait : {hint_of_retry_after(text, now), hint_of_reset(text, now),
                            hint_of_prose("try again in " + text, now), hint_of_units(text),
                            hint_of_milliseconds(text)}) {
      if (!wait) continue;
      EXPECT_GE(*wait, 0ns) << "seed " << seed;
      EXPECT_LE(*wait, kLongestHint) << "seed " << seed;
    }
  }
}

// A later moment is a longer wait, in every absolute form.
TEST(HintValues, KeepTheOrderOfMoments) {
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) {
    const double a = kNow + random() % 100000, b = a + 1 + random() % 1000;
    const auto first = hint_of_reset(std::to_string(static_cast<long long>(a)), kNow);
    const auto second = hint_of_reset(std::to_string(static_cast<long long>(b) * 1000), kNow);
    ASSERT_TRUE(first && second);
    EXPECT_LT(*first, *second);
    EXPECT_EQ(*second, *hint_of_moment(b, kNow));
  }
}

}  // namespace
}  // namespace outrigger::filters
