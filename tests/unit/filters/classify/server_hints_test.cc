#include "filters/classify/server_hints.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr double kNow = 1795806000;  // 2026-11-27T19:00:00Z

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

ServerHints read(const Fields& fields, std::string_view body = {}, std::string_view message = {}) {
  http::Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return read_hints(headers, JsonAnswer(body), message, kNow);
}

std::optional<Duration> wait_of(const std::optional<Hint>& hint) {
  return hint ? std::optional(hint->wait) : std::nullopt;
}

TEST(ServerHints, AskedByHeaders) {
  struct Row {
    Fields fields;
    std::optional<Duration> wait;
  };
  const std::vector<Row> rows = {
      {{{"Retry-After", "20"}}, 20s},
      {{{"retry-after", "1.5"}}, 1500ms},
      {{{"retry-after-ms", "1500"}}, 1500ms},
      {{{"x-ms-retry-after-ms", "250"}}, 250ms},  // Azure
      {{{"grpc-retry-pushback-ms", "700"}}, 700ms},
      {{{"x-ratelimit-retry-after", "9"}}, 9s},
      // The same said twice: the exact one.
      {{{"retry-after-ms", "1200"}, {"retry-after", "2"}}, 1200ms},
      // Two that disagree: the longer (resilience 5.3).
      {{{"retry-after-ms", "1200"}, {"retry-after", "20"}}, 20s},
      {{{"retry-after", "3"}, {"retry-after", "5"}}, 5s},
      {{{"retry-after", "junk"}, {"retry-after-ms", "40"}}, 40ms},
      {{{"retry-after", "-3"}}, std::nullopt},
      {{{"x-retried", "3"}}, std::nullopt},
      {{{"x-retry-count", "3"}}, std::nullopt},
      {{}, std::nullopt},
  };
  for (const auto& [fields, wait] : rows) {
    EXPECT_EQ(wait_of(read(fields).asked), wait)
        << (fields.empty() ? "" : std::string(fields[0].first) + ": ")
        << (fields.empty() ? "" : fields[0].second);
  }
}

TEST(ServerHints, DatesCountFromTheServersOwnClock) {
  const Fields skewed = {{"date", "Thu, 01 Jan 2026 00:00:00 GMT"},
                         {"retry-after", "Thu, 01 Jan 2026 00:00:09 GMT"}};
  EXPECT_EQ(wait_of(read(skewed).asked), 9s);
}

TEST(ServerHints, AskedByTheBody) {
  struct Row {
    std::string_view body;
    std::optional<Duration> wait;
  };
  const Row rows[] = {
      {R"({"retry_after": 0.5})", 500ms},
      {R"({"retry_after": "12"})", 12s},
      {R"({"retry_after_ms": 1500})", 1500ms},
      {R"({"error": {"retry_after_ms": 250}})", 250ms},
      {R"({"retryAfter": 3})", 3s},
      {R"({"retry_after_seconds": 4})", 4s},
      {R"({"error": {"retry_after": 5}})", 5s},
      {R"({"error": {"retry_after_seconds": 6}})", 6s},
      {R"({"error": {"metadata": {"retry_after_seconds": 8}}})", 8s},
      {R"({"resets_in_seconds": 9})", 9s},
      {R"({"error": {"resets_at": 1795806010}})", 10s},
      {R"({"error": {"resets_in_seconds": 3600}})", 1h},
      {R"({"error": {"details": [{"@type": "type.googleapis.com/google.rpc.Help"},
          {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]}})",
       34s},
      {R"([{"error": {"details": [{"retryDelay": "0.8s"}]}}])", 800ms},
      {R"({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1795806030000"}}}})", 30s},
      {R"({"retry_after": -1})", std::nullopt},
      {R"({"retry_after": 1e300})", std::nullopt},
      {R"({"retry_after": null})", std::nullopt},
      {R"({"retry_after": [1]})", std::nullopt},
      {R"({"retry_after": 7, "messa)", 7s},
      {"retry_after", std::nullopt},
  };
  for (const auto& [body, wait] : rows) EXPECT_EQ(wait_of(read({}, body).asked), wait) << body;
}

TEST(ServerHints, OfTwoThatSayTheSameTheFirstIsNamed) {
  EXPECT_EQ(read({{"retry-after", "7"}}, R"({"retry_after": 7})").asked->from, "retry-after");
  EXPECT_EQ(read({{"retry-after", "7"}}, R"({"retry_after": 8})").asked->from, "the body");
}

