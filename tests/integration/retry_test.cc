// A failed attempt is repeated, or not, by what it was; the caller gets one answer, and the log
// tells of every attempt (resilience 5.3: Retry, Status and hints).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

class Retried : public Scenario {};
INSTANTIATE_TEST_SUITE_P(, Retried, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(Retried, TheSecondAttemptsSuccessIsTheAnswer) {
  upstream.expect("GET /p").reply(503, "not yet");
  upstream.expect("GET /p").reply(200, "well");
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "well");
  EXPECT_EQ(value_of(answer.headers, "outrigger-attempts"), "2");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
  EXPECT_EQ(find(answer.headers, "x-should-retry"), nullptr);
  EXPECT_EQ(hits(), 2u);
  EXPECT_EQ(story("/up/p"), "503 overloaded; 200 ok");
}

TEST_P(Retried, TheLastAttemptsSuccessIsTheAnswer) {
  upstream.expect("GET /p").times(2).run(die);
  upstream.expect("GET /p").reply(200, "well");
  serve(kThreeAttempts);
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(story("/up/p"), "P3 transient; P3 transient; 200 ok");
}

TEST_P(Retried, ExhaustedIsTheUpstreamsLastAnswerAndEndsTheClientsRetries) {
  upstream.expect("GET /p").reply(500, "one");
  upstream.expect("GET /p").reply(502, "two");
  upstream.expect("GET /p").reply(503, "three", {{"x-own", "kept"}});
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "three");
  EXPECT_EQ(value_of(answer.headers, "x-own"), "kept");
  EXPECT_EQ(value_of(answer.headers, "outrigger-attempts"), "3");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
  expect_gives_up(answer);
  EXPECT_EQ(story("/up/p"), "500 transient; 502 transient; 503 overloaded (max_attempts)");
}

TEST_P(Retried, AWrongRequestPassesUntouchedAndOnce) {
  upstream.expect("GET /p").reply(400, "your fault");
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "your fault");
  EXPECT_EQ(find(answer.headers, "x-should-retry"), nullptr);
  EXPECT_EQ(find(answer.headers, "outrigger-attempts"), nullptr);
  EXPECT_EQ(story("/up/p"), "400 client_error (verdict)");
}

class Retries : public Scenario {};
INSTANTIATE_TEST_SUITE_P(, Retries, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Retries, EachStatusByItsVerdict) {
  struct Row {
    int status;
    std::string story;
  };
  const std::vector<Row> rows = {
      {408, "408 timeout; 200 ok"},        {409, "409 transient; 200 ok"},
      {425, "425 transient; 200 ok"},      {429, "429 throttled; 200 ok"},
      {500, "500 transient; 200 ok"},      {502, "502 transient; 200 ok"},
      {503, "503 overloaded; 200 ok"},     {504, "504 transient; 200 ok"},
      {529, "529 overloaded; 200 ok"},     {401, "401 auth (verdict)"},
      {403, "403 auth (verdict)"},         {404, "404 client_error (verdict)"},
      {413, "413 client_error (verdict)"}, {501, "501 client_error (verdict)"},
  };
  for (const Row& row : rows) {
    const std::string path = fmt::format("/{}", row.status);
    upstream.expect("GET " + path).reply(row.status, "failed");
    if (row.story.ends_with("ok")) upstream.expect("GET " + path).reply(200, "well");
  }
  serve(kThreeAttempts);
  for (const Row& row : rows) {
    const std::string path = fmt::format("/up/{}", row.status);
    const Response answer = ask(get(path));
    EXPECT_EQ(answer.status, row.story.ends_with("ok") ? 200 : row.status);
    EXPECT_EQ(story(path), row.story);
  }
}

TEST_P(Retries, ABodylessSuccessIsNoFailure) {
  upstream.expect("HEAD /p").reply(200);
  upstream.expect("GET /204").reply(204);
  upstream.expect("GET /304").reply(304);
  serve(std::string(kThreeAttempts) + ", dialect: openai");
  Request head = get("/up/p");
  head.method = "HEAD";
  EXPECT_EQ(ask(head).status, 200);
  EXPECT_EQ(ask(get("/up/204")).status, 204);
  EXPECT_EQ(ask(get("/up/304")).status, 304);
  EXPECT_EQ(hits(), 3u);
}

