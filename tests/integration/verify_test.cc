// A write whose outcome was lost is looked for before it is sent again (DESIGN 2, replay: verify).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

class Verify : public Scenario {
 protected:
  static constexpr const char* kProbe = "GET /orders?key=k-1";
  void serve_verified() {
    serve(std::string(kThreeAttempts) +
          ", replay: verify, verify: {get: \"/orders?key={idempotency-key}\", settle: 5ms, "
          "negatives: 2, found: {json: {/total: {at_least: 1}}}}");
  }
  Response order() { return ask(post("/up/orders", "{}", {{"idempotency-key", "k-1"}})); }
};
INSTANTIATE_TEST_SUITE_P(, Verify, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Verify, WhatIsFoundIsNotSentAgain) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).reply(200, R"({"total":1})");
  serve_verified();
  const Response answer = order();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"total":1})");
  EXPECT_EQ(value_of(answer.headers, "outrigger-verified"), "found");
  EXPECT_EQ(hits("/orders"), 1u);
  EXPECT_EQ(story("/up/orders"), "P3 transient; probe 200 ok");
}

TEST_P(Verify, WhatIsMissingAsOftenAsAskedIsSentAgain) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).reply(200, R"({"total":0})");
  upstream.expect(kProbe).reply(404);
  upstream.expect("POST /orders").reply(201, "made");
  serve_verified();
  EXPECT_EQ(order().body, "made");
  const std::vector<Request> seen = upstream.requests();
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[1].body, "");
  EXPECT_EQ(seen[3].body, "{}");
  EXPECT_EQ(value_of(seen[3].headers, "idempotency-key"), "k-1");
}

TEST_P(Verify, WhatCannotBeFoundOutIsNotSentAgain) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).reply(403);
  serve_verified();
  const Response answer = order();
  expect_problem(answer, 504, "unknown_outcome");
  expect_gives_up(answer);
  EXPECT_EQ(hits("/orders"), 1u);
  EXPECT_TRUE(story("/up/orders").ends_with("(unknown_outcome)")) << story("/up/orders");
}

TEST_P(Verify, WhatTheUpstreamRejectedNeedsNoQuestion) {
  upstream.expect("POST /orders").reply(503);
  upstream.expect("POST /orders").reply(201, "made");
  serve_verified();
  EXPECT_EQ(order().body, "made");
}

}  // namespace
}  // namespace outrigger::test
