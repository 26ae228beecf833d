// What the client's side and our own disk do to a request and its repeats (resilience 5.3: Request
// side).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

class RequestSide : public Scenario {
 protected:
  static std::string safely() { return std::string("replay: safe, ") + kThreeAttempts; }
};
INSTANTIATE_TEST_SUITE_P(, RequestSide, ::testing::ValuesIn(kAllProtocols), protocols_name);

// A limit on the size of files is a disk that is full in the middle of a write.
TEST_P(RequestSide, ADiskThatIsFullCostsTheRepeatAndNotTheRequest) {
  serve(with(safely()), {.max_file_bytes = 1 << 20});
  upstream.expect("POST /large").reply(503, "busy");
  const std::string body = pattern(5 << 20);
  const Response answer = ask(post("/up/large", body));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "busy");
  ASSERT_EQ(hits("/large"), 1u);
  EXPECT_TRUE(upstream.requests().back().complete);
  EXPECT_TRUE(upstream.requests().back().body == body) << "whole, and unharmed";
  EXPECT_EQ(story("/up/large"), "503 overloaded (not_replayable)");
  EXPECT_EQ(proxy().access_line_of("/up/large").value("replay_lost", ""), "replay_storage");
  upstream.expect("POST /small").reply(503, "busy");
  upstream.expect("POST /small").reply(200, "well");
  EXPECT_EQ(ask(post("/up/small", pattern(1000))).body, "well") << "what fits is repeated";
}

TEST_P(RequestSide, TheClientIsToldToContinueOnceHoweverManyAttemptsThereAre) {
  upstream.expect("POST /p").times(2).reply(503, "busy");
  upstream.expect("POST /p").reply(200, "well");
  serve(safely());
  Client one = client();
  const auto call =
      one.start(post("/up/p", "", {{"content-length", "5"}, {"expect", "100-continue"}}));
  EXPECT_EQ(call->read_interim(1).status, 100);
  ASSERT_TRUE(call->send("hello"));
  call->finish();
  const Response answer = call->read_all();
  EXPECT_EQ(answer.body, "well");
  EXPECT_EQ(answer.interim.size(), 1u);
  ASSERT_EQ(hits("/p"), 3u);
  for (const Request& seen : upstream.requests()) {
    EXPECT_EQ(seen.body, "hello");
    EXPECT_EQ(find(seen.headers, "expect"), nullptr) << "it was for us";
  }
}

TEST_P(RequestSide, AClientThatStallsInMidBodyIsToldSoAndNothingIsRepeated) {
  const std::string breaker =
      "circuit_breaker: {failures_in_a_row: 1, open: {first: 1h, max: 1h}}, ";
  serve(with(breaker + safely()).server("limits: {body_rate_bytes: 1000B, body_rate_window: 1s}"));
  upstream.expect("POST /p").before_body().manually();
  Client one = client();
  const auto call = one.start(post("/up/p", "", {{"content-length", "100000"}}));
  ASSERT_TRUE(call->send(pattern(10)));
  const Held served = upstream.accept();
  EXPECT_EQ(call->read_all().status, 408);
  EXPECT_TRUE(served->client_gone());
  EXPECT_EQ(story("/up/p"), "P2 cancelled (cancelled)");
  EXPECT_EQ(hits("/p"), 1u);
  upstream.expect("POST /next").reply(200, "well");
  EXPECT_EQ(ask(post("/up/next", "{}")).body, "well") << "the breaker holds it against nobody";
}

// The pieces that came are sent again, and those that are still to come follow.
TEST_P(RequestSide, AClientThatPausesInMidBodyOutlivesALostUpstream) {
  upstream.expect("POST /p").before_body().run([](Exchange& exchange) {
    exchange.read_body_some();
    die(exchange);
  });
  upstream.expect("POST /p").before_body().manually();
  serve(safely());
  Client one = client();
  const auto call = one.start(post("/up/p", "", {{"content-length", "10"}}));
  ASSERT_TRUE(call->send("first"));
  const Held served = upstream.accept();
  EXPECT_EQ(served->read_body_some(), "first");
  ASSERT_TRUE(call->send("later"));
  call->finish();
  served->read_body();
  EXPECT_EQ(served->request.body, "firstlater");
  served->reply(response(200, "well"));
  EXPECT_EQ(call->read_all().body, "well");
}

}  // namespace
}  // namespace outrigger::test
