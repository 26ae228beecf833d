// A sick upstream is left alone and found well again, whatever happens to the configuration
// meanwhile (resilience 5.3: Breaker, Operate).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kOpensSoon =
    "circuit_breaker: {failures_in_a_row: 3, failure_rate: none, ramp: none, "
    "open: {first: 1h, max: 1h, jitter: 0%}, half_open: {successes: 1}}, retry: none";
// Opens at one failure and for so short that the next request is a probe.
constexpr const char* kProbesSoon =
    "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, ramp: none, "
    "open: {first: 10ms, factor: 1, jitter: 0%}, half_open: {successes: 1}}, retry: none";

class Breaker : public Scenario {
 protected:
  void fail(int times, const std::string& target = "/p") {
    upstream.expect("GET " + target).times(times).reply(500, "sick");
    for (int i = 0; i < times; ++i) EXPECT_EQ(ask(get("/up" + target)).status, 500);
  }
  void expect_open(const std::string& target = "/p") {
    const std::size_t before = hits();
    const Response refused = ask(get("/up" + target));
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_NE(refused.body.find("circuit_open"), std::string::npos) << refused.body;
    EXPECT_EQ(value_of(refused.headers, "outrigger-source"), "circuit");
    EXPECT_NE(value_of(refused.headers, "retry-after"), "");
    expect_gives_up(refused);
    EXPECT_EQ(hits(), before) << "the upstream sees nothing";
  }
  // Asks until a probe went through.
  Response ask_until_let_through(const std::string& target) {
    Response answer;
    const std::size_t before = hits();
    const bool through = eventually([&] {
      answer = ask(get("/up" + target));
      return hits() > before;
    });
    EXPECT_TRUE(through);
    return answer;
  }
  // A probe that waits for its answer.
  std::pair<std::unique_ptr<Call>, Held> begin_probe(Client& prober) {
    upstream.expect("GET /probe").manually();
    const Deadline deadline;
    for (;;) {
      std::unique_ptr<Call> call = prober.begin(get("/up/probe"));
      const bool taken = eventually([&] { return hits("/probe") > 0; }, Deadline(200ms));
      if (taken) return {std::move(call), upstream.accept()};
      if (deadline.passed()) give_up("no probe is let through");
      call->read_all();  // refused: not yet time for one
    }
  }
  void expect_transitions(const std::string& to, int count) {
    EXPECT_TRUE(eventually([&] { return transitions(to) == count; })) << to;
  }
  double transitions(const std::string& to) {
    return proxy().metric_sum("outrigger_circuit_transitions_total", "to=\"" + to + "\"");
  }
};
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
