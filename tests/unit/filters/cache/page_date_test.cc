#include "filters/cache/page_date.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

constexpr std::int64_t k1994 = 784'111'777 * kSecondUs;    // Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::int64_t k2050 = 2'544'400'878 * kSecondUs;  // Thu, 18 Aug 2050 02:01:18 GMT

TEST(PageDate, ReadsTheThreeFormsInAnyCase) {
  struct Row {
    std::string_view text;
    std::int64_t moment;
  };
  constexpr Row kRows[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", k1994},     // RFC 9110 5.6.7
      {"Sunday, 06-Nov-94 08:49:37 GMT", k1994},    // likewise
      {"Sun Nov  6 08:49:37 1994", k1994},          // likewise
      {"Sun Nov 06 08:49:37 1994", k1994},          // two digits
      {"THU, 18 Aug 2050 02:01:18 GMT", k2050},     // RFC 9111 4.2; cache-tests expires-parse
      {"Thu, 18 AUG 2050 02:01:18 GMT", k2050},     // likewise
      {"Thu, 18 Aug 2050 02:01:18 gMT", k2050},     // likewise
      {"Thursday, 18-Aug-50 02:01:18 GMT", k2050},  // cache-tests freshness-expires-rfc850
      {"Mon, 18 Aug 2050 02:01:18 GMT", k2050},     // the weekday decides nothing
      {"Tue, 19 Jan 2038 14:14:08 GMT", 2'147'523'248 * kSecondUs},  // past 32 bits
      {"Sun, 21 Nov 2286 04:46:39 GMT", 10'000'039'599 * kSecondUs},
      {"Sat, 31 Dec 2016 23:59:60 GMT", 1'483'228'800 * kSecondUs},  // a leap second
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(parse_page_date(row.text, kNow), row.moment) << row.text;
  }
}

// cache-tests expires-parse: an answer with such an Expires must not be reused.
TEST(PageDate, TakesNothingThatIsNearlyADate) {
  constexpr std::string_view kRows[] = {
      "",
      "0",
      "-1",
      "Thu, 18 Aug 2050 02:01:18 UTC",
      "Thu, 18 Aug 2050 02:01:18 AEST",
      "Thu, 18 Aug 2050 02:01:18",
      "Thu, 18 Aug 50 02:01:18 GMT",
      "Thu 18 Aug 2050 02:01:18 GMT",
      "Thu, 18  Aug  2050 02:01:18 GMT",
      "Thu, 18-Aug-2050 02:01:18 GMT",
      "Thu, 18 Aug 2050 02.01.18 GMT",
      "Thu, 18 Aug 2050 2:01:18 GMT",
      "Thu, 18 Aug 2050 02:01:18 GMT ",
      " Thu, 18 Aug 2050 02:01:18 GMT",
      "Thu, 18 Aug 2050 24:01:18 GMT",
      "Thu, 18 Aug 2050 02:60:18 GMT",
      "Thu, 18 Aug 2050 02:01:61 GMT",
      "Thu, 31 Feb 2050 02:01:18 GMT",
      "Thu, 00 Aug 2050 02:01:18 GMT",
      "Thurs, 18 Aug 2050 02:01:18 GMT",
      "Thu, 18-Aug-50 02:01:18 GMT",
      "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT",
  };
  for (const std::string_view text : kRows) {
    EXPECT_EQ(parse_page_date(text, kNow), std::nullopt) << text;
  }
}

// RFC 9110 5.6.7: more than 50 years ahead is the past.
TEST(PageDate, TwoDigitsOfAYearAreAtMostFiftyYearsAhead) {
  EXPECT_EQ(parse_page_date("Sunday, 01-Nov-76 00:00:00 GMT", kNow),
            parse_page_date("Sun, 01 Nov 2076 00:00:00 GMT", kNow));
  EXPECT_EQ(parse_page_date("Sunday, 01-Nov-77 00:00:00 GMT", kNow),
            parse_page_date("Tue, 01 Nov 1977 00:00:00 GMT", kNow));
}

TEST(PageDate, WhatIsWrittenIsReadAgain) {
  EXPECT_EQ(page_date(k1994), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(page_date(k1994 + 999'999), "Sun, 06 Nov 1994 08:49:37 GMT");
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t moment = static_cast<std::int64_t>(random() % 250'000'000'000) * kSecondUs;
    EXPECT_EQ(parse_page_date(page_date(moment), kNow), moment);
  }
}

}  // namespace
}  // namespace outrigger::filters
