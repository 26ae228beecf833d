// What the upstream says of when to come back is obeyed, by the one who was told and by its
// siblings; a quota is no rate limit (resilience 5.3: Status and hints, 429 kinds).
#include <chrono>

#include <fmt/chrono.h>

#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

// IMF-fixdate (RFC 9110 5.6.7), so far from now.
std::string date_in(std::chrono::seconds ahead) {
  const auto then = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + ahead);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(then));
}
std::string epoch_in(std::chrono::seconds ahead) {
  return std::to_string(
      std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + ahead));
}

constexpr const char* kHints =
    "retry: {max_attempts: 2, budget: none, backoff: {base: 1ms, max: 2ms}, "
    "backoff_for: {overloaded: {base: 1ms, max: 2ms}}, hints: {max_wait: 10s}}";

class Hints : public Scenario {
 protected:
  // Cooldowns of one credential say nothing of another's: a key for each row.
  Response ask_as(const std::string& key, const std::string& target) {
    return ask(get(target, {{"authorization", "Bearer " + key}}));
  }
};
INSTANTIATE_TEST_SUITE_P(, Hints, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Hints, AreWaitedFor) {
  struct Row {
    Fields headers;
    double least_ms;
  };
  const std::vector<Row> rows = {
      {{{"retry-after-ms", "30"}}, 30},
      {{{"retry-after", "0.03"}}, 30},
      {{{"retry-after", "1"}, {"retry-after-ms", "40"}}, 40},  // the seconds are rounded
      {{{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "20ms"}}, 20},
      {{{"x-ratelimit-remaining-requests", "0"},
        {"x-ratelimit-reset-requests", "20ms"},
        {"x-ratelimit-remaining-tokens", "9"},
        {"x-ratelimit-reset-tokens", "6m0s"}},
       20},
      {{{"retry-after", date_in(2s)}}, 1},
      {{{"retry-after", date_in(-60s)}}, 0},
      {{{"retry-after", "soon"}}, 0},
      {{{"retry-after", "-5"}}, 0},
      {{{"retry-after", "1e300"}}, 0},
      {{}, 0},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    upstream.expect(fmt::format("GET /{}", i)).reply(429, "slow down", rows[i].headers);
    upstream.expect(fmt::format("GET /{}", i)).reply(200, "well");
  }
  serve(kHints);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string path = fmt::format("/up/{}", i);
    SCOPED_TRACE(i);
    EXPECT_EQ(ask_as(path, path).body, "well");
    const auto line = proxy().access_line_of(path);
    EXPECT_EQ(story_of(line), "429 throttled; 200 ok");
    EXPECT_GE(line["attempt_log"][1].value("wait_ms", -1.0), rows[i].least_ms);
  }
}

TEST_P(Hints, LongerThanMaxWaitAreReturnedAtOnce) {
  const std::vector<Fields> rows = {
      {{"retry-after", "3600"}},
      {{"retry-after", date_in(1h)}},
      {{"retry-after-ms", "3600000"}},
      {{"retry-after", "60m0s"}},
      {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", epoch_in(1h)}},
      {{"retry-after", "1"}, {"retry-after", "3600"}},
  };
  for (std::size_t i = 0; i < rows.size(); ++i)
    upstream.expect(fmt::format("GET /{}", i)).reply(429, "slow down", rows[i]);
  serve(kHints);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string path = fmt::format("/up/{}", i);
    SCOPED_TRACE(i);
    const Response answer = ask_as(path, path);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.body, "slow down");
    expect_gives_up(answer);
    EXPECT_GE(std::stoi("0" + value_of(answer.headers, "retry-after")), 3000);
    EXPECT_EQ(values_of(answer.headers, "retry-after").size(), 1u);
    EXPECT_EQ(story(path), "429 throttled (hint_too_long)");
  }
}

TEST_P(Hints, OneCallersPauseIsThatOfItsSiblings) {
  upstream.expect("GET /first").reply(429, "", {{"retry-after", "3600"}});
  upstream.expect("GET /other").reply(200, "well");
  serve(kHints);
  EXPECT_EQ(ask_as("one", "/up/first").status, 429);
  const Response sibling = ask_as("one", "/up/sibling");
  expect_problem(sibling, 429, "cooling_down");
  expect_gives_up(sibling);
  EXPECT_GE(std::stoi("0" + value_of(sibling.headers, "retry-after")), 3000);
  EXPECT_EQ(hits("/sibling"), 0u);
  EXPECT_EQ(story("/up/sibling"), "");
  EXPECT_EQ(ask_as("two", "/up/other").body, "well") << "another credential";
}

TEST_P(Hints, AShortPauseIsWaitedForByTheSibling) {
  upstream.expect("GET /first").reply(429, "", {{"retry-after-ms", "1500"}});
  upstream.expect("GET /first").reply(200);
  upstream.expect("GET /sibling").reply(200, "well");
  serve(std::string(kHints) + ", headers: full");
  Client first = client();
  const auto call = first.begin(get("/up/first"));
  ASSERT_TRUE(eventually([&] { return proxy().metric_sum("outrigger_retries_total") > 0; }));
  const Response sibling = ask(get("/up/sibling"));
  EXPECT_EQ(sibling.body, "well");
  const std::string timing = value_of(sibling.headers, "server-timing");
  EXPECT_NE(timing.find("wait1;dur="), std::string::npos) << timing;
  EXPECT_EQ(call->read_all().status, 200);
}

