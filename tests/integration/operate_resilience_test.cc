// Retries and streams while the configuration changes or the process is told to stop
// (resilience 5.3: Operate).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

// A back-off that ends when a second request has shown the way: the pause of a server's hint.
constexpr const char* kHintedPause =
    "retry: {max_attempts: 2, budget: none, backoff: {base: 1ms, max: 1ms}}, "
    "circuit_breaker: none";
constexpr const char* kLongBackOff =
    "retry: {max_attempts: 2, budget: none, backoff: {base: 1h, max: 1h, jitter: none}}, "
    "circuit_breaker: none";

class Operated : public Scenario {
 protected:
  void begin_back_off(Fields headers) {
    upstream.expect("GET /p").reply(500, "", std::move(headers));
    waiting_.emplace(client());
    call = waiting_->begin(get("/up/p"));
    ASSERT_TRUE(eventually([&] { return proxy().metric_sum("outrigger_retries_total") > 0; }));
  }
  std::unique_ptr<Call> call;

 private:
  std::optional<Client> waiting_;
};
INSTANTIATE_TEST_SUITE_P(, Operated, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Operated, AReloadDuringABackOffLetsItGoOn) {
  serve(kHintedPause);
  begin_back_off({{"retry-after", "1"}});
  upstream.expect("GET /p").reply(200, "well");
  proxy().reload(with(std::string(kLongBackOff) + ", timeouts: {headers: 7s}"));
  EXPECT_EQ(call->read_all().body, "well") << "by the policy with which it began";
}

TEST_P(Operated, APauseOutlivesAReload) {
  serve(kHintedPause);
  upstream.expect("GET /p").reply(429, "", {{"retry-after", "3600"}});
  EXPECT_EQ(ask(get("/up/p")).status, 429);
  proxy().reload(with(std::string(kHintedPause) + ", timeouts: {headers: 7s}"));
  expect_problem(ask(get("/up/p")), 429, "cooling_down");
}

TEST_P(Operated, SigtermEndsABackOffInTime) {
  serve(with(kLongBackOff).drain("announce: 10ms, streams: 300ms"));
  begin_back_off({});
  proxy().process().signal(SIGTERM);
  const Response answer = call->read_all();
  EXPECT_TRUE(answer.status == 503 || !answer.complete) << answer.status << answer.body;
  upstream.drop_connections();
  proxy().expect_exit(0);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Operated, SigtermLetsAShortBackOffFinish) {
  serve(kHintedPause);
  begin_back_off({{"retry-after", "1"}});
  upstream.expect("GET /p").reply(200, "well");
  proxy().process().signal(SIGTERM);
  EXPECT_EQ(call->read_all().body, "well");
  upstream.drop_connections();
  proxy().expect_exit(0);
}

TEST_P(Operated, AReloadAndASigtermLeaveAStreamWhole) {
  const std::string chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n";
  upstream.expect("POST /p").manually();
  const std::string keys = std::string("use: openai, expected_version: none, ") + kThreeAttempts;
  serve(keys);
  Client one = client();
  const auto stream = one.begin(llm_request("/up/p"));
  Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send(chunk);
  EXPECT_EQ(stream->read_until("\n\n"), chunk);
  proxy().reload(with(keys + ", timeouts: {headers: 7s}"));
  served->send(chunk);
  EXPECT_EQ(stream->read_until("\n\n"), chunk);
  proxy().process().signal(SIGTERM);
  served->send(chunk);
  EXPECT_EQ(stream->read_until("\n\n"), chunk);
  served->send("data: [DONE]\n\n");
  served->finish();
  served.release();
  const Response end = stream->read_all();
  EXPECT_TRUE(end.complete) << end.failure;
  upstream.drop_connections();
  proxy().expect_exit(0);
}

}  // namespace
}  // namespace outrigger::test
