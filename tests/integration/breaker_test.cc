// A sick upstream is left alone and found well again, whatever happens to the configuration
// meanwhile (resilience 5.3: Breaker, Operate).
#include "tests/integration/breaker_scenario.h"

namespace outrigger::test {
namespace {

class Breaker : public BreakerScenario {};
INSTANTIATE_TEST_SUITE_P(, Breaker, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Breaker, OpensAfterSoManyFailuresInARow) {
  serve(kOpensSoon);
  fail(2);
  upstream.expect("GET /p").reply(200);
  EXPECT_EQ(ask(get("/up/p")).status, 200) << "a success between them";
  fail(3);
  expect_open();
  expect_transitions("open", 1);
  EXPECT_TRUE(
      eventually([&] { return proxy().metric_sum("outrigger_circuit_rejected_total") > 0; }));
}

TEST_P(Breaker, OpensByRateFromTheLeastNumberOfCallsOn) {
  serve(
      "circuit_breaker: {failures_in_a_row: none, failure_rate: 50%, min_calls: 6, window: 1h, "
      "open: {first: 1h, max: 1h}}, retry: none");
  upstream.expect("GET /well").times(3).reply(200);
  for (int i = 0; i < 2; ++i) {
    fail(1);
    ask(get("/up/well"));
  }
  fail(1);
  EXPECT_EQ(ask(get("/up/well")).status, 200) << "five calls say nothing yet";
  expect_open();
}

TEST_P(Breaker, NeitherRefusalsOfTheRequestNorLimitsOpenIt) {
  serve(kOpensSoon);
  for (const int status : {400, 401, 403, 404, 413, 422}) {
    upstream.expect("GET /p").times(3).reply(status);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(get("/up/p")).status, status);
  }
  upstream.expect("GET /p").times(3).reply(429);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(get("/up/p")).status, 429) << "only by rate";
  EXPECT_EQ(transitions("open"), 0);
}

TEST_P(Breaker, AClientThatLeavesSaysNothingOfTheUpstream) {
  serve(kOpensSoon);
  for (int i = 0; i < 4; ++i) {
    upstream.expect("GET /p").manually();
    Client leaving = client();
    const auto call = leaving.begin(get("/up/p"));
    const Held served = upstream.accept();
    call->cancel();
    EXPECT_TRUE(served->client_gone());
  }
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
}

TEST_P(Breaker, AGoodProbeClosesIt) {
  serve(kProbesSoon);
  fail(1);
  upstream.expect("GET /p").times(3).reply(200, "well");
  EXPECT_EQ(ask_until_let_through("/p").body, "well");
  expect_transitions("closed", 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ask(get("/up/p")).body, "well");
}

TEST_P(Breaker, AFailedProbeOpensItAgain) {
  serve(kProbesSoon);
  fail(1);
  upstream.expect("GET /p").reply(500, "still sick");
  EXPECT_EQ(ask_until_let_through("/p").body, "still sick");
  expect_transitions("open", 2);
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask_until_let_through("/p").body, "well");
}

TEST_P(Breaker, LetsOneOfManyProbeAtATime) {
  serve(kProbesSoon);
  fail(1);
  Client prober = client();
  auto [call, served] = begin_probe(prober);
  for (int i = 0; i < 3; ++i) expect_open();
  served->reply(response(200, "well"));
  served.release();
  EXPECT_EQ(call->read_all().body, "well");
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
}

TEST_P(Breaker, ACancelledProbeLeavesRoomForAnother) {
  serve(kProbesSoon);
  fail(1);
  Client prober = client();
  auto [call, served] = begin_probe(prober);
  call->cancel();
  EXPECT_TRUE(served->client_gone());
  served.release();
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask_until_let_through("/p").body, "well");
}

TEST_P(Breaker, OneModelThatFailsLeavesTheOthersAlone) {
  serve(std::string("use: openai, expected_version: none, ") + kOpensSoon);
  const auto asked = [](const std::string& model) {
    return llm_request("/up/p", "k", fmt::format(R"({{"model":"{}"}})", model));
  };
  upstream.expect("POST /p").times(3).reply(500, "{}", {{"content-type", "application/json"}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(asked("sick")).status, 500);
  EXPECT_EQ(ask(asked("sick")).status, 503);
  EXPECT_EQ(hits(), 3u);
  upstream.expect("POST /p").reply(200, "{}", {{"content-type", "application/json"}});
  EXPECT_EQ(ask(asked("well")).status, 200);
}

TEST_P(Breaker, BrokenStreamsAreFailures) {
  serve(std::string("use: openai, expected_version: none, ") + kOpensSoon);
  upstream.expect("POST /p").times(3).reply_sse(
      {"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(ask(llm_request("/up/p")).complete);
  ASSERT_TRUE(eventually([&] { return transitions("open") == 1; }));
  EXPECT_EQ(ask(llm_request("/up/p")).status, 503);
}

TEST_P(Breaker, EndsTheRetriesOfTheRequestThatOpenedIt) {
  serve(
      "circuit_breaker: {failures_in_a_row: 2, open: {first: 1h, max: 1h}}, "
      "retry: {max_attempts: 5, budget: none, backoff: {base: 1ms}}");
  upstream.expect("GET /p").times(2).reply(500, "sick");
  const Response answer = ask(get("/up/p"));
  EXPECT_GE(answer.status, 500);
  expect_gives_up(answer);
  EXPECT_EQ(hits(), 2u);
  EXPECT_EQ(story("/up/p"), "500 transient; 500 transient (circuit_open)");
}

TEST_P(Breaker, AReloadKeepsItsState) {
  serve(kOpensSoon);
  fail(3);
  expect_open();
  proxy().reload(with(std::string(kOpensSoon) + ", timeouts: {headers: 7s}"));
  expect_open();
}

TEST_P(Breaker, AReloadWhileItIsHalfOpenKeepsTheProbe) {
  serve(kProbesSoon);
  fail(1);
  Client prober = client();
  auto [call, served] = begin_probe(prober);
  proxy().reload(with(std::string(kProbesSoon) + ", timeouts: {headers: 7s}"));
  expect_open();
  served->reply(response(200, "well"));
  served.release();
  EXPECT_EQ(call->read_all().body, "well");
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
}

}  // namespace
}  // namespace outrigger::test