TEST_P(Hints, APauseIsExtendedAndNeverShortened) {
  upstream.expect("GET /long").manually();
  upstream.expect("GET /short").manually();
  serve("retry: 1");
  Client one = client();
  Client two = client();
  const auto first = one.begin(get("/up/long"));
  Held long_one = upstream.accept();
  const auto second = two.begin(get("/up/short"));
  Held short_one = upstream.accept();
  long_one->reply(response(429, "", {{"retry-after", "3600"}}));
  long_one.release();
  EXPECT_EQ(first->read_all().status, 429);
  short_one->reply(response(429, "", {{"retry-after-ms", "1"}}));
  short_one.release();
  EXPECT_EQ(second->read_all().status, 429);
  const Response refused = ask(get("/up/third"));
  expect_problem(refused, 429, "cooling_down");
  EXPECT_GE(std::stoi("0" + value_of(refused.headers, "retry-after")), 3000);
}

class Kinds : public Scenario {};
INSTANTIATE_TEST_SUITE_P(, Kinds, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Kinds, OfProvidersErrorsAreToldApart) {
  struct Row {
    std::string profile;
    int status;
    std::string body;
    std::string story;
  };
  const std::vector<Row> rows = {
      {"openai", 429,
       R"({"error":{"message":"You exceeded your current quota",)"
       R"("type":"insufficient_quota","code":"insufficient_quota"}})",
       "429 quota_exhausted (verdict)"},
      {"openai", 429, R"({"error":{"type":"usage_limit_reached","resets_in_seconds":7200}})",
       "429 quota_exhausted (verdict)"},
      {"openai", 429,
       R"({"error":{"message":"Rate limit reached. Please try again in 20ms.",)"
       R"("code":"rate_limit_exceeded"}})",
       "429 throttled; 200 ok"},
      {"openai", 429, "", "429 throttled; 200 ok"},
      {"openai", 429, R"({"error":{"message":"Request too large for gpt-4o"}})",
       "429 client_error (verdict)"},
      {"anthropic", 400,
       R"({"type":"error","error":{"type":"invalid_request_error",)"
       R"("message":"You have reached your specified API usage limits."}})",
       "400 quota_exhausted (verdict)"},
      {"anthropic", 529, R"({"type":"error","error":{"type":"overloaded_error"}})",
       "529 overloaded; 200 ok"},
      {"gemini", 429,
       R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{)"
       R"("violations":[{"quotaId":"RequestsPerDayPerProject"}]},)"
       R"({"retryDelay":"34s"}]}})",
       "429 quota_exhausted (verdict)"},
      {"gemini", 429,
       R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED",)"
       R"("message":"Please retry in 0.02s."}})",
       "429 throttled; 200 ok"},
      {"openrouter", 200, R"({"error":{"code":429,"message":"slow down"}})",
       "200 throttled; 200 ok"},
  };
  ProxyConfig config;
  config.workers(1);
  const std::string protocol = h2_upstream() ? "http2" : "http1";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string path = fmt::format("POST /{}", i);
    upstream.expect(path).reply(rows[i].status, rows[i].body,
                                {{"content-type", "application/json"}});
    if (rows[i].story.ends_with("ok"))
      upstream.expect(path).reply(200, "{}", {{"content-type", "application/json"}});
    config.upstream(fmt::format("u{}", i), upstream,
                    fmt::format("use: {}, expected_version: none, {}, protocol: {}",
                                rows[i].profile, kHints, protocol));
  }
  serve(config);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string path = fmt::format("/u{}/{}", i, i);
    const Response answer = ask(llm_request(path, path, R"({"model":"m"})"));
    EXPECT_EQ(story(path), rows[i].story) << answer.body;
    if (rows[i].story.ends_with("ok")) {
      EXPECT_EQ(answer.status, 200);
    } else {
      EXPECT_EQ(answer.status, rows[i].status);
      EXPECT_EQ(answer.body, rows[i].body) << "the provider's own words";
    }
  }
}

TEST_P(Kinds, AnExhaustedQuotaIsNotAskedForAgain) {
  upstream.expect("POST /p").reply(
      429, R"({"error":{"code":"insufficient_quota","resets_in_seconds":7200}})",
      {{"content-type", "application/json"}});
  serve(std::string("use: openai, expected_version: none, ") + kHints);
  const Response told = ask(llm_request("/up/p"));
  EXPECT_EQ(told.status, 429);
  expect_gives_up(told);
  const Response refused = ask(llm_request("/up/again", "k", R"({"model":"another"})"));
  EXPECT_EQ(refused.status, 429) << refused.body;
  EXPECT_NE(refused.body.find("quota_exhausted"), std::string::npos) << refused.body;
  EXPECT_EQ(value_of(refused.headers, "outrigger-source"), "proxy");
  expect_gives_up(refused);
  EXPECT_EQ(hits(), 1u);
}

}  // namespace
}  // namespace outrigger::test
