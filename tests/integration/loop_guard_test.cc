// An agent that repeats what fails for a reason of its own is answered from memory.
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kError = R"({"error":{"code":"invalid_schema","message":"wrong"}})";
const Fields kJson = {{"content-type", "application/json"}, {"x-request-id", "req_1"}};

class Loops : public Scenario {
 protected:
  Response ask_for(const std::string& body, const std::string& key = "k") {
    return ask(llm_request("/up/p", key, body));
  }
};
INSTANTIATE_TEST_SUITE_P(, Loops, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(Loops, TheSameRequestWithTheSameErrorIsAnsweredByTheProxy) {
  upstream.expect("POST /p").times(3).reply(400, kError, kJson);
  upstream.expect("POST /p").reply(200, "{}", kJson);
  serve(with("use: openai, expected_version: none").workers(2));
  for (int i = 0; i < 3; ++i) {
    const Response answer = ask_for("{}");
    EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
    EXPECT_EQ(find(answer.headers, "outrigger-loop-guard"), nullptr);
  }
  for (int i = 0; i < 4; ++i) {
    const Response answer = ask_for("{}");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, kError);
    EXPECT_EQ(value_of(answer.headers, "content-type"), "application/json");
    EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "proxy");
    EXPECT_EQ(value_of(answer.headers, "outrigger-loop-guard"), "failures=3");
    EXPECT_GE(std::stoi(value_of(answer.headers, "retry-after")), 1);
    EXPECT_LE(std::stoi(value_of(answer.headers, "retry-after")), 30);
    expect_gives_up(answer);
  }
  EXPECT_EQ(hits(), 3u);
  EXPECT_EQ(ask_for("{\"n\":1}").status, 200) << "another body is another request";
  EXPECT_EQ(proxy().metric(R"(outrigger_loop_guard_answers_total{upstream="up"})"), 4);
  const auto line = proxy().access_line(
      [](const nlohmann::json& entry) { return entry.value("source", "") == "proxy"; });
  EXPECT_EQ(line.value("status", 0), 400);
}

TEST_P(Loops, AnotherCallerIsAsked) {
  upstream.expect("POST /p").times(3).reply(400, kError, kJson);
  upstream.expect("POST /p").reply(200, "{}", kJson);
  serve("loop_guard: {}");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask_for("{}").status, 400);
  EXPECT_EQ(ask_for("{}", "other").status, 200);
}

TEST_P(Loops, AfterItsTimeTheUpstreamIsAskedAgain) {
  upstream.expect("POST /p").times(2).reply(422, kError, kJson);
  upstream.expect("POST /p").reply(200, "{}", kJson);
  serve("loop_guard: {failures: 2, answer_for: 1s}");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask_for("{}").status, 422);
  EXPECT_TRUE(eventually([&] { return ask_for("{}").status == 200; }));
  EXPECT_EQ(hits(), 3u);
}

TEST_P(Loops, AnUploadInPiecesIsComparedAndSentWhole) {
  const std::string body(300'000, 'p');
  upstream.expect("POST /p").times(3).reply(400, kError, kJson);
  upstream.expect("POST /p").reply(200, "{}", kJson);
  serve("loop_guard: {}");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask_for(body).status, 400);
  EXPECT_EQ(hits(), 3u);
  std::string other = body;
  other.back() = '!';
  EXPECT_EQ(ask_for(other).status, 200);
  EXPECT_TRUE(upstream.requests().back().body == other);
}

TEST_P(Loops, WithoutTheGuardEachIsSent) {
  upstream.expect("POST /p").times(5).reply(400, kError, kJson);
  serve("use: openai, expected_version: none, loop_guard: none");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_for("{}").status, 400);
  EXPECT_EQ(hits(), 5u);
}

}  // namespace
}  // namespace outrigger::test
