// The limits of each provider, as its headers spell them (llm 2.4).
#include "filters/rate_limit/limit_headers.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr double kNow = 1'772'000'000;  // 2026-02-25T06:13:20Z

using Fields = std::vector<std::pair<std::string, std::string>>;

LimitNews read(const Fields& fields) {
  http::Headers headers;
  headers.add("Content-Type", "application/json");
  for (const auto& [name, value] : fields) headers.add(name, value);
  return read_limits(headers, kNow);
}

std::string text(const std::optional<double>& number) {
  return number ? std::to_string(static_cast<long long>(*number)) : "-";
}
std::string text(const std::optional<Duration>& duration) {
  return duration ? std::to_string(*duration / 1ms) : "-";
}

// "requests 59/60 reset 1000" of each that is known; ~: rounded, |: a window, per: its period.
std::string told(const LimitNews& news) {
  constexpr const char* kNames[] = {"requests", "tokens", "input", "output"};
  std::string out;
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    const Quota& quota = news.quotas[i];
    if (!quota.known()) continue;
    if (!out.empty()) out += "; ";
    out += std::string(kNames[i]) + " " + text(quota.remaining) + "/" + text(quota.limit);
    if (quota.reset) {
      out +=
          (quota.precise ? " reset " : " reset ~") + text(quota.reset) + (quota.window ? "|" : "");
    }
    if (quota.period) out += " per " + text(quota.period);
  }
  return out;
}

struct Row {
  const char* provider;
  Fields fields;
  const char* told;
};

