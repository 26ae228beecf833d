// A second request while the first takes unusually long: one answer, the other cancelled upstream
// (resilience 5.3: Hedge).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kHedged = "replay: safe, hedge: {after: 50ms}, retry: none";

class Hedged : public Scenario {
 protected:
  double hedges(const std::string& result) {
    return proxy().metric_sum("outrigger_hedges_total", "result=\"" + result + "\"");
  }
};
INSTANTIATE_TEST_SUITE_P(, Hedged, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Hedged, AFastAnswerIsAskedForOnce) {
  upstream.expect("GET /p").times(5).reply(200, "well");
  serve("replay: safe, hedge: {after: 1h}, retry: none");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(hits(), 5u);
}

TEST_P(Hedged, ALateAnswerIsOvertakenAndItsRequestCancelled) {
  upstream.expect("POST /p").manually();
  upstream.expect("POST /p").reply(200, "from the second");
  serve(kHedged);
  Client one = client();
  Request request = get("/up/p");
  request.method = "POST";
  request.body = "the prompt";
  const auto call = one.begin(request);
  Held first = upstream.accept();
  const Response answer = call->read_all();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "from the second");
  EXPECT_EQ(value_of(answer.headers, "outrigger-attempts"), "2");
  EXPECT_TRUE(first->client_gone());
  EXPECT_EQ(upstream.requests().at(1).body, "the prompt");
  EXPECT_EQ(story("/up/p"), "P3 cancelled; 200 ok");
  EXPECT_EQ(hedges("won"), 1);
}

TEST_P(Hedged, OfAStreamTheFirstEventThatSaysSomethingCounts) {
  const std::string ping = ": ping\n\n";
  const std::string good =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}"
      "\n\ndata: [DONE]\n\n";
  upstream.expect("POST /p").manually();
  upstream.expect("POST /p").reply(200, good, {{"content-type", "text/event-stream"}});
  serve(std::string(kHedged) + ", dialect: openai");
  Client one = client();
  const auto call = one.begin(llm_request("/up/p"));
  Held first = upstream.accept();
  first->start(200, {{"content-type", "text/event-stream"}});
  first->send(ping);  // a head and a comment are no answer yet
  const Response answer = call->read_all();
  EXPECT_EQ(answer.body, good) << "one stream only";
  EXPECT_TRUE(first->client_gone());
}

TEST_P(Hedged, OneThatMayNotBeRepeatedIsSentOnce) {
  upstream.expect("POST /p").manually();
  serve("hedge: {after: 10ms}, retry: none");
  Client one = client();
  Request request = get("/up/p");
  request.method = "POST";
  request.body = "amount=1";
  const auto call = one.begin(request);
  Held first = upstream.accept();
  upstream.expect("GET /other").always().reply(200);  // which a slow machine hedges
  EXPECT_EQ(ask(get("/up/other")).status, 200);
  Response reply;
  reply.status = 200;
  reply.body = "done";
  first->reply(reply);
  EXPECT_EQ(call->read_all().body, "done");
  EXPECT_EQ(hits("/p"), 1u);
}

TEST_P(Hedged, ALongPromptIsHedgedToo) {
  const std::string prompt(600 * 1024, 'p');
  upstream.expect("POST /p").manually();
  upstream.expect("POST /p").reply(200, "well");
  serve(kHedged);
  Client one = client();
  Request request = get("/up/p");
  request.method = "POST";
  request.body = prompt;
  const auto call = one.begin(request);
  Held first = upstream.accept();
  EXPECT_EQ(call->read_all().body, "well");
  EXPECT_EQ(upstream.requests().at(0).body, prompt);
  EXPECT_EQ(upstream.requests().at(1).body, prompt);
}

TEST_P(Hedged, ThereAreNoMoreThanTheBudgetPaysFor) {
  upstream.expect("GET /p").times(4).after(120ms).reply(200, "well");
  serve("replay: safe, hedge: {after: 10ms, budget: 0%}, retry: none");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(hits(), 4u) << "one is free";
  EXPECT_EQ(hedges("budget"), 2);
}

TEST_P(Hedged, AClientThatLeavesEndsBothRequests) {
  upstream.expect("GET /p").times(2).manually();
  serve(kHedged);
  Client one = client();
  const auto call = one.begin(get("/up/p"));
  Held first = upstream.accept();
  Held second = upstream.accept();
  call->cancel();
  EXPECT_TRUE(first->client_gone());
  EXPECT_TRUE(second->client_gone());
}

}  // namespace
}  // namespace outrigger::test
