// What a model writes wrong is mended, or asked for again, before the client sees any of it; what
// stays wrong is one error (llm 1, "Output-fixing layers"), over real sockets.
#include <nlohmann/json.hpp>

#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

using nlohmann::json;

constexpr const char* kKeys =
    "use: openai, validate: {}, commit: {until: on_complete}, circuit_breaker: none";
constexpr const char* kTarget = "/up/v1/chat/completions";
constexpr const char* kAsked = "POST /v1/chat/completions";
const Fields kJson = {{"content-type", "application/json"}};
const Fields kEvents = {{"content-type", "text/event-stream"}};

std::string request(const std::string& more = "") {
  return R"({"model":"m",)" + more +
         R"("messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","required":["n"]}}}})";
}

std::string chat(const std::string& content) {
  return json({{"choices",
                {{{"index", 0},
                  {"message", {{"role", "assistant"}, {"content", content}}},
                  {"finish_reason", "stop"}}}},
               {"usage", {{"prompt_tokens", 5}, {"completion_tokens", 7}, {"total_tokens", 12}}}})
      .dump();
}

std::string chat_stream(const std::string& content) {
  std::string out;
  const auto add = [&](const json& choice) {
    out += "data: " + json({{"id", "x"}, {"choices", {choice}}}).dump() + "\n\n";
  };
  add({{"index", 0}, {"delta", {{"role", "assistant"}, {"content", ""}}}});
  for (const char c : content) add({{"index", 0}, {"delta", {{"content", std::string(1, c)}}}});
  add({{"index", 0}, {"delta", json::object()}, {"finish_reason", "stop"}});
  return out + "data: [DONE]\n\n";
}

class Validated : public Scenario {
 protected:
  Response call(const std::string& more = "") {
    return ask(llm_request(kTarget, "k", request(more)));
  }
};
INSTANTIATE_TEST_SUITE_P(, Validated, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(Validated, AGoodAnswerPassesByteForByte) {
  upstream.expect(kAsked).reply(200, chat(R"({"n": 1})"), kJson);
  serve(kKeys);
  const Response answer = call();
  EXPECT_EQ(answer.body, chat(R"({"n": 1})"));
  EXPECT_EQ(find(answer.headers, "outrigger-repair"), nullptr);
}

TEST_P(Validated, AlmostJsonIsMendedWithoutAnotherCall) {
  upstream.expect(kAsked).reply(200, chat("```json\n{'n': 1,}\n```"), kJson);
  serve(kKeys);
  const Response answer = call();
  EXPECT_EQ(answer.body, chat(R"({"n":1})"));
  EXPECT_EQ(value_of(answer.headers, "outrigger-repair"), "deterministic");
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Validated, TheModelIsAskedAgainAndTheUsageIsThatOfBoth) {
  upstream.expect(kAsked).reply(200, chat("no"), kJson);
  upstream.expect(kAsked).reply(503, "not now");
  upstream.expect(kAsked).reply(200, chat(R"({"n": 1})"), kJson);
  serve(std::string(kKeys) + ", " + kThreeAttempts);
  const Response answer = call();
  const json body = json::parse(answer.body);
  EXPECT_EQ(body["choices"][0]["message"]["content"], R"({"n": 1})");
  EXPECT_EQ(body["usage"]["total_tokens"], 24);
  EXPECT_EQ(value_of(answer.headers, "outrigger-repair"), "reprompt; attempts=1");
  ASSERT_EQ(hits(), 3u);  // what was asked again was retried as any request
  const auto requests = upstream.requests();
  EXPECT_EQ(requests[0].body, request());
  EXPECT_EQ(requests[1].body, requests[2].body);
  EXPECT_EQ(json::parse(requests[2].body)["messages"].size(), 3u);
  EXPECT_EQ(story(kTarget), "200 ok; 503 overloaded; 200 ok");
}

TEST_P(Validated, WhatStaysWrongIsOneErrorThatEndsTheClientsRetries) {
  upstream.expect(kAsked).times(2).reply(200, chat(R"({"secret": 1})"), kJson);
  serve(kKeys);
  const Response answer = call();
  EXPECT_EQ(answer.status, 502);
  const json body = json::parse(answer.body);
  EXPECT_EQ(body["error"]["code"], "invalid_response");
  EXPECT_TRUE(body["error"]["message"].get<std::string>().contains("'n'")) << answer.body;
  expect_gives_up(answer);
  EXPECT_EQ(hits(), 2u);
}

TEST_P(Validated, AHeldStreamIsMendedAndIsAStreamAgain) {
  upstream.expect(kAsked).reply(200, chat_stream("Sure: {'n': 1}"), kEvents);
  serve(kKeys);
  const Response answer = call(R"("stream":true,)");
  EXPECT_TRUE(answer.body.contains(R"("content":"{\"n\":1}")")) << answer.body;
  EXPECT_TRUE(answer.body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(value_of(answer.headers, "outrigger-repair"), "deterministic");
  EXPECT_EQ(value_of(answer.headers, "content-type"), "text/event-stream");
}

TEST_P(Validated, AGoodStreamPassesByteForByte) {
  upstream.expect(kAsked).reply(200, chat_stream(R"({"n": 1})"), kEvents);
  serve(kKeys);
  EXPECT_EQ(call(R"("stream":true,)").body, chat_stream(R"({"n": 1})"));
}

TEST_P(Validated, AParameterThatTheProviderNamesIsTakenOutOnce) {
  upstream.expect(kAsked).reply(
      400, R"({"error":{"code":"unsupported_value","param":"temperature","message":"no"}})", kJson);
  upstream.expect(kAsked).reply(200, chat(R"({"n": 1})"), kJson);
  serve(kKeys);
  const Response answer = call(R"("temperature":0.5,)");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(value_of(answer.headers, "outrigger-repair"), "reformulated; removed=/temperature");
  EXPECT_EQ(upstream.requests()[1].body, request());
}

TEST_P(Validated, AnyApiIsHeldAgainstTheSchemaOfItsRoute) {
  upstream.expect("GET /orders/1").reply(200, R"({"id": 1})", kJson);
  upstream.expect("GET /orders/2").reply(200, R"({"no": 1})", kJson);
  serve(R"(validate: {of: body, schema: '{"required": ["id"]}'})");
  EXPECT_EQ(ask(get("/up/orders/1")).body, R"({"id": 1})");
  const Response answer = ask(get("/up/orders/2"));
  EXPECT_EQ(answer.status, 502);
  EXPECT_TRUE(answer.body.contains("'id'")) << answer.body;
}

TEST_P(Validated, InShadowNothingChanges) {
  upstream.expect(kAsked).reply(200, chat("no"), kJson);
  serve(std::string(kKeys) + ", shadow: [validate]");
  EXPECT_EQ(call().body, chat("no"));
  EXPECT_EQ(hits(), 1u);
}

}  // namespace
}  // namespace outrigger::test
