#include "proxy/mock/provider.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/mock/support.h"

namespace outrigger::mock {
namespace {

Fault fault_of(std::string_view text) {
  return parse_fault(text).value();
}

std::string value_of(const Plan& plan, std::string_view name) {
  for (const auto& [field, value] : plan.headers)
    if (field == name) return value;
  return {};
}

class MockProvider : public ::testing::Test {
 protected:
  Reaction ask(const http::RequestHead& head, std::string_view body = {}) {
    const auto fault = provider.choose(head);
    EXPECT_TRUE(fault);
    Reaction reaction = provider.react(*fault, head, body, at);
    return reaction;
  }
  int status(const Fields& fields, std::string_view body = "{}") {
    const Reaction reaction = ask(head_of("POST", "/v1/messages", fields), body);
    provider.release(reaction);
    return reaction.plan.status;
  }
  Reaction charge(const std::string& key, std::string_view body, const std::string& fault = {}) {
    return ask(head_of("POST", "/v1/charges", {{"Idempotency-Key", key}, {"Mock-Fault", fault}}),
               body);
  }

  Provider provider{1, Script{}, Fault{}};
  Moment at{{1h}, 1'700'000'000};
};

TEST_F(MockProvider, TakesTheFaultFromFieldThenQueryThenScriptThenItsOwn) {
  provider =
      Provider(1, read_script("s", "- {fault: status=503}\n").value(), fault_of("status=504"));
  const auto chosen = [&](std::string_view target, const Fields& fields = {}) {
    return provider.choose(head_of("GET", target, fields)).value().text;
  };
  EXPECT_EQ(chosen("/a?mock=status=502", {{"mock-fault", "status=501"}}), "status=501");
  EXPECT_EQ(chosen("/a?x=1&mock=status%3D502%3Bretry-after=2"), "status=502;retry-after=2");
  EXPECT_EQ(chosen("/a"), "status=503");
  EXPECT_EQ(chosen("/a"), "status=504");
}

TEST_F(MockProvider, RefusesAFaultThatItCannotRead) {
  const auto fault = provider.choose(head_of("GET", "/a", {{"mock-fault", "status=1;x"}}));
  ASSERT_FALSE(fault);
  const Plan plan = provider.refuse(fault.error());
  EXPECT_EQ(plan.status, 400);
  EXPECT_NE(bytes_of(plan).find("the mock's fault, at 1: "), std::string::npos);
}

TEST_F(MockProvider, FailsTheFirstRequestsOfEachKey) {
  const Fields a = {{"mock-fault", "fail-first=2:503"}, {"mock-key", "a"}};
  const Fields b = {{"mock-fault", "fail-first=2:503"}, {"mock-key", "b"}};
  EXPECT_EQ(status(a), 503);
  EXPECT_EQ(status(a, "other body"), 503);
  EXPECT_EQ(status(b), 503);
  EXPECT_EQ(status(a), 200);
  EXPECT_EQ(status(b), 503);
  EXPECT_EQ(status(b), 200);
}

TEST_F(MockProvider, FailsTheFirstRequestsOfEachBodyWithoutAKey) {
  const Fields fields = {{"mock-fault", "fail-first=1:529"}};
  EXPECT_EQ(status(fields, "{\"a\":1}"), 529);
  EXPECT_EQ(status(fields, "{\"a\":1}"), 200);
  EXPECT_EQ(status(fields, "{\"a\":2}"), 529);
  provider.reset();
  EXPECT_EQ(status(fields, "{\"a\":1}"), 529);
}

TEST_F(MockProvider, FailsAShareOfTheRequestsBySeed) {
  const auto run = [&](std::uint64_t seed) {
    provider = Provider(seed, Script{}, fault_of("fail=30%:500"));
    std::string run;
    for (int i = 0; i < 1000; ++i) run += status({}) == 500 ? 'x' : '.';
    return run;
  };
  const std::string first = run(5);
  EXPECT_EQ(first, run(5));
  const auto failed = std::ranges::count(first, 'x');
  EXPECT_GT(failed, 250);
  EXPECT_LT(failed, 350);
}

TEST_F(MockProvider, LimitsEachCredentialInItsProvidersWords) {
  const Fields one = {{"mock-fault", "rate=2/min"}, {"x-api-key", "one"}};
  const Fields two = {{"mock-fault", "rate=2/min"}, {"x-api-key", "two"}};
  EXPECT_EQ(status(one), 200);
  EXPECT_EQ(status(one), 200);
  EXPECT_EQ(status(two), 200);
  const Reaction refused = ask(head_of("POST", "/v1/messages", one), "{}");
  EXPECT_EQ(refused.plan.status, 429);
  EXPECT_EQ(value_of(refused.plan, "retry-after"), "30");
  EXPECT_EQ(value_of(refused.plan, "anthropic-ratelimit-requests-limit"), "2");
  EXPECT_EQ(value_of(refused.plan, "anthropic-ratelimit-requests-remaining"), "0");
  EXPECT_EQ(value_of(refused.plan, "anthropic-ratelimit-requests-reset"), "2023-11-14T22:14:20Z");
  EXPECT_EQ(parsed(bytes_of(refused.plan))["error"]["type"], "rate_limit_error");
  at.now = at.now + 30s;
  EXPECT_EQ(status(one), 200);
  EXPECT_EQ(status(one), 429);
}

TEST_F(MockProvider, GivesTheSavedAnswerOfAnIdempotencyKeyAgain) {
  const Reaction first = charge("k", "amount=1", "reset");
  EXPECT_EQ(first.fault.wire, Wire::kReset);  // executed, but the answer was lost
  const Reaction meanwhile = charge("k", "amount=1");
  EXPECT_EQ(meanwhile.plan.status, 409);
  provider.release(first);
  const Reaction again = charge("k", "amount=1");
  EXPECT_EQ(again.plan.status, 200);
  EXPECT_EQ(value_of(again.plan, "Idempotent-Replayed"), "true");
  EXPECT_EQ(bytes_of(again.plan), bytes_of(first.plan));
  const Reaction changed = charge("k", "amount=2");
  EXPECT_EQ(changed.plan.status, 400);
  EXPECT_EQ(parsed(bytes_of(changed.plan))["error"]["type"], "idempotency_error");
}

// llm 2.4: results are replayed, 500 among them; what was refused at once is executed again.
TEST_F(MockProvider, KeepsTheResultsOfExecutionOnly) {
  struct Row {
    std::string fault;
    int again;
  };
  for (const Row& row : std::vector<Row>{
           {"status=500", 500}, {"status=402", 402}, {"status=503", 200}, {"status=429", 200}}) {
    const Reaction first = charge(row.fault, "amount=1", row.fault);
    provider.release(first);
    const Reaction again = charge(row.fault, "amount=1");
    provider.release(again);
    EXPECT_EQ(again.plan.status, row.again) << row.fault;
  }
}

TEST_F(MockProvider, AnErrorMayComeWith200) {
  const Reaction reaction = ask(head_of("POST", "/v1/chat/completions",
                                        {{"mock-fault", "status=200;code=rate_limit_exceeded"}}),
                                "{}");
  EXPECT_EQ(reaction.plan.status, 200);
  EXPECT_EQ(parsed(bytes_of(reaction.plan))["error"]["code"], "rate_limit_exceeded");
}

TEST_F(MockProvider, AnErrorEventOfDigitsIsAStatus) {
  const Reaction reaction = ask(head_of("POST", "/v1beta/models/g:streamGenerateContent?alt=sse",
                                        {{"mock-fault", "error-event=429@1"}}),
                                "{}");
  const auto data = sse_data(bytes_of(reaction.plan));
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(parsed(data[1])["error"]["code"], 429);
}

}  // namespace
}  // namespace outrigger::mock
