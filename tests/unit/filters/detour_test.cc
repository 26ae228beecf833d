#include "filters/fallback/detour.h"

#include <gtest/gtest.h>

#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {
namespace {

using config::FallbackOn;

config::Fallback way_to(std::string model, std::vector<config::TextPair> map = {},
                        std::string path = {}) {
  config::Fallback way;
  way.model = std::move(model);
  way.map_model = std::move(map);
  way.path = std::move(path);
  return way;
}

TEST(Detour, PutsTheModelWhereTheRequestHasIt) {
  struct Row {
    config::Fallback way;
    const char* target;
    const char* model;
    const char* to;
    const char* to_model;
    bool in_body;
  };
  const config::Fallback mapped = way_to("", {{"big", "small"}});
  const config::Fallback fixed = way_to("other");
  const config::Fallback both = way_to("other", {{"big", "small"}});
  const config::Fallback invoke = way_to("", {{"big", "a.small-v1:0"}}, "/model/{model}/invoke");
  const config::Fallback handler = way_to("", {}, "/reformulate");
  const Row rows[] = {
      {mapped, "/v1/chat/completions", "big", "/v1/chat/completions", "small", true},
      {mapped, "/v1/chat/completions", "else", "/v1/chat/completions", "else", false},
      {mapped, "/v1/chat/completions", "", "/v1/chat/completions", "", false},
      {fixed, "/v1/messages?beta=true", "big", "/v1/messages?beta=true", "other", true},
      {both, "/v1/messages", "big", "/v1/messages", "small", true},
      {both, "/v1/messages", "else", "/v1/messages", "other", true},
      {mapped, "/v1beta/models/big:generateContent?alt=sse", "big",
       "/v1beta/models/small:generateContent?alt=sse", "small", false},
      {fixed, "/openai/deployments/big/chat/completions?api-version=1", "big",
       "/openai/deployments/other/chat/completions?api-version=1", "other", false},
      {invoke, "/v1/messages", "big", "/model/a.small-v1:0/invoke", "a.small-v1:0", false},
      {handler, "/v1/chat/completions?x=1", "big", "/reformulate?x=1", "big", false},
  };
  for (const Row& row : rows) {
    const Detour detour = detour_of(row.way, row.target, row.model);
    EXPECT_EQ(detour.target, row.to);
    EXPECT_EQ(detour.model, row.to_model) << row.target;
    EXPECT_EQ(detour.model_in_body, row.in_body) << row.target << " " << row.model;
  }
}

TEST(Detour, EscapesAModelThatIsNoPathSegment) {
  const config::Fallback way = way_to("a/b c", {}, "/m/{model}");
  EXPECT_EQ(detour_of(way, "/x", "").target, "/m/a%2Fb%20c");
}

TEST(Detour, EditsTheBodyAndNothingElseOfIt) {
  config::Fallback way = way_to("small");
  way.set = {{"/stream", "false"}, {"/n/x", "1"}};
  const Detour detour = detour_of(way, "/v1/chat/completions", "big");
  EXPECT_EQ(edited_body(R"({"temperature":0.10,"model":"big","n":{}})", detour, way),
            R"({"temperature":0.10,"model":"small","n":{"x":1},"stream":false})");
  EXPECT_EQ(edited_body("no JSON", detour, way), std::nullopt);
}

TEST(Detour, LeavesTheClientsCredentialBehind) {
  EXPECT_EQ(without_credentials("/v1/x?key=secret&alt=sse"), "/v1/x?alt=sse");
  EXPECT_EQ(without_credentials("/v1/x?alt=sse&api_key=secret&b"), "/v1/x?alt=sse&b");
  EXPECT_EQ(without_credentials("/v1/x?access%5Ftoken=secret"), "/v1/x");
  EXPECT_EQ(without_credentials("/v1/x"), "/v1/x");
  EXPECT_EQ(without_credentials("/v1/x?"), "/v1/x");
}

Attempt attempt(Verdict verdict, Phase phase) {
  Attempt one;
  one.verdict = verdict;
  one.phase = phase;
  one.judged = true;
  return one;
}

TEST(MaySendAfter, SendsNoWriteTwiceThatMayHaveHappened) {
  using config::Replay;
  struct Row {
    Verdict verdict;
    Phase phase;
    Replay replay;
    bool same, other;
  };
  const Row rows[] = {
      {Verdict::kTimeout, Phase::kFullyWritten, Replay::kSafe, true, true},
      {Verdict::kTimeout, Phase::kFullyWritten, Replay::kKeyed, true, false},
      {Verdict::kTimeout, Phase::kFullyWritten, Replay::kVerify, false, false},
      {Verdict::kTimeout, Phase::kFullyWritten, Replay::kUnsent, false, false},
      {Verdict::kTransient, Phase::kAnswered, Replay::kUnsent, false, false},
      {Verdict::kThrottled, Phase::kAnswered, Replay::kUnsent, true, true},
      {Verdict::kRefusedUnsent, Phase::kNoConnection, Replay::kUnsent, true, true},
      {Verdict::kClientError, Phase::kAnswered, Replay::kUnsent, true, true},
      {Verdict::kQuotaExhausted, Phase::kAnswered, Replay::kUnsent, true, true},
      {Verdict::kClientError, Phase::kAnswered, Replay::kNever, false, false},
      {Verdict::kRefusedUnsent, Phase::kNoConnection, Replay::kNever, false, false},
      // A good answer that a later check refused was an execution.
      {Verdict::kOk, Phase::kAnswered, Replay::kUnsent, false, false},
      {Verdict::kOk, Phase::kAnswered, Replay::kSafe, true, true},
  };
  for (const Row& row : rows) {
    const Attempt one[] = {attempt(row.verdict, row.phase)};
    EXPECT_EQ(may_send_after(one, row.replay, Again::kSameRequest), row.same)
        << to_string(row.verdict);
    EXPECT_EQ(may_send_after(one, row.replay, Again::kOtherRequest), row.other)
        << to_string(row.verdict);
  }
  const Attempt two[] = {attempt(Verdict::kTimeout, Phase::kFullyWritten),
                         attempt(Verdict::kRefusedUnsent, Phase::kNoConnection)};
  EXPECT_FALSE(may_send_after(two, config::Replay::kUnsent, Again::kSameRequest))
      << "each of them counts, not only the last";
}

class Trigger : public ChainTest {
 protected:
  std::optional<FallbackOn> of(Verdict verdict, Result<http::Response> outcome) {
    exchange().attempts.push_back(attempt(verdict, Phase::kAnswered));
    return trigger_of(exchange(), outcome, exchange().attempts.size() - 1);
  }
  std::optional<FallbackOn> of(Error error) {
    return trigger_of(exchange(), std::unexpected(std::move(error)), exchange().attempts.size());
  }
  static Error refusal(std::string_view reason) {
    return {Errc::kOverload, Origin::kProxy, Phase::kNoConnection, reason, {}};
  }
};

TEST_F(Trigger, IsTheVerdictOfTheLastAttempt) {
  EXPECT_EQ(of(Verdict::kOk, http::Response{}), std::nullopt);
  EXPECT_EQ(of(Verdict::kCancelled, http::Response{}), std::nullopt);
  EXPECT_EQ(of(Verdict::kOverloaded, http::Response{}), config::fallback_on(Verdict::kOverloaded));
  EXPECT_EQ(of(Verdict::kTimeout,
               std::unexpected(
                   Error{Errc::kTimeout, Origin::kUpstream, Phase::kFullyWritten, "headers", {}})),
            config::fallback_on(Verdict::kTimeout));
}

TEST_F(Trigger, IsARefusalOfOurOwnByItsReason) {
  EXPECT_EQ(of(refusal("circuit_open")), FallbackOn::kBreakerOpen);
  EXPECT_EQ(of(refusal("cooling_down")), FallbackOn::kLimited);
  EXPECT_EQ(of(refusal("rate_limited")), FallbackOn::kLimited);
  EXPECT_EQ(of(refusal("concurrency_limited")), FallbackOn::kLimited);
  EXPECT_EQ(of(refusal("quota_exhausted")), config::fallback_on(Verdict::kQuotaExhausted));
  EXPECT_EQ(of(refusal("credentials_exhausted")), config::fallback_on(Verdict::kAuth));
  EXPECT_EQ(of(refusal("invalid_response")), config::fallback_on(Verdict::kInvalidResponse));
  EXPECT_EQ(of(refusal("deadline_exceeded")), std::nullopt);
}

TEST_F(Trigger, IsNoneForWhoNobodyWaitsFor) {
  exchange();
  scope_.cancel({});
  EXPECT_EQ(of(refusal("circuit_open")), std::nullopt);
}

}  // namespace
}  // namespace outrigger::filters
