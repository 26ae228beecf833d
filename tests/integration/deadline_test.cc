// A caller's deadline ends whatever runs for it, with one answer and no request after it
// (resilience 5.3: Retry, "deadline ends in back-off").
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

class Deadlines : public Scenario {
 protected:
  static constexpr const char* kLongWaits =
      "retry: {max_attempts: 5, budget: none, backoff: {base: 1h, max: 1h, jitter: none}}";
};
INSTANTIATE_TEST_SUITE_P(, Deadlines, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Deadlines, OfTheCallerEndAnAttemptThatHangs) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"x-stainless-timeout", "0.3"}, {"grpc-timeout", "300m"}, {"Outrigger-Deadline", "300ms"}};
  serve(kThreeAttempts);
  for (const auto& [name, value] : rows) {
    upstream.expect("GET /" + name).hang();
    const Response answer = ask(get("/up/" + name, {{name, value}}));
    expect_problem(answer, 504, "deadline_exceeded");
    expect_gives_up(answer);
    EXPECT_EQ(hits("/" + name), 1u);
    EXPECT_TRUE(story("/up/" + name).ends_with("(deadline)")) << story("/up/" + name);
  }
  for (const Request& request : upstream.requests())
    EXPECT_EQ(find(request.headers, "outrigger-deadline"), nullptr);
}

TEST_P(Deadlines, OfTheRouteCountsLikeTheCallers) {
  upstream.expect("GET /p").hang();
  serve(std::string(kThreeAttempts) + ", deadline: 300ms");
  expect_problem(ask(get("/up/p", {{"x-stainless-timeout", "600"}})), 504, "deadline_exceeded");
}

TEST_P(Deadlines, ABackOffThatDoesNotFitIsNotBegun) {
  upstream.expect("GET /p").reply(500, "failed");
  serve(kLongWaits);
  const Response answer = ask(get("/up/p", {{"x-stainless-timeout", "60"}}));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "failed");
  expect_gives_up(answer);
  EXPECT_EQ(story("/up/p"), "500 transient (deadline)");
}

TEST_P(Deadlines, AHintBeyondThemIsNotWaitedFor) {
  upstream.expect("GET /p").reply(429, "", {{"retry-after", "30"}});
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p", {{"x-stainless-timeout", "10"}}));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(value_of(answer.headers, "retry-after"), "30");
  EXPECT_EQ(story("/up/p"), "429 throttled (deadline)");
}

TEST_P(Deadlines, AreSharedByAllAttempts) {
  upstream.expect("GET /p").reply(503);
  upstream.expect("GET /p").hang();
  serve(std::string(kThreeAttempts) + ", timeouts: {headers: 1h}");
  const Response answer = ask(get("/up/p", {{"x-stainless-timeout", "0.5"}}));
  EXPECT_EQ(answer.status, 504) << "what ran last was ended";
  expect_gives_up(answer);
  EXPECT_EQ(hits(), 2u);
}

TEST_P(Deadlines, EndAtTheHeadAndLetAStreamRunOn) {
  upstream.expect("GET /p").manually();
  upstream.expect("GET /q").hang();
  serve(std::string(kThreeAttempts) + ", deadline: 400ms");
  Client one = client();
  const auto call = one.begin(get("/up/p"));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send("data: 1\n\n");
  EXPECT_EQ(call->read_head().status, 200);
  expect_problem(ask(get("/up/q")), 504);  // as long as the first one's deadline, and begun later
  served->send("data: 2\n\n");
  served->finish();
  EXPECT_EQ(call->read_all().body, "data: 1\n\ndata: 2\n\n");
}

TEST_P(Deadlines, AfterATimeOutASafeCallGetsMoreTime) {
  upstream.expect("GET /p").hang();
  upstream.expect("GET /p").reply(200, "well");
  serve(std::string(kThreeAttempts) + ", timeouts: {headers: 200ms}");
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(story("/up/p"), "P3 timeout; 200 ok");
}

}  // namespace
}  // namespace outrigger::test