TEST(LimitHeaders, AreReadInAllSpellings) {
  const Row table[] = {
      {"none", {{"X-Request-Id", "1"}, {"Retry-After", "3"}}, ""},
      {"OpenAI",
       {{"x-ratelimit-limit-requests", "60"},
        {"x-ratelimit-limit-tokens", "150000"},
        {"x-ratelimit-remaining-requests", "59"},
        {"x-ratelimit-remaining-tokens", "149984"},
        {"x-ratelimit-reset-requests", "1s"},
        {"x-ratelimit-reset-tokens", "6m0s"}},
       "requests 59/60 reset 1000; tokens 149984/150000 reset 360000"},
      {"OpenAI, a scope more: the scarcer counts",
       {{"x-ratelimit-limit-tokens", "1000"},
        {"x-ratelimit-remaining-tokens", "900"},
        {"x-ratelimit-reset-tokens", "12ms"},
        {"x-ratelimit-limit-tokens_usage_based", "5000"},
        {"x-ratelimit-remaining-tokens_usage_based", "50"},
        {"x-ratelimit-reset-tokens_usage_based", "59s"}},
       "tokens 50/5000 reset 59000"},
      {"Azure, whole seconds",
       {{"x-ratelimit-limit-tokens", "120000"},
        {"x-ratelimit-remaining-tokens", "119000"},
        {"x-ratelimit-reset-tokens", "1"}},
       "tokens 119000/120000 reset ~1000"},
      {"Azure, not known",
       {{"x-ratelimit-remaining-tokens", "-1"}, {"x-ratelimit-reset-tokens", "0"}},
       ""},
      {"Anthropic",
       {{"anthropic-ratelimit-requests-limit", "50"},
        {"anthropic-ratelimit-requests-remaining", "49"},
        {"anthropic-ratelimit-requests-reset", "2026-02-25T06:13:22Z"},
        {"anthropic-ratelimit-tokens-limit", "400000"},
        {"anthropic-ratelimit-tokens-remaining", "399000"},
        {"anthropic-ratelimit-tokens-reset", "2026-02-25T06:13:30Z"},
        {"anthropic-ratelimit-input-tokens-limit", "300000"},
        {"anthropic-ratelimit-input-tokens-remaining", "299000"},
        {"anthropic-ratelimit-output-tokens-limit", "100000"},
        {"anthropic-ratelimit-output-tokens-remaining", "0"},
        {"anthropic-ratelimit-output-tokens-reset", "2026-02-25T06:14:20Z"}},
       "requests 49/50 reset ~2000; tokens 399000/400000 reset ~10000; input 299000/300000; "
       "output 0/100000 reset ~60000"},
      {"Mistral, newer",
       {{"x-ratelimit-limit-req-minute", "300"},
        {"x-ratelimit-remaining-req-minute", "299"},
        {"x-ratelimit-limit-tokens-minute", "50000"},
        {"x-ratelimit-remaining-tokens-minute", "49000"}},
       "requests 299/300 per 60000; tokens 49000/50000 per 60000"},
      {"GitHub: a moment, and a window",
       {{"x-ratelimit-limit", "5000"},
        {"x-ratelimit-remaining", "4987"},
        {"x-ratelimit-reset", "1772000600"},
        {"x-ratelimit-used", "13"},
        {"x-ratelimit-resource", "core"}},
       "requests 4987/5000 reset ~600000|"},
      {"OpenRouter: milliseconds",
       {{"X-RateLimit-Limit", "20"},
        {"X-RateLimit-Remaining", "0"},
        {"X-RateLimit-Reset", "1772000030000"}},
       "requests 0/20 reset ~30000|"},
      {"HubSpot: ten seconds that slide, and a day",
       {{"X-HubSpot-RateLimit-Max", "110"},
        {"X-HubSpot-RateLimit-Remaining", "11"},
        {"X-HubSpot-RateLimit-Interval-Milliseconds", "10000"},
        {"X-HubSpot-RateLimit-Daily", "250000"},
        {"X-HubSpot-RateLimit-Daily-Remaining", "249000"}},
       "requests 11/110 per 10000"},
      {"HubSpot: the day is what is scarce",
       {{"X-HubSpot-RateLimit-Max", "110"},
        {"X-HubSpot-RateLimit-Remaining", "109"},
        {"X-HubSpot-RateLimit-Daily", "250000"},
        {"X-HubSpot-RateLimit-Daily-Remaining", "10"}},
       "requests 10/250000 per 86400000"},
      {"IETF, older",
       {{"RateLimit-Limit", "100, 100;w=60"},
        {"RateLimit-Remaining", "50"},
        {"RateLimit-Reset", "30"}},
       "requests 50/100 reset ~30000|"},
      {"IETF, newer",
       {{"RateLimit-Policy", "\"default\";q=100;w=60"}, {"RateLimit", "\"default\";r=50;t=30"}},
       "requests 50/100 reset ~30000| per 60000"},
      {"junk",
       {{"x-ratelimit-limit-requests", "many"},
        {"x-ratelimit-remaining-requests", "1e300"},
        {"x-ratelimit-reset-requests", "soon"},
        {"x-ratelimit", ""},
        {"ratelimit", ";;=;r"}},
       ""},
      {"what only a C library takes for numbers",
       {{"x-ratelimit-limit-requests", "nan"},
        {"x-ratelimit-remaining-requests", "inf"},
        {"x-ratelimit-limit-tokens", "nan(1)"},
        {"x-ratelimit-remaining-tokens", "-0"},
        {"ratelimit", "\"default\";r=nan;q=-nan"}},
       ""},
      {"numbers beyond any limit", {{"x-ratelimit-limit-requests", "99999999999999999999"}}, ""},
  };
  for (const Row& row : table) EXPECT_EQ(told(read(row.fields)), row.told) << row.provider;
}

TEST(LimitHeaders, AreReadByTheServersOwnClock) {
  const LimitNews news = read({{"Date", "Wed, 25 Feb 2026 07:13:20 GMT"},
                               {"anthropic-ratelimit-requests-limit", "50"},
                               {"anthropic-ratelimit-requests-remaining", "0"},
                               {"anthropic-ratelimit-requests-reset", "2026-02-25T07:13:50Z"}});
  EXPECT_EQ(told(news), "requests 0/50 reset ~30000");
}

TEST(LimitHeaders, OfMoreLimitsThanAnybodyHasAreTheFirst) {
  Fields fields;
  for (int i = 0; i < 100; ++i) {
    fields.emplace_back("x-ratelimit-limit-" + std::to_string(i), std::to_string(i + 1));
  }
  EXPECT_TRUE(read(fields).any);
}

TEST(LimitHeaders, TellWhetherTokensAreCounted) {
  EXPECT_FALSE(read({{"x-ratelimit-limit-requests", "1"}}).counts_tokens());
  EXPECT_TRUE(read({{"anthropic-ratelimit-output-tokens-limit", "1"}}).counts_tokens());
}

}  // namespace
}  // namespace outrigger::filters
