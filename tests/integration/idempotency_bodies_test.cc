// Requests and answers of every shape with a key, and what else happens to them on their way
// (durability 5.3: 9 and 21).
#include "tests/integration/idempotency_scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kHello =
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";
constexpr const char* kEnd =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

class Shape : public Once {};
INSTANTIATE_TEST_SUITE_P(, Shape, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Shape, OfLargeAnswersIsKept) {
  serve_once();
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{32} << 10, (std::size_t{32} << 10) + 1, std::size_t{48} << 10,
        (std::size_t{96} << 10) + 1, std::size_t{200'000}, std::size_t{5} << 20}) {
    SCOPED_TRACE(size);
    const std::string body = pattern(size);
    for (const bool known : {true, false}) {
      const std::string path = fmt::format("/{}/{}", size, known);
      upstream.expect("POST " + path).run([&](Exchange& exchange) {
        const std::string length = std::to_string(body.size());
        exchange.start(200, known ? Fields{{"content-length", length}} : Fields{});
        exchange.send(body);
        exchange.finish();
      });
      const Response first = ask(keyed("/up" + path, path));
      EXPECT_TRUE(first.complete) << first.failure;
      EXPECT_TRUE(first.body == body);
      expect_replay(ask(keyed("/up" + path, path)), first);
    }
  }
}

TEST_P(Shape, OfLargeRequestsIsReadWhole) {
  const std::string body = pattern(2u << 20);
  upstream.expect("POST /p").run(die);
  upstream.expect("POST /p").reply(200, "once");
  serve_once({}, std::string("replay: safe, ") + kThreeAttempts);
  const Response first = ask(keyed("/up/p", "k", body));
  EXPECT_EQ(first.body, "once");
  for (const Request& seen : upstream.requests()) EXPECT_TRUE(seen.body == body);
  expect_replay(ask(keyed("/up/p", "k", body)), first);
  std::string other = body;
  other.back() ^= 1;
  expect_problem(ask(keyed("/up/p", "k", other)), 422, "idempotency_key_reused");
}

