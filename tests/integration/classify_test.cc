// What an answer is taken for where its status does not say it (resilience 5.3: Response side).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

// A gzip member (RFC 1952) of stored blocks, which needs no compressor.
std::string gzip(const std::string& text) {
  std::string out("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
  const auto little = [&out](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  };
  out += '\x01';
  little(static_cast<std::uint32_t>(text.size()), 2);
  little(~static_cast<std::uint32_t>(text.size()), 2);
  out += text;
  std::uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  little(~crc, 4);
  little(static_cast<std::uint32_t>(text.size()), 4);
  return out;
}

const Fields kJson{{"content-type", "application/json"}};
constexpr const char* kQuota = R"({"error":{"code":"insufficient_quota","message":"no money"}})";

class Classified : public Scenario {
 protected:
  void serve_llm() { serve(std::string("use: openai, expected_version: none, ") + kThreeAttempts); }
};
INSTANTIATE_TEST_SUITE_P(, Classified, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Classified, ACompressedErrorIsReadAndPassesCompressed) {
  const Fields fields{{"content-type", "application/json"}, {"content-encoding", "gzip"}};
  upstream.expect("POST /p").reply(429, gzip(kQuota), fields);
  serve_llm();
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.body, gzip(kQuota));
  EXPECT_EQ(value_of(answer.headers, "content-encoding"), "gzip");
  EXPECT_EQ(story("/up/p"), "429 quota_exhausted (verdict)");
}

TEST_P(Classified, AnErrorLargerThanWhatIsReadPassesWhole) {
  const std::string body =
      R"({"error":{"code":"invalid_request_error","message":")" + pattern(1 << 20) + "\"}}";
  upstream.expect("POST /p").reply(400, body, kJson);
  serve_llm();
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_TRUE(answer.body == body);
  EXPECT_EQ(story("/up/p"), "400 client_error (verdict)");
}

TEST_P(Classified, AnErrorThatNeverEndsIsJudgedByWhatCame) {
  upstream.expect("POST /p").run([](Exchange& exchange) {
    exchange.start(503, kJson);
    exchange.send(R"({"error":{"message":"busy")");
    die(exchange);
  });
  upstream.expect("POST /p").reply(200, "{}", kJson);
  serve_llm();
  EXPECT_EQ(ask(llm_request("/up/p")).body, "{}");
  EXPECT_EQ(story("/up/p"), "503 overloaded; 200 ok");
}

TEST_P(Classified, ASuccessThatIsNoneIsRepeated) {
  const std::vector<std::pair<Response, std::string>> rows = {
      {response(200, R"({"choices":[{"mess)", kJson), "truncated"},
      {response(200, R"({"choices":oops})", kJson), "invalid_response"},
      {response(200, "", kJson), "invalid_response"},
      {response(200, "<html>Sign in</html>", {{"content-type", "text/html; charset=utf-8"}}),
       "invalid_response"},
  };
  serve_llm();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string path = fmt::format("/{}", i);
    const Response& bad = rows[i].first;
    upstream.expect("POST " + path).reply(bad.status, bad.body, bad.headers);
    upstream.expect("POST " + path).reply(200, R"({"choices":[]})", kJson);
    EXPECT_EQ(ask(llm_request("/up" + path)).body, R"({"choices":[]})");
    EXPECT_EQ(story("/up" + path), fmt::format("200 {}; 200 ok", rows[i].second));
  }
}

TEST_P(Classified, ASuccessThatStaysTruncatedIsNeverACleanAnswer) {
  upstream.expect("POST /p").times(3).reply(200, R"({"choices":[{"mess)", kJson);
  serve_llm();
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.status, 502) << answer.body;
  expect_gives_up(answer);
  EXPECT_EQ(nlohmann::json::parse(answer.body)["error"]["code"], "http_response_incomplete")
      << answer.body;
}

TEST_P(Classified, APlainServiceIsNotLookedInto) {
  upstream.expect("POST /p").reply(200, R"({"cut":)", kJson);
  serve(kThreeAttempts);
  EXPECT_EQ(ask(post("/up/p", "{}")).body, R"({"cut":)");
  EXPECT_EQ(story("/up/p"), "200 ok");
}

TEST_P(Classified, ARuleOfTheConfigurationStandsAboveTheBuiltInOnes) {
  upstream.expect("POST /p").reply(409, R"({"code":"UNABLE_TO_LOCK_ROW"})", kJson);
  upstream.expect("POST /p").reply(200, "{}", kJson);
  upstream.expect("POST /404").reply(404, R"({"code":"NOT_YET"})", kJson);
  upstream.expect("POST /404").reply(200, "{}", kJson);
  serve(std::string(kThreeAttempts) +
        ", replay: safe, classify: [{status: 409, error: [UNABLE_TO_LOCK_ROW], verdict: throttled},"
        " {status: 404, error: [NOT_YET], verdict: transient}]");
  ask(post("/up/p", "{}"));
  ask(post("/up/404", "{}"));
  EXPECT_EQ(story("/up/p"), "409 throttled; 200 ok");
  EXPECT_EQ(story("/up/404"), "404 transient; 200 ok");
}

TEST_P(Classified, TrailersPassBehindAnAnswerThatWasHeld) {
  upstream.expect("POST /p").reply(200, "{}", kJson, {{"x-checksum", "1"}});
  serve_llm();
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.body, "{}");
  EXPECT_EQ(value_of(answer.trailers, "x-checksum"), "1");
}

}  // namespace
}  // namespace outrigger::test
