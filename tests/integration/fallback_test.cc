// A second way when the first has failed for good: another upstream, another model, a handler, a
// fixed answer (resilience 5.3: Fallback).
#include <cstdlib>
#include <ctime>

#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kOnce = "retry: {max_attempts: 1, budget: none}";

class Fallback : public Scenario {
 protected:
  // `up` falls back as the text says; `second` and `third` are other upstreams.
  void serve_ways(const std::string& ways, const std::string& first = kOnce,
                  const std::string& others = kOnce) {
    ProxyConfig config = with(first + ", headers: full, fallback: " + ways);
    config.upstream("second", second, others + protocol());
    config.upstream("third", third, others + protocol());
    serve(config);
  }
  Request ask_model(const std::string& model,
                    const std::string& target = "/up/v1/chat/completions") {
    Request request = llm_request(target, "client-key", R"({"model":")" + model + R"(","n":1.0})");
    return request;
  }
  static std::string protocol() {
    return h2_upstream() ? ", protocol: http2" : ", protocol: http1";
  }
  static std::string body_of(const Upstream& of) { return of.requests().at(0).body; }
  double taken(const std::string& to) {
    return proxy().metric_sum("outrigger_fallbacks_total", "to=\"" + to + "\"");
  }

  Upstream second{{.http = GetParam().upstream}};
  Upstream third{{.http = GetParam().upstream}};
};
INSTANTIATE_TEST_SUITE_P(, Fallback, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Fallback, AnotherUpstreamAnswersForTheOneThatFailed) {
  upstream.expect("GET /p?q=1").reply(503, "sick");
  second.expect("GET /p?q=1").reply(200, "well");
  serve_ways("[{upstream: second}]");
  const Response answer = ask(get("/up/p?q=1"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "well");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "fallback");
  EXPECT_EQ(value_of(answer.headers, "outrigger-upstream"), "second");
  EXPECT_EQ(value_of(answer.headers, "outrigger-degraded"), "true");
  EXPECT_EQ(value_of(answer.headers, "outrigger-attempts"), "2");
  EXPECT_EQ(find(answer.headers, "x-should-retry"), nullptr);
  EXPECT_EQ(story("/up/p?q=1"), "503 overloaded (max_attempts); 200 ok");
  const auto line = proxy().access_line_of("/up/p?q=1");
  EXPECT_EQ(line.at("fallback"), "second");
  EXPECT_EQ(line.at("upstream"), "up");
  EXPECT_EQ(taken("second"), 1);
}

TEST_P(Fallback, AGoodAnswerTakesNoSecondWay) {
  upstream.expect("GET /p").reply(200, "well");
  serve_ways("[{upstream: second}]");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.body, "well");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
  EXPECT_EQ(find(answer.headers, "outrigger-degraded"), nullptr);
  EXPECT_EQ(second.requests().size(), 0u);
}

TEST_P(Fallback, EachVerdictTakesItsOwnWay) {
  upstream.expect("GET /busy").reply(503, "busy");
  upstream.expect("GET /wrong").reply(400, "wrong");
  upstream.expect("GET /gone").reply(404, "gone");
  second.expect("GET /busy").reply(200, "for the busy");
  third.expect("GET /wrong").reply(200, "for the wrong");
  serve_ways(
      "[{upstream: second, if: overloaded}, {upstream: third, if: client_error, degraded: false},"
      " {upstream: second, if: transient}]");
  EXPECT_EQ(ask(get("/up/busy")).body, "for the busy");
  const Response handled = ask(get("/up/wrong"));
  EXPECT_EQ(handled.body, "for the wrong");
  EXPECT_EQ(find(handled.headers, "outrigger-degraded"), nullptr);
  third.expect("GET /gone").reply(404, "gone there too");
  const Response gone = ask(get("/up/gone"));
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.body, "gone") << "the first upstream's word";
}

TEST_P(Fallback, TheModelIsMappedInTheBodyAndTheRestOfItStays) {
  upstream.expect("POST /v1/chat/completions").reply(529, "{}");
  second.expect("POST /v1/chat/completions").reply(200, "{}");
  serve_ways("[{upstream: second, map_model: {big: small}}]",
             std::string(kOnce) + ", replay: safe");
  EXPECT_EQ(ask(ask_model("big")).status, 200);
  EXPECT_EQ(body_of(second), R"({"model":"small","n":1.0})");
}

TEST_P(Fallback, AnEditedBodyHasFieldsOfItsOwn) {
  upstream.expect("POST /v1/chat/completions").reply(529, "{}");
  second.expect("POST /v1/chat/completions").reply(200, "{}");
  serve_ways("[{upstream: second, model: small}]", std::string(kOnce) + ", replay: safe");
  Request request = ask_model("big");
  request.headers.push_back({"idempotency-key", "k"});
  request.headers.push_back({"content-digest", "sha-256=:AAAA:"});
  EXPECT_EQ(ask(request).status, 200);
  const auto first = upstream.requests().at(0).headers;
  EXPECT_EQ(value_of(first, "idempotency-key"), "k");
  EXPECT_EQ(value_of(first, "content-digest"), "sha-256=:AAAA:");
  const auto edited = second.requests().at(0).headers;
  EXPECT_EQ(value_of(edited, "idempotency-key"), "k-fallback1") << "it is another request";
  EXPECT_EQ(find(edited, "content-digest"), nullptr) << "of another body";
  const std::string length = value_of(edited, "content-length");
  if (!length.empty()) EXPECT_EQ(length, std::to_string(body_of(second).size()));
}