TEST_P(Retries, WithoutAnyAnswerTheProblemNamesTheLoss) {
  upstream.expect("GET /p").times(3).run(die);
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  expect_problem(answer, 502);
  expect_gives_up(answer);
  EXPECT_EQ(value_of(answer.headers, "outrigger-attempts"), "3");
  EXPECT_NE(answer.body.find("3 attempts"), std::string::npos) << answer.body;
}

TEST_P(Retries, TheUpstreamsWordDecides) {
  upstream.expect("GET /no").reply(503, "", {{"x-should-retry", "false"}});
  upstream.expect("GET /stripe").reply(500, "", {{"stripe-should-retry", "false"}});
  serve(kThreeAttempts);
  EXPECT_EQ(ask(get("/up/no")).status, 503);
  EXPECT_EQ(ask(get("/up/stripe")).status, 500);
  EXPECT_EQ(story("/up/no"), "503 overloaded (upstream_said_no)");
  EXPECT_EQ(story("/up/stripe"), "500 transient (upstream_said_no)");
}

TEST_P(Retries, GiveUpStatusTakesThePlaceOfTheUpstreams) {
  upstream.expect("GET /p").times(2).reply(503, "busy");
  serve("retry: {max_attempts: 2, budget: none, backoff: {base: 1ms}, give_up_status: 424}");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 424);
  EXPECT_EQ(answer.body, "busy");
  const std::string proxy_status = value_of(answer.headers, "proxy-status");
  EXPECT_NE(proxy_status.find("received-status=503"), std::string::npos) << proxy_status;
}

TEST_P(Retries, AnEmptyBudgetEndsThemAndTheNextRequestsEarnAgain) {
  upstream.expect("GET /fails").times(5).reply(500);
  upstream.expect("GET /well").times(2).reply(200);
  serve(
      "retry: {max_attempts: 2, backoff: {base: 1ms}, "
      "budget: {ratio: 50%, floor: 1, window: 1h, cost: {transient: 2}}}");
  ask(get("/up/fails"));  // earns a half; its retry is the free one
  EXPECT_EQ(hits(), 2u);
  const Response poor = ask(get("/up/fails"));  // one is earned, two would be needed
  EXPECT_EQ(poor.status, 500);
  expect_gives_up(poor);
  EXPECT_EQ(hits(), 3u);
  const auto line = proxy().access_line(
      [](const nlohmann::json& entry) { return entry.value("attempts", 0) == 1; });
  EXPECT_EQ(story_of(line), "500 transient (budget)");
  ask(get("/up/well"));
  ask(get("/up/well"));
  ask(get("/up/fails"));
  EXPECT_EQ(hits("/fails"), 5u) << "two and a half are earned";
}

TEST_P(Retries, AFailedEndpointIsLeftToItsSiblings) {
  Upstream sibling({.http = GetParam().upstream});
  upstream.expect("GET /p").always().reply(503, "sick");
  sibling.expect("GET /p").always().reply(200, "well");
  const std::string protocol = h2_upstream() ? ", protocol: http2" : ", protocol: http1";
  serve(ProxyConfig().workers(1).endpoints("up", {&upstream, &sibling}, kThreeAttempts + protocol));
  for (int i = 0; i < 8; ++i) EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_EQ(sibling.requests().size(), 8u);
  proxy().finish();
}

TEST_P(Retries, AClientThatLeavesDuringTheBackOffCausesNoFurtherRequest) {
  upstream.expect("GET /p").reply(503);
  serve(
      "retry: {budget: none, backoff: {base: 1h, max: 1h, jitter: none}, "
      "backoff_for: {overloaded: {base: 1h, max: 1h, jitter: none}}}");
  Client leaving = client();
  const auto call = leaving.begin(get("/up/p"));
  ASSERT_TRUE(eventually([&] { return hits() == 1; }));
  call->cancel();
  const auto line = proxy().access_line_of("/up/p");
  EXPECT_EQ(story_of(line), "503 overloaded (cancelled)");
  EXPECT_TRUE(line.value("client_aborted", false)) << line.dump();
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Retries, AnAnswerOfTheUpstreamStandsAboveALaterLoss) {
  upstream.expect("GET /p").run([](Exchange& exchange) {
    exchange.reply(response(503, "busy"));
    if (!h2_upstream()) exchange.close();  // else the next one's loss would be that of an old one
  });
  upstream.expect("GET /p").times(2).run(die);
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "busy");
  expect_gives_up(answer);
  EXPECT_EQ(story("/up/p"), "503 overloaded; P3 transient; P3 transient (max_attempts)");
}

}  // namespace
}  // namespace outrigger::test
