#include "filters/cache/cache_status.h"

#include <gtest/gtest.h>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

std::string text_of(const CacheStatus& status) {
  http::Headers headers;
  append_cache_status(headers, status);
  return std::string(headers.begin()->value);
}

// RFC 9211 2
TEST(CacheStatus, SaysHowARequestWasServed) {
  EXPECT_EQ(text_of({}), "outrigger; hit");
  EXPECT_EQ(text_of({.ttl = 214s}), "outrigger; hit; ttl=214");
  EXPECT_EQ(text_of({.ttl = 999ms}), "outrigger; hit; ttl=0");
  EXPECT_EQ(text_of({.ttl = -500ms}), "outrigger; hit; ttl=-1");
  EXPECT_EQ(text_of({.ttl = -30s, .detail = "breaker-open"}),
            "outrigger; hit; ttl=-30; detail=breaker-open");
  EXPECT_EQ(text_of({.forward = Forward::kMiss, .forward_status = 200, .stored = true}),
            "outrigger; fwd=miss; stored; fwd-status=200");
  EXPECT_EQ(text_of({.forward = Forward::kUriMiss, .collapsed = true}),
            "outrigger; fwd=uri-miss; collapsed");
}

TEST(CacheStatus, HasAWordForEachReason) {
  const std::pair<Forward, std::string> kRows[] = {
      {Forward::kBypass, "bypass"},    {Forward::kMethod, "method"},
      {Forward::kUriMiss, "uri-miss"}, {Forward::kVaryMiss, "vary-miss"},
      {Forward::kMiss, "miss"},        {Forward::kRequest, "request"},
      {Forward::kStale, "stale"},      {Forward::kPartial, "partial"}};
  for (const auto& [forward, word] : kRows) {
    EXPECT_EQ(text_of({.forward = forward}), "outrigger; fwd=" + word);
  }
}

// RFC 8941 3.3.3, 3.3.4
TEST(CacheStatus, TheDetailIsATokenOrAString) {
  EXPECT_EQ(text_of({.detail = "a/b:c"}), "outrigger; hit; detail=a/b:c");
  EXPECT_EQ(text_of({.detail = "5xx"}), "outrigger; hit; detail=\"5xx\"");
  EXPECT_EQ(text_of({.detail = "two words"}), "outrigger; hit; detail=\"two words\"");
  EXPECT_EQ(text_of({.detail = "\"\\\x80\r\n"}), "outrigger; hit; detail=\"\\\"\\\\\"");
}

TEST(CacheStatus, StandsBehindWhatNearerCachesSaid) {
  http::Headers headers = headers_of({{"Cache-Status", "origin; hit"}, {"A", "1"}});
  append_cache_status(headers, {});
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers.begin()[0].value, "origin; hit");
  EXPECT_EQ(headers.begin()[2].name, "Cache-Status");
  EXPECT_EQ(headers.begin()[2].value, "outrigger; hit");
}

}  // namespace
}  // namespace outrigger::filters