TEST_P(Fallback, AKeyDoesNotCoverAnotherModel) {
  upstream.expect("POST /v1/chat/completions").run(die);
  serve_ways("[{model: small}]", std::string(kOnce) + ", replay: keyed");
  Request request = ask_model("big");
  request.headers.push_back({"idempotency-key", "k"});
  EXPECT_EQ(ask(request).status, 502);
  EXPECT_EQ(hits(), 1u) << "it may have been executed, and is another request now";
}

TEST_P(Fallback, AnotherModelOfTheSameUpstreamKeepsTheClientsCredential) {
  upstream.expect("POST /v1/chat/completions").reply(529, "{}");
  upstream.expect("POST /v1/chat/completions").reply(200, R"({"ok":true})");
  serve_ways("[{model: small, set: {/stream: false}}]", std::string(kOnce) + ", replay: safe");
  EXPECT_EQ(ask(ask_model("big")).status, 200);
  const auto seen = upstream.requests();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].body, R"({"model":"small","n":1.0,"stream":false})");
  EXPECT_EQ(value_of(seen[1].headers, "authorization"), value_of(seen[0].headers, "authorization"));
  EXPECT_NE(value_of(seen[1].headers, "authorization"), "");
}

TEST_P(Fallback, AnotherUpstreamIsNotShownTheClientsCredentials) {
  upstream.expect("GET /p?key=secret").reply(503);
  second.expect("GET /p").reply(200);
  serve_ways("[{upstream: second}]");
  Request request = get("/up/p?key=secret");
  request.headers.push_back({"idempotency-key", "kept"});
  request.headers.push_back({"authorization", "Bearer secret"});
  request.headers.push_back({"x-api-key", "secret"});
  request.headers.push_back({"cookie", "secret"});
  request.headers.push_back({"x-other", "kept"});
  EXPECT_EQ(ask(request).status, 200);
  const auto headers = second.requests().at(0).headers;
  EXPECT_EQ(find(headers, "authorization"), nullptr);
  EXPECT_EQ(find(headers, "x-api-key"), nullptr);
  EXPECT_EQ(find(headers, "cookie"), nullptr);
  EXPECT_EQ(value_of(headers, "x-other"), "kept");
  EXPECT_EQ(value_of(headers, "idempotency-key"), "kept");
}

TEST_P(Fallback, TheSecondUpstreamRetriesByItsOwnPolicy) {
  upstream.expect("GET /p").reply(503);
  second.expect("GET /p").reply(503);
  second.expect("GET /p").reply(200, "well");
  serve_ways("[{upstream: second}]", kOnce, kThreeAttempts);
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(story("/up/p"), "503 overloaded (max_attempts); 503 overloaded; 200 ok");
}

TEST_P(Fallback, AllDownIsTheBestErrorWithTheLeastTimeToComeBack) {
  upstream.expect("GET /p").reply(429, "first", {{"retry-after", "300"}});
  second.expect("GET /p").reply(503, "second", {{"retry-after", "120"}});
  third.expect("GET /p").run(die);
  serve_ways("[{upstream: second}, {upstream: third}]");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, "first");
  EXPECT_EQ(value_of(answer.headers, "retry-after"), "120");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
  expect_gives_up(answer);
  EXPECT_EQ(story("/up/p"),
            "429 throttled (max_attempts); 503 overloaded (max_attempts); P3 transient "
            "(max_attempts)");
}

TEST_P(Fallback, TheTimeToComeBackMayBeADateAndMustBeSensible) {
  upstream.expect("GET /p").reply(429, "first", {{"retry-after", "9999999999999"}});
  const std::time_t soon = std::time(nullptr) + 100;
  std::string date(29, ' ');
  std::strftime(date.data(), date.size() + 1, "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&soon));
  second.expect("GET /p").reply(503, "second", {{"retry-after", date}});
  serve_ways("[{upstream: second}]", "retry: none", "retry: none");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.body, "first");
  const int wait = std::atoi(value_of(answer.headers, "retry-after").c_str());
  EXPECT_GT(wait, 80);
  EXPECT_LE(wait, 101);
}

TEST_P(Fallback, TwoThatFallBackToEachOtherEnd) {
  upstream.expect("GET /p").reply(503, "first");
  second.expect("GET /p").reply(503, "second");
  ProxyConfig config = with(std::string(kOnce) + ", fallback: [{upstream: second}]");
  config.upstream("second", second,
                  std::string(kOnce) + ", fallback: [{upstream: up}]" + protocol());
  serve(config);
  EXPECT_EQ(ask(get("/up/p")).body, "first");
  EXPECT_EQ(hits() + second.requests().size(), 2u);
}

