// What may have been executed is not sent again, and what is sent again is the same byte for byte
// (resilience 3, safety table; 5.3: Request side, Retry).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

class Replay : public Scenario {
 protected:
  static constexpr std::size_t kMoreThanWindows = 8u << 20;
  void serve_as(const std::string& replay) {
    serve(std::string(kThreeAttempts) + ", replay: " + replay);
  }
};
INSTANTIATE_TEST_SUITE_P(, Replay, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Replay, AWriteIsRepeatedByItsClassOnceItMayHaveBeenExecuted) {
  struct Row {
    std::string replay;
    bool repeated;
  };
  for (const Row& row :
       std::vector<Row>{{"safe", true}, {"keyed", true}, {"unsent", false}, {"never", false}}) {
    SCOPED_TRACE(row.replay);
    Upstream one({.http = GetParam().upstream});
    one.expect("POST /read").run(die);
    if (row.repeated) one.expect("POST /read").reply(200, "well");
    one.expect("POST /half").before_body().run([](Exchange& exchange) {
      exchange.read_body_some();
      die(exchange);
    });
    if (row.repeated) one.expect("POST /half").reply(200, "well");
    TestProxy proxy(ProxyConfig().workers(1).upstream(
        "up", one,
        fmt::format("{}, replay: {}, protocol: {}", kThreeAttempts, row.replay,
                    h2_upstream() ? "http2" : "http1")));
    for (const auto& [path, body, phase] :
         std::vector<std::tuple<std::string, std::string, std::string>>{
             {"/up/read", "{}", "P3"}, {"/up/half", pattern(kMoreThanWindows), "P2"}}) {
      Client client(proxy.port(), {.http = GetParam().client});
      const Response answer = client.fetch(post(path, body));
      EXPECT_EQ(answer.status, row.repeated ? 200 : 502);
      if (!row.repeated) expect_gives_up(answer);
      EXPECT_EQ(story_of(proxy.access_line_of(path)),
                phase + (row.repeated ? " transient; 200 ok" : " transient (unsafe)"));
    }
    EXPECT_EQ(one.requests().size(), row.repeated ? 4u : 2u);
    proxy.finish();
  }
}

TEST_P(Replay, AWriteThatTheUpstreamRejectedIsRepeatedUnlessNever) {
  for (const auto& [replay, story] : std::vector<std::pair<std::string, std::string>>{
           {"unsent", "503 overloaded; 200 ok"}, {"never", "503 overloaded (unsafe)"}}) {
    Upstream one({.http = GetParam().upstream});
    one.expect("POST /p").reply(503);
    if (replay == "unsent") one.expect("POST /p").reply(200);
    TestProxy proxy(ProxyConfig().workers(1).upstream(
        "up", one,
        fmt::format("{}, replay: {}, protocol: {}", kThreeAttempts, replay,
                    h2_upstream() ? "http2" : "http1")));
    Client(proxy.port(), {.http = GetParam().client}).fetch(post("/up/p", "{}"));
    EXPECT_EQ(story_of(proxy.access_line_of("/up/p")), story);
    proxy.finish();
  }
}

TEST_P(Replay, AWriteThatFailedInsideIsNotRepeated) {
  upstream.expect("POST /p").reply(500);
  serve_as("unsent");
  EXPECT_EQ(ask(post("/up/p", "{}")).status, 500);
  EXPECT_EQ(story("/up/p"), "500 transient (unsafe)");
}

TEST_P(Replay, AnInjectedKeyIsTheSameForAllAttemptsAndAnotherForTheNextRequest) {
  upstream.expect("POST /p").run(die);
  upstream.expect("POST /p").reply(503);
  upstream.expect("POST /p").times(2).reply(200);
  serve_as("keyed");
  EXPECT_EQ(ask(post("/up/p", "{}")).status, 200);
  EXPECT_EQ(ask(post("/up/p", "{}")).status, 200);
  std::vector<std::string> keys;
  for (const Request& request : upstream.requests())
    keys.push_back(value_of(request.headers, "idempotency-key"));
  ASSERT_EQ(keys.size(), 4u);
  EXPECT_NE(keys[0], "");
  EXPECT_EQ(keys[1], keys[0]);
  EXPECT_EQ(keys[2], keys[0]);
  EXPECT_NE(keys[3], keys[0]);
}