TEST_P(Shape, OfARequestOfUnknownLengthWithTrailersPasses) {
  upstream.expect("POST /p").reply(200, "once");
  serve_once();
  Request request = keyed("/up/p", "k", pattern(100'000));
  request.trailers = {{"x-sum", "7"}};
  const Response first = ask(request);
  const Request seen = upstream.requests().at(0);
  EXPECT_TRUE(seen.complete);
  EXPECT_TRUE(seen.body == request.body);
  EXPECT_EQ(value_of(seen.trailers, "x-sum"), "7");
  expect_replay(ask(request), first);
}

TEST_P(Shape, WithoutABodyIsKept) {
  serve_once();
  for (const std::string method : {"POST", "GET", "HEAD", "DELETE", "PUT"}) {
    for (const int status : {200, 204}) {
      SCOPED_TRACE(fmt::format("{} {}", method, status));
      const std::string path = fmt::format("/{}/{}", method, status);
      upstream.expect(method + " " + path).reply(status, "", {{"x-run", "1"}});
      Request request = keyed("/up" + path, path, "");
      request.method = method;
      const Response first = ask(request);
      EXPECT_EQ(first.status, status);
      Response again;
      ASSERT_TRUE(eventually([&] {
        again = ask(request);
        return !value_of(again.headers, "idempotency-expires").empty();
      }));
      expect_replay(again, first);
      EXPECT_EQ(hits(path), 1u);
    }
  }
}

TEST_P(Shape, OfAHeadRequestKeepsTheLength) {
  upstream.expect("HEAD /p").reply(200, "", {{"content-length", "1234"}});
  serve_once();
  Request request = keyed("/up/p", "k", "");
  request.method = "HEAD";
  EXPECT_EQ(value_of(ask(request).headers, "content-length"), "1234");
  Response again;
  ASSERT_TRUE(eventually([&] {
    again = ask(request);
    return !value_of(again.headers, "idempotency-expires").empty();
  }));
  EXPECT_EQ(value_of(again.headers, "content-length"), "1234");
  EXPECT_TRUE(again.complete) << again.failure;
}

// A replay over HTTP/1 has a Content-Length, behind which there are no trailers.
TEST_P(Shape, WithTrailersIsKept) {
  upstream.expect("POST /p").reply(200, "body", {{"trailer", "x-sum"}}, {{"x-sum", "7"}});
  serve_once();
  const Response first = ask(keyed("/up/p", "k", "{}", {{"te", "trailers"}}));
  EXPECT_EQ(value_of(first.trailers, "x-sum"), "7");
  const Response again = ask(keyed("/up/p", "k", "{}", {{"te", "trailers"}}));
  EXPECT_TRUE(is_marked(again));
  EXPECT_EQ(value_of(again.trailers, "x-sum"), "7");
}

TEST_P(Shape, OfAnInterimAnswerPassesItAndKeepsTheFinalOne) {
  upstream.expect("POST /p").interim(103, {{"link", "</a>"}}).reply(200, "once");
  serve_once();
  const Response first = ask(keyed("/up/p", "k"));
  EXPECT_EQ(first.body, "once");
  expect_replay(ask(keyed("/up/p", "k")), first);
}

TEST_P(Shape, OfAnAnswerInACodingIsKeptAsItIs) {
  const std::string packed = "\x1f\x8b" + pattern(1000);
  upstream.expect("POST /p").reply(200, packed, {{"content-encoding", "gzip"}, {"vary", "*"}});
  serve_once();
  const Fields accepts = {{"accept-encoding", "gzip"}};
  const Response first = ask(keyed("/up/p", "k", "{}", accepts));
  EXPECT_TRUE(first.body == packed);
  expect_replay(ask(keyed("/up/p", "k", "{}", accepts)), first);
}

class OnTheWay : public Once {};
INSTANTIATE_TEST_SUITE_P(, OnTheWay, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(OnTheWay, AnUpgradeWithAKeyPasses) {
  if (GetParam().client != Http::k1) GTEST_SKIP() << "HTTP/2 has no upgrades";
  upstream.expect("GET /ws").run([](Exchange& exchange) {
    exchange.raw("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    exchange.raw(exchange.read_tunnel());
  });
  serve_once("required: true");
  Client one = client();
  const auto call = one.begin(get("/up/ws", {{"connection", "upgrade"},
                                             {"upgrade", "websocket"},
                                             {"sec-websocket-version", "13"},
                                             {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="},
                                             {"idempotency-key", "k"}}));
  EXPECT_EQ(call->read_head().status, 101);
  one.send_raw("hello");
  EXPECT_EQ(call->read_exactly(5), "hello");
}

TEST_P(OnTheWay, AHedgedExecutionIsOneAndKept) {
  upstream.expect("POST /p").manually();
  upstream.expect("POST /p").reply(200, "from the second");
  serve_once({}, "replay: safe, hedge: {after: 50ms}, retry: none");
  Client one = client();
  const auto call = one.begin(keyed("/up/p", "k"));
  const Held first = upstream.accept();
  const Response answer = call->read_all();
  EXPECT_EQ(answer.body, "from the second");
  EXPECT_TRUE(first->client_gone());
  expect_replay(ask(keyed("/up/p", "k")), answer);
  EXPECT_EQ(hits(), 2u);
}

TEST_P(OnTheWay, TheAnswerOfAFallbackIsKept) {
  Upstream other({.http = GetParam().upstream});
  upstream.expect("POST /p").reply(503);
  other.expect("POST /p").reply(200, "from the other");
  const std::string protocol = h2_upstream() ? "protocol: http2" : "protocol: http1";
  serve(ProxyConfig()
            .workers(1)
            .upstream("up", upstream,
                      once({}, "replay: safe, fallback: [{upstream: other}], " + protocol))
            .upstream("other", other, protocol));
  const Response first = ask(keyed("/up/p", "k"));
  EXPECT_EQ(first.body, "from the other");
  const Response again = ask(keyed("/up/p", "k"));
  EXPECT_EQ(again.body, "from the other");
  EXPECT_TRUE(is_marked(again));
  EXPECT_EQ(hits(), 1u);
  proxy().finish();
}

TEST_P(OnTheWay, AFixedAnswerIsNotKept) {
  upstream.expect("POST /p").reply(503);
  upstream.expect("POST /p").reply(200, "well");
  serve_once({}, "replay: safe, fallback: [{answer: {status: 200, body: sorry}}]");
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, "sorry");
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, "well");
}

TEST_P(OnTheWay, AWaitingClientOfAStreamSeesThatItLives) {
  upstream.expect("POST /p").manually();
  serve_once({}, "dialect: openai, commit: {keep_alive: 1s}");
  const Request request =
      keyed("/up/p", "k", R"({"model":"m","stream":true})", {{"accept", "text/event-stream"}});
  Client one = client();
  const auto call = one.begin(request);
  const Held served = upstream.accept();
  EXPECT_EQ(call->read_head().status, 200);
  EXPECT_EQ(call->read_some().front(), ':');
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send(std::string(kHello) + kEnd);
  served->finish();
  const Response whole = call->read_all();
  EXPECT_TRUE(whole.complete) << whole.failure;
  EXPECT_TRUE(whole.body.ends_with(std::string(kHello) + kEnd)) << whole.body;
  const Response again = ask(request);
  EXPECT_EQ(again.body, std::string(kHello) + kEnd) << "without what was said while it waited";
  EXPECT_TRUE(is_marked(again));
}

TEST_P(OnTheWay, ACallersDeadlineEndsHisWaitAndNotTheExecutionOfOthers) {
  upstream.expect("POST /p").manually();
  serve_once();
  Client one = client();
  const auto leader = one.begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  const Response late = ask(keyed("/up/p", "k", "{}", {{"Outrigger-Deadline", "200ms"}}));
  EXPECT_GE(late.status, 400) << late.body;
  served->reply(response(200, "once"));
  EXPECT_EQ(leader->read_all().body, "once");
}

TEST_P(OnTheWay, AnExecutionWithoutAClientIsFinishedBeforeTheEnd) {
  upstream.expect("POST /p").manually();
  serve_once();
  {
    Client one = client();
    const auto leader = one.begin(keyed("/up/p", "k"));
    const Held served = upstream.accept();
    leader->cancel();
    ASSERT_TRUE(eventually([&] { return !proxy().access_log().empty(); }));
    proxy().process().signal(SIGTERM);
    EXPECT_FALSE(proxy().process().wait_exit(Deadline(kQuiet)).has_value());
    served->reply(response(200, "once"));
  }
  proxy().expect_exit(0);
}

}  // namespace
}  // namespace outrigger::test