TEST(ServerHints, AMessageIsAskedOnlyWhereNothingElseSpeaks) {
  constexpr std::string_view kMessage = "Please try again in 1.2s.";
  EXPECT_EQ(wait_of(read({}, {}, kMessage).asked), 1200ms);
  EXPECT_EQ(wait_of(read({{"retry-after", "1"}}, {}, kMessage).asked), 1s);
}

TEST(ServerHints, ResetsCountForTheExhaustedDimension) {
  struct Row {
    Fields fields;
    std::optional<Duration> wait;
  };
  const std::vector<Row> rows = {
      {{{"x-ratelimit-remaining-requests", "0"},
        {"x-ratelimit-reset-requests", "6m0s"},
        {"x-ratelimit-remaining-tokens", "900"},
        {"x-ratelimit-reset-tokens", "20m0s"}},
       6min},
      {{{"x-ratelimit-remaining-requests", "0"},
        {"x-ratelimit-reset-requests", "12ms"},
        {"x-ratelimit-remaining-tokens", "0"},
        {"x-ratelimit-reset-tokens", "1s"}},
       1s},
      {{{"anthropic-ratelimit-tokens-remaining", "0"},
        {"anthropic-ratelimit-tokens-reset", "2026-11-27T19:00:12Z"},
        {"anthropic-ratelimit-requests-remaining", "49"},
        {"anthropic-ratelimit-requests-reset", "2026-11-27T19:09:00Z"}},
       12s},
      {{{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1795806060"}}, 60s},
      {{{"x-ratelimit-remaining", "4999"}, {"x-ratelimit-reset", "1795806060"}}, std::nullopt},
      {{{"x-ratelimit-reset", "1795806060"}}, 60s},  // nobody says what remains
      {{{"X-RateLimit-Reset", "1795806060000"}}, 60s},
      // Azure: -1 is "not known", and so is its zero (llm 2.4).
      {{{"x-ratelimit-remaining-tokens", "-1"}, {"x-ratelimit-reset-tokens", "0"}}, std::nullopt},
      {{{"ratelimit", "\"default\";r=0;t=30, \"daily\";r=5;t=3000"}}, 30s},
      {{{"ratelimit", "\"default\";t=30;r=0"}}, 30s},
      {{{"ratelimit", "limit=100, remaining=0, reset=31"}}, 31s},
      {{{"x-ratelimit-remaining-requests", "0"},  // what is no number says nothing
        {"x-ratelimit-reset-requests", "5s"},
        {"x-ratelimit-remaining-tokens", "unlimited"},
        {"x-ratelimit-reset-tokens", "60s"}},
       5s},
      {{{"ratelimit", "limit=100;w=60, remaining=3, reset=31"}}, std::nullopt},
      {{{"ratelimit-remaining", "0"}, {"ratelimit-reset", "8"}}, 8s},
      {{{"x-ratelimit-reset-ms", "90"}}, 90ms},
      {{{"x-rate-limit-reset", "1795806060"}}, 60s},  // Okta, X
      {{{"x-ratelimit-reset", "junk"}}, std::nullopt},
      {{{"reset", "5"}}, std::nullopt},
  };
  for (const auto& [fields, wait] : rows) {
    EXPECT_EQ(wait_of(read(fields).reset), wait) << fields[0].first << ": " << fields[0].second;
    EXPECT_EQ(read(fields).asked, std::nullopt) << fields[0].first;
  }
}

TEST(ServerHints, TheServersWordOnRepeating) {
  struct Row {
    Fields fields;
    std::optional<bool> retry;
  };
  const std::vector<Row> rows = {
      {{{"x-should-retry", "true"}}, true},
      {{{"X-Should-Retry", "False"}}, false},
      {{{"stripe-should-retry", "true"}}, true},
      {{{"x-should-retry", "true"}, {"stripe-should-retry", "false"}}, false},
      {{{"x-should-retry", "perhaps"}}, std::nullopt},
      {{{"grpc-retry-pushback-ms", "-1"}}, false},  // gRPC A6
      {{{"grpc-retry-pushback-ms", "junk"}}, false},
      {{{"grpc-retry-pushback-ms", "10"}}, std::nullopt},
      {{}, std::nullopt},
  };
  for (const auto& [fields, retry] : rows) EXPECT_EQ(read(fields).retry, retry);
}

}  // namespace
}  // namespace outrigger::filters