TEST_P(Replay, TheClientsOwnKeyIsKept) {
  upstream.expect("POST /p").run(die);
  upstream.expect("POST /p").reply(200);
  serve_as("keyed");
  EXPECT_EQ(ask(post("/up/p", "{}", {{"Idempotency-Key", "mine"}})).status, 200);
  for (const Request& request : upstream.requests())
    EXPECT_EQ(values_of(request.headers, "idempotency-key"), std::vector<std::string>{"mine"});
}

TEST_P(Replay, BodiesOfEverySizeAreSentAgainByteForByte) {
  serve_as("safe");
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{64} << 10, (std::size_t{1} << 20) + 1, std::size_t{5} << 20}) {
    SCOPED_TRACE(size);
    upstream.expect("POST /p").before_body().run([](Exchange& exchange) {
      exchange.read_body_some();
      die(exchange);
    });
    upstream.expect("POST /p").reply(503);
    upstream.expect("POST /p").reply(200, "well");
    const std::string body = pattern(size);
    EXPECT_EQ(ask(post("/up/p", body)).body, "well");
    const Request last = upstream.requests().back();
    EXPECT_TRUE(last.complete);
    EXPECT_TRUE(last.body == body);
  }
}

TEST_P(Replay, ABodyOfUnknownLengthIsSentAgainWhileItStillComes) {
  upstream.expect("POST /p").before_body().run([](Exchange& exchange) {
    exchange.read_body_some();
    die(exchange);
  });
  upstream.expect("POST /p").before_body().manually();
  serve_as("safe");
  Client one = client();
  const auto call = one.start(post("/up/p", ""));
  const std::string half = pattern(100'000);
  ASSERT_TRUE(call->send(half));
  const Held served = upstream.accept();
  while (served->request.body.size() < half.size()) served->read_body_some();
  ASSERT_TRUE(call->send("the end"));
  call->finish();
  served->read_body();
  EXPECT_TRUE(served->request.body == half + "the end");
  EXPECT_TRUE(served->request.complete);
  served->reply(response(200, "well"));
  EXPECT_EQ(call->read_all().body, "well");
  EXPECT_EQ(story("/up/p"), "P2 transient; 200 ok");
}

TEST_P(Replay, ABodyLongerThanTheBufferIsSentOnce) {
  for (const std::string path : {"/below", "/at"}) {
    upstream.expect("POST " + path).reply(503);
    upstream.expect("POST " + path).reply(200, "well");
  }
  upstream.expect("POST /over").reply(503, "busy");
  serve("retry: {budget: none, buffer: 100KiB, backoff: {base: 1ms}}");
  EXPECT_EQ(ask(post("/up/below", pattern(100 * 1024 - 1))).body, "well");
  EXPECT_EQ(ask(post("/up/at", pattern(100 * 1024))).body, "well");
  EXPECT_EQ(ask(post("/up/over", pattern(100 * 1024 + 1))).body, "busy");
  EXPECT_EQ(story("/up/over"), "503 overloaded (not_replayable)");
}

TEST_P(Replay, AnAnswerBeforeTheBodysEndIsActedOn) {
  const auto early = [](int status) {
    return [status](Exchange& exchange) {
      exchange.reply(response(status, "early"));
      exchange.read_body();
    };
  };
  upstream.expect("POST /413").before_body().run(early(413));
  upstream.expect("POST /429").before_body().run(early(429));
  upstream.expect("POST /429").reply(200, "well");
  serve_as("unsent");
  const std::string body = pattern(3u << 20);
  const Response refused = ask(post("/up/413", body));
  EXPECT_EQ(refused.status, 413);
  EXPECT_EQ(refused.body, "early");
  EXPECT_EQ(story("/up/413"), "413 client_error (verdict)");
  EXPECT_EQ(ask(post("/up/429", body)).body, "well");
  EXPECT_TRUE(upstream.requests().back().body == body);
  EXPECT_EQ(story("/up/429"), "429 throttled; 200 ok");
}

TEST_P(Replay, AClientThatLeavesInMidBodyCausesNoRetry) {
  upstream.expect("POST /p").before_body().manually();
  serve_as("safe");
  Client one = client();
  const auto call = one.start(post("/up/p", "", {{"content-length", "1000"}}));
  call->send("some");
  const Held served = upstream.accept();
  EXPECT_EQ(served->read_body_some(), "some");
  call->cancel();
  EXPECT_TRUE(served->client_gone());
  EXPECT_EQ(story("/up/p"), "P2 cancelled (cancelled)");
  EXPECT_EQ(hits(), 1u);
}

}  // namespace
}  // namespace outrigger::test
