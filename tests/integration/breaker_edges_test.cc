// What a breaker must not be fooled by: slowness, probes that never come back, answers that come
// late, and many keys (resilience 5.3: Breaker).
#include "tests/integration/breaker_scenario.h"

namespace outrigger::test {
namespace {

class BreakerEdges : public BreakerScenario {
 protected:
  // Begins a call that waits for its answer.
  std::pair<std::unique_ptr<Call>, Held> hold(Client& caller, const std::string& target) {
    upstream.expect("GET " + target).manually();
    std::unique_ptr<Call> call = caller.begin(get("/up" + target));
    return {std::move(call), upstream.accept()};
  }
  void close_by_a_probe() {
    upstream.expect("GET /p").reply(200, "well");
    EXPECT_EQ(ask_until_let_through("/p").body, "well");
    expect_transitions("closed", 1);
  }
};
INSTANTIATE_TEST_SUITE_P(, BreakerEdges, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(BreakerEdges, StreamsWhoseFirstEventIsSlowOpenIt) {
  serve(
      "use: openai, expected_version: none, retry: none, circuit_breaker: {failures_in_a_row: "
      "none, failure_rate: none, min_calls: 3, window: 1h, slow: {first_event: 50ms, rate: 100%}, "
      "open: {first: 1h, max: 1h}}");
  upstream.expect("POST /p").times(3).run([](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    exchange.send(": the head is early\n\n");
    std::this_thread::sleep_for(120ms);
    exchange.send("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n");
    exchange.send("data: [DONE]\n\n");
    exchange.finish();
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ask(llm_request("/up/p")).complete);
  ASSERT_TRUE(eventually([&] { return transitions("open") == 1; }));
  const Response refused = ask(llm_request("/up/p"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("(slow)"), std::string::npos) << refused.body;
  EXPECT_EQ(hits(), 3u);
}

TEST_P(BreakerEdges, TrafficComesBackLittleByLittleAfterItClosed) {
  serve(
      "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, ramp: 1h, open: {first: 10ms, "
      "factor: 1, jitter: 0%}, half_open: {successes: 1}}, retry: none");
  fail(1);
  close_by_a_probe();
  upstream.expect("GET /p").reply(200, "the first of the ramp");
  EXPECT_EQ(ask(get("/up/p")).body, "the first of the ramp");
  const std::size_t before = hits();
  for (int i = 0; i < 3; ++i) {
    const Response refused = ask(get("/up/p"));
    EXPECT_EQ(refused.status, 503);
    EXPECT_NE(refused.body.find("is closing"), std::string::npos) << refused.body;
    expect_gives_up(refused);
  }
  EXPECT_EQ(hits(), before);
}

TEST_P(BreakerEdges, AllTrafficPassesBehindTheRamp) {
  serve(
      "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, ramp: 100ms, open: {first: "
      "10ms, factor: 1, jitter: 0%}, half_open: {successes: 1}}, retry: none");
  fail(1);
  close_by_a_probe();
  upstream.expect("GET /p").always().reply(200, "well");
  int in_a_row = 0;
  EXPECT_TRUE(eventually([&] {
    in_a_row = ask(get("/up/p")).status == 200 ? in_a_row + 1 : 0;
    return in_a_row == 20;
  }));
}

TEST_P(BreakerEdges, AProbeThatNeverComesBackIsAFailureAndMakesRoomForAnother) {
  serve(
      "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, ramp: none, open: {first: 10ms, "
      "factor: 1, jitter: 0%}, half_open: {successes: 1, lease: 1s}}, retry: none");
  fail(1);
  Client prober = client();
  auto [call, served] = begin_probe(prober);
  expect_open();
  ASSERT_TRUE(eventually([&] { return transitions("open") == 2; })) << "the lease is over";
  close_by_a_probe();
  served->reply(response(500, "too late"));
  served.release();
  EXPECT_EQ(call->read_all().body, "too late");
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask(get("/up/p")).body, "well") << "what became of a lost probe says nothing";
  EXPECT_EQ(transitions("open"), 2);
}

TEST_P(BreakerEdges, ALateSuccessFromBeforeItOpenedClosesNothing) {
  serve(kOpensSoon);
  Client early = client();
  auto [call, served] = hold(early, "/early");
  fail(3);
  served->reply(response(200, "early"));
  served.release();
  EXPECT_EQ(call->read_all().body, "early") << "the answer itself passes";
  expect_open();
}

TEST_P(BreakerEdges, ALateFailureFromBeforeItOpenedOpensNothing) {
  serve(kProbesSoon);
  Client early = client();
  auto [call, served] = hold(early, "/early");
  fail(1);
  close_by_a_probe();
  served->reply(response(500, "early"));
  served.release();
  EXPECT_EQ(call->read_all().body, "early");
  upstream.expect("GET /p").reply(200, "well");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(transitions("open"), 1);
}

// More keys than are kept: those that are well go, not the one that is open.
TEST_P(BreakerEdges, ManyKeysNeverMakeItForgetAnOpenOne) {
  serve(std::string("use: openai, expected_version: none, ") + kOpensSoon);
  const auto asked = [](const std::string& model) {
    return llm_request("/up/p", "k", fmt::format(R"({{"model":"{}"}})", model));
  };
  const Fields json{{"content-type", "application/json"}};
  upstream.expect("POST /p").times(3).reply(500, "{}", json);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(asked("sick")).status, 500);
  upstream.expect("POST /p").always().reply(200, "{}", json);
  Client churning = client();
  constexpr int kMore = 5000;  // 4096 are kept
  for (int i = 0; i < kMore; ++i) {
    ASSERT_EQ(churning.fetch(asked(fmt::format("model-{}", i))).status, 200) << i;
  }
  const std::size_t before = hits();
  EXPECT_EQ(ask(asked("sick")).status, 503);
  EXPECT_EQ(hits(), before);
}

}  // namespace
}  // namespace outrigger::test
