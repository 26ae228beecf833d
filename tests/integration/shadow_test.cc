// Policies in shadow on the wire: the client gets what the upstream said, and log, headers and
// metric tell what would have happened instead.
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

using Shadow = Scenario;

TEST_P(Shadow, OnlySaysWhatRetryAndBreakerWouldHaveDone) {
  upstream.expect("GET /a").reply(500, "sick");
  upstream.expect("GET /b").reply(500, "sick");
  serve(std::string(kThreeAttempts) +
        ", headers: full, shadow: [retry, circuit_breaker], circuit_breaker: {failures_in_a_row: "
        "1, failure_rate: none, ramp: none, open: {first: 1h, max: 1h, jitter: 0%}}");
  const Response first = ask(get("/up/a"));
  EXPECT_EQ(first.status, 500);
  EXPECT_EQ(first.body, "sick");
  EXPECT_EQ(value_of(first.headers, "x-should-retry"), "");
  EXPECT_EQ(value_of(first.headers, "outrigger-would-have"), "retry; retry");
  const Response second = ask(get("/up/b"));
  EXPECT_EQ(second.status, 500) << "the open breaker lets it pass";
  EXPECT_EQ(value_of(second.headers, "outrigger-would-have"),
            "circuit_breaker; refuse, retry; retry");
  EXPECT_EQ(hits(), 2u);
  const nlohmann::json line = proxy().access_line_of("/up/b");
  EXPECT_EQ(line.at("would_have").dump(),
            R"([{"policy":"circuit_breaker","what":"refuse"},{"policy":"retry","what":"retry"}])");
  EXPECT_TRUE(eventually([&] {
    return proxy().metric_sum("outrigger_would_have_total", R"(policy="retry")") == 2 &&
           proxy().metric_sum("outrigger_would_have_total", R"(policy="circuit_breaker")") == 1;
  }));
}

INSTANTIATE_TEST_SUITE_P(, Shadow, ::testing::ValuesIn(kBothProtocols), protocols_name);

}  // namespace
}  // namespace outrigger::test