TEST_P(Fallback, AnOpenBreakerTakesTheSecondWayWithoutAnAttempt) {
  upstream.expect("GET /p").reply(500);
  second.expect("GET /p").times(2).reply(200, "well");
  serve_ways("[{upstream: second, if: [transient, breaker_open]}]",
             "retry: none, circuit_breaker: {failures_in_a_row: 1, failure_rate: none, "
             "open: {first: 1h, max: 1h}}");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(hits(), 1u) << "the breaker was open";
}

TEST_P(Fallback, WhenTheSecondsBreakerIsOpenToo) {
  upstream.expect("GET /p").times(2).reply(500, "first");
  second.expect("GET /p").reply(500, "second");
  third.expect("GET /p").reply(200, "third");
  serve_ways("[{upstream: second}, {upstream: third, if: breaker_open}]",
             "retry: none, circuit_breaker: none",
             "retry: none, circuit_breaker: {failures_in_a_row: 1, failure_rate: none, "
             "open: {first: 1h, max: 1h}}");
  EXPECT_EQ(ask(get("/up/p")).body, "first") << "500 of the second is no open breaker";
  EXPECT_EQ(ask(get("/up/p")).body, "third");
}

TEST_P(Fallback, AWriteThatMayHaveHappenedIsNotSentElsewhere) {
  upstream.expect("POST /pay").run(die);
  serve_ways("[{upstream: second}]");
  Request request = get("/up/pay");
  request.method = "POST";
  request.body = "amount=1";
  EXPECT_EQ(ask(request).status, 502);
  EXPECT_EQ(second.requests().size(), 0u);
}

TEST_P(Fallback, AFixedAnswerIsTheLastWay) {
  upstream.expect("GET /p").reply(503);
  second.expect("GET /p").reply(503);
  serve_ways(
      "[{upstream: second}, {answer: {status: 203, content_type: text/plain, body: 'nothing "
      "new'}}]");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 203);
  EXPECT_EQ(answer.body, "nothing new");
  EXPECT_EQ(value_of(answer.headers, "content-type"), "text/plain");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "fallback");
  EXPECT_EQ(taken("answer"), 1);
}

TEST_P(Fallback, AStreamThatFailsBeforeItSaidAnythingIsAnsweredByTheSecond) {
  constexpr const char* kError =
      "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"code\":\"x\"}}\n\n";
  constexpr const char* kGood =
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n"
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
      "data: [DONE]\n\n";
  upstream.expect("POST /v1/chat/completions")
      .reply(200, kError, {{"content-type", "text/event-stream"}});
  second.expect("POST /v1/chat/completions")
      .reply(200, kGood, {{"content-type", "text/event-stream"}});
  const std::string llm = std::string(kOnce) + ", replay: safe, dialect: openai";
  serve_ways("[{upstream: second}]", llm, llm);
  const Response answer = ask(ask_model("m"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, kGood);
}

TEST_P(Fallback, ALongBodyIsSentToTheSecondWholeAndWithItsModelMapped) {
  const std::string text(3 << 20, 'x');  // beyond what is kept in memory
  upstream.expect("POST /v1/chat/completions").reply(503);
  second.expect("POST /v1/chat/completions").reply(200, "{}");
  serve_ways("[{upstream: second, model: small}]", std::string(kOnce) + ", replay: safe");
  Request request =
      llm_request("/up/v1/chat/completions", "k", R"({"model":"big","text":")" + text + R"("})");
  EXPECT_EQ(ask(request).status, 200);
  EXPECT_EQ(body_of(second), R"({"model":"small","text":")" + text + R"("})");
}

TEST_P(Fallback, AFailedAnswerThatStillReadsTheRequestIsLetGoFirst) {
  upstream.expect("POST /p").before_body().manually();
  second.expect("POST /p").reply(200, "well");
  serve_ways("[{upstream: second}]", std::string(kOnce) + ", replay: safe");
  Client one = client();
  Request head = get("/up/p");
  head.method = "POST";
  const auto call = one.start(head);
  call->send("the first half, ");
  Held first = upstream.accept();
  first->start(503, {});
  try {
    first->send(std::string(80 * 1024, 'x'));  // more than is held of an error
  } catch (const Failure&) {                   // it left in the middle
  }
  EXPECT_TRUE(first->client_gone());
  call->send("the second half");
  call->finish();
  EXPECT_EQ(call->read_all().body, "well");
  EXPECT_EQ(body_of(second), "the first half, the second half");
}

TEST_P(Fallback, TheDeadlineIsSharedByAllWays) {
  upstream.expect("GET /p").reply(503);
  second.expect("GET /p").manually();
  serve_ways("[{upstream: second}]", std::string(kOnce) + ", deadline: 300ms");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 504) << answer.body;
}

TEST_P(Fallback, InShadowItOnlySaysWhatItWouldHaveDone) {
  upstream.expect("GET /p").reply(503, "sick");
  serve_ways("[{upstream: second}]", std::string(kOnce) + ", shadow: fallback");
  EXPECT_EQ(ask(get("/up/p")).body, "sick");
  EXPECT_EQ(second.requests().size(), 0u);
}

}  // namespace
}  // namespace outrigger::test
