#include "filters/classify/classifier.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr double kNow = 1795806000;  // 2026-11-27T19:00:00Z

using config::ClassifyRule;
using config::JsonMatch;
using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

http::Headers headers_of(const Fields& fields) {
  http::Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

config::StatusRange exactly(std::uint16_t status) {
  return {status, status};
}

// A rule, written like a sentence.
ClassifyRule when(Verdict verdict, const auto& conditions) {
  ClassifyRule rule;
  rule.verdict = verdict;
  conditions(rule);
  return rule;
}

class ClassifierTest : public ::testing::Test {
 protected:
  void rule(Verdict verdict, const auto& conditions) {
    policies_.classify.push_back(when(verdict, conditions));
  }
  Judgement judge(int status, std::string_view body = {}, const Fields& fields = {}) {
    const http::Headers headers = headers_of(fields);
    Evidence evidence;
    evidence.status = status;
    evidence.headers = &headers;
    evidence.body = body;
    evidence.body_complete = true;
    return Classifier(policies_).judge(evidence, kNow);
  }
  Judgement judge_event(std::string_view data, std::string_view type = {},
                        const Fields& fields = {}) {
    const http::Headers headers = headers_of(fields);
    Evidence evidence;
    evidence.status = 200;
    evidence.headers = &headers;
    evidence.body = data;
    evidence.body_complete = true;
    evidence.in_stream = true;
    evidence.event_type = type;
    return Classifier(policies_).judge(evidence, kNow);
  }
  Judgement judge_failure(const Error& failure, int status = 0) {
    Evidence evidence;
    evidence.status = status;
    evidence.failure = &failure;
    return Classifier(policies_).judge(evidence, kNow);
  }
  bool wants(int status, const Fields& fields = {{"content-type", "application/json"}}) {
    return Classifier(policies_).wants_body(status, headers_of(fields));
  }

  config::Policies policies_;
};

TEST_F(ClassifierTest, TakesTheFirstRuleThatHolds) {
  rule(Verdict::kQuotaExhausted, [](ClassifyRule& r) {
    r.status = {exactly(429)};
    r.error = {"insufficient_quota"};
  });
  rule(Verdict::kOverloaded, [](ClassifyRule& r) { r.status = {exactly(429)}; });
  rule(Verdict::kClientError, [](ClassifyRule& r) { r.status = {{400, 499}}; });
  const Judgement money = judge(429, R"({"error":{"code":"Insufficient_Quota"}})");
  EXPECT_EQ(money.verdict, Verdict::kQuotaExhausted);
  EXPECT_EQ(money.rule, 0);
  EXPECT_EQ(money.because, "");
  EXPECT_EQ(money.error, "Insufficient_Quota");
  EXPECT_EQ(judge(429, R"({"error":{"code":"other"}})").rule, 1);
  EXPECT_EQ(judge(418).rule, 2);
  const Judgement built_in = judge(503);
  EXPECT_EQ(built_in.rule, -1);
  EXPECT_EQ(built_in.verdict, Verdict::kOverloaded);
  EXPECT_EQ(built_in.because, "503: the service is not available");
}

TEST_F(ClassifierTest, EveryConditionOfARuleMustHold) {
  rule(Verdict::kThrottled, [](ClassifyRule& r) {
    r.status = {exactly(403), exactly(429)};
    r.error = {"A", "B"};
    r.message = {"slow", "quota"};
    r.header = {{"x-kind", "Rate"}, {"x-any", "*"}};
    r.json = {{"/n", JsonMatch::Test::kAtLeast, "", 3}};
  });
  const std::string body = R"({"code":"b","message":"Daily QUOTA reached","n":3})";
  const Fields fields = {{"X-Kind", "rate"}, {"x-any", "thing"}};
  EXPECT_EQ(judge(403, body, fields).rule, 0);
  EXPECT_EQ(judge(402, body, fields).rule, -1);
  EXPECT_EQ(judge(403, R"({"code":"c","message":"quota","n":3})", fields).rule, -1);
  EXPECT_EQ(judge(403, R"({"code":"b","message":"other","n":3})", fields).rule, -1);
  EXPECT_EQ(judge(403, R"({"code":"b","message":"quota","n":2})", fields).rule, -1);
  EXPECT_EQ(judge(403, body, {{"x-kind", "rate"}}).rule, -1);
  EXPECT_EQ(judge(403, body, {{"x-kind", "other"}, {"x-any", "thing"}}).rule, -1);
}

TEST_F(ClassifierTest, ARuleWithoutAStatusIsForErrorsOnly) {
  rule(Verdict::kQuotaExhausted, [](ClassifyRule& r) { r.error = {"quota"}; });
  constexpr std::string_view kBody = R"({"code":"quota"})";
  EXPECT_EQ(judge(200, kBody).verdict, Verdict::kOk);
  EXPECT_EQ(judge(304, kBody).verdict, Verdict::kOk);
  EXPECT_EQ(judge(400, kBody).verdict, Verdict::kQuotaExhausted);
  EXPECT_EQ(judge_event(kBody).verdict, Verdict::kQuotaExhausted);
  EXPECT_FALSE(wants(200));
}

TEST_F(ClassifierTest, ErrorCodesAreReadThroughTheirDecoration) {
  policies_.error_fields = {"/__type"};
  rule(Verdict::kThrottled, [](ClassifyRule& r) { r.error = {"ThrottlingException"}; });
  EXPECT_EQ(judge(400, "{}", {{"x-amzn-ErrorType", "ThrottlingException:http://internal/"}}).rule,
            0);
  const auto typed = judge(400, R"({"__type":"com.amazonaws.bedrock#ThrottlingException"})");
  EXPECT_EQ(typed.rule, 0);
  EXPECT_EQ(typed.error, "com.amazonaws.bedrock#ThrottlingException");
}

TEST_F(ClassifierTest, NamesTheErrorThatDecided) {
  policies_.error_fields = {"/error/code", "/error/status", "/error/type"};
  constexpr std::string_view kBody =
      R"({"error":{"code":503,"status":"UNAVAILABLE","type":"special","message":"Later."}})";
  const Judgement plain = judge(503, kBody);
  EXPECT_EQ(plain.error, "UNAVAILABLE");  // a word says more than the status again
  EXPECT_EQ(plain.message, "Later.");
  rule(Verdict::kTransient, [](ClassifyRule& r) { r.error = {"special"}; });
  EXPECT_EQ(judge(503, kBody).error, "special");
  EXPECT_EQ(judge(503, R"({"error":{"code":503}})").error, "503");
  EXPECT_EQ(judge(503, "").error, "");
}

TEST_F(ClassifierTest, MessagesAreBoundedAndNeverCutInACharacter) {
  std::string text(199, 'x');
  text += "\xC3\xA4\xC3\xA4";
  EXPECT_EQ(judge(500, "{\"message\":\"" + text + "\"}").message, std::string(199, 'x'));
  EXPECT_EQ(judge(500, "plain words").message, "plain words");
}

TEST_F(ClassifierTest, AMessageMayStandInTextThatIsNoJson) {
  rule(Verdict::kOverloaded, [](ClassifyRule& r) { r.message = {"try later"}; });
  EXPECT_EQ(judge(500, "<html>Please TRY LATER</html>").rule, 0);
}

TEST_F(ClassifierTest, ReadsWhatACutBodyStillSays) {
  rule(Verdict::kQuotaExhausted, [](ClassifyRule& r) { r.error = {"insufficient_quota"}; });
  EXPECT_EQ(judge(429, R"({"error":{"code":"insufficient_quota","message":"You exc)").rule, 0);
}

TEST_F(ClassifierTest, AnErrorWhoseBodyIsLostKeepsItsVerdict) {
  const Error lost{Errc::kReset, Origin::kUpstream, Phase::kAnswered, "connection_terminated", {}};
  EXPECT_EQ(judge_failure(lost, 429).verdict, Verdict::kThrottled);
  EXPECT_EQ(judge_failure(lost, 400).verdict, Verdict::kClientError);
  EXPECT_EQ(judge_failure(lost, 399).verdict, Verdict::kTruncated);
  EXPECT_EQ(judge_failure(lost, 200).verdict, Verdict::kTruncated);
}

TEST_F(ClassifierTest, RulesNameFailuresByTheWordsOfRfc9209) {
  rule(Verdict::kClientError, [](ClassifyRule& r) { r.failure = {"tls_certificate_error"}; });
  rule(Verdict::kOverloaded, [](ClassifyRule& r) { r.failure = {"http_response_timeout"}; });
  rule(Verdict::kTransient, [](ClassifyRule& r) { r.failure = {"http_response_incomplete"}; });
  Error failure{Errc::kTls, Origin::kUpstream, Phase::kNoConnection, "tls_certificate_error", {}};
  EXPECT_EQ(judge_failure(failure).rule, 0);
  failure.reason = "tls_protocol_error";
  EXPECT_EQ(judge_failure(failure).rule, -1);
  // Our own word for it is total_timeout.
  const Error late{Errc::kTimeout, Origin::kUpstream, Phase::kFullyWritten, "total_timeout", {}};
  EXPECT_EQ(judge_failure(late).rule, 1);
  Evidence cut;
  cut.status = 200;
  cut.defect = "truncated";
  EXPECT_EQ(Classifier(policies_).judge(cut, kNow).rule, 2);
  EXPECT_EQ(judge(504).rule, -1);
}

TEST_F(ClassifierTest, NoRuleSpeaksOfWhatNobodyWaitedFor) {
  rule(Verdict::kOverloaded, [](ClassifyRule& r) { r.failure = {"connection_terminated"}; });
  const Error gone{
      Errc::kReset, Origin::kClient, Phase::kFullyWritten, "connection_terminated", {}};
  EXPECT_EQ(judge_failure(gone).verdict, Verdict::kCancelled);
  EXPECT_EQ(judge_failure(gone).because, "nobody waits for it any more");
  EXPECT_EQ(judge_failure(gone, 200).verdict, Verdict::kCancelled);
}

TEST_F(ClassifierTest, DefectsOfASuccessAreJudged) {
  const std::pair<std::string_view, Verdict> rows[] = {
      {"truncated", Verdict::kTruncated},
      {"invalid_json", Verdict::kInvalidResponse},
      {"wrong_content_type", Verdict::kInvalidResponse},
      {"empty_body", Verdict::kInvalidResponse},
  };
  for (const auto& [defect, verdict] : rows) {
    Evidence evidence;
    evidence.status = 200;
    evidence.defect = defect;
    EXPECT_EQ(Classifier(policies_).judge(evidence, kNow).verdict, verdict) << defect;
  }
}

TEST_F(ClassifierTest, ErrorEventsAreJudgedByTheirWords) {
  struct Row {
    std::string_view data, type;
    Verdict verdict;
  };
  const Row rows[] = {
      // llm 2.3, in-stream errors
      {R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", "error",
       Verdict::kOverloaded},
      {R"({"error":{"code":503,"status":"UNAVAILABLE","message":"x"}})", "", Verdict::kOverloaded},
      {R"({"error":{"code":429,"message":"x"}})", "", Verdict::kThrottled},
      {R"({"error":{"code":502,"message":"Provider returned error"}})", "", Verdict::kTransient},
      {R"({"error":{"code":"insufficient_quota"}})", "error", Verdict::kQuotaExhausted},
      {R"({"message":"Too many requests"})", "throttlingException", Verdict::kThrottled},
      {R"({"message":"bad"})", "validationException", Verdict::kClientError},
      {R"({"error":{"message":"who knows"}})", "", Verdict::kTransient},
      {"", "error", Verdict::kTransient},
  };
  for (const auto& [data, type, verdict] : rows) {
    EXPECT_EQ(to_string(judge_event(data, type).verdict), to_string(verdict)) << data;
  }
}

TEST_F(ClassifierTest, RulesMayAskWhereAnErrorStands) {
  rule(Verdict::kOverloaded, [](ClassifyRule& r) {
    r.status = {exactly(500)};
    r.in_stream = true;
  });
  rule(Verdict::kTimeout, [](ClassifyRule& r) {
    r.status = {exactly(500)};
    r.in_stream = false;
  });
  EXPECT_EQ(judge_event(R"({"error":{"code":500}})").rule, 0);
  EXPECT_EQ(judge(500).rule, 1);
  EXPECT_EQ(judge_event(R"({"error":{"code":"odd"}})").rule, -1);
}

TEST_F(ClassifierTest, HeadersOfAStreamSayNothingOfItsErrors) {
  const Fields fields = {{"retry-after", "30"},
                         {"x-ratelimit-remaining-requests", "0"},
                         {"x-ratelimit-reset-requests", "6m0s"},
                         {"x-should-retry", "false"}};
  const Judgement judgement = judge_event(R"({"error":{"code":429}})", {}, fields);
  EXPECT_EQ(judgement.hint, std::nullopt);
  EXPECT_EQ(judgement.upstream_says_retry, std::nullopt);
}

TEST_F(ClassifierTest, GrpcAnswersAreJudgedByTheirStatus) {
  const Fields exhausted = {{"content-type", "application/grpc+proto"},
                            {"grpc-status", "8"},
                            {"grpc-message", "slow down"},
                            {"grpc-retry-pushback-ms", "250"}};
  EXPECT_TRUE(wants(200, exhausted));
  const Judgement judgement = judge(200, {}, exhausted);
  EXPECT_EQ(judgement.verdict, Verdict::kThrottled);
  EXPECT_EQ(judgement.error, "RESOURCE_EXHAUSTED");
  EXPECT_EQ(judgement.message, "slow down");
  EXPECT_EQ(judgement.hint, 250ms);
  EXPECT_FALSE(wants(200, {{"content-type", "application/grpc"}, {"grpc-status", "0"}}));
  EXPECT_FALSE(wants(200, {{"content-type", "application/json"}, {"grpc-status", "8"}}));
}

TEST_F(ClassifierTest, TheServersWordTurnsARefusalIntoATransient) {
  const Fields yes = {{"x-should-retry", "true"}};
  rule(Verdict::kClientError, [](ClassifyRule& r) { r.status = {exactly(400)}; });
  ASSERT_EQ(judge(400).rule, 0);
  const Judgement refusal = judge(400, {}, yes);
  EXPECT_EQ(refusal.rule, -1) << "no rule said so";
  EXPECT_EQ(refusal.verdict, Verdict::kTransient);
  EXPECT_EQ(refusal.because, "the upstream says that it should be repeated");
  EXPECT_EQ(judge(401, {}, yes).verdict, Verdict::kAuth);
  const Judgement no = judge(500, {}, {{"x-should-retry", "false"}});
  EXPECT_EQ(no.verdict, Verdict::kTransient);
  EXPECT_EQ(no.upstream_says_retry, false);
  EXPECT_EQ(judge(500).upstream_says_retry, std::nullopt);
}

TEST_F(ClassifierTest, HintsComeFromTheServerAndAtLeastFromTheRule) {
  rule(Verdict::kThrottled, [](ClassifyRule& r) {
    r.error = {"secondary"};
    r.wait = 60s;
  });
  rule(Verdict::kQuotaExhausted, [](ClassifyRule& r) {
    r.error = {"daily"};
    r.until = config::Until::kNextDayUtc;
    r.scope = config::Scope::kCredential;
  });
  const auto after = [&](std::string_view error, std::string_view seconds) {
    const std::string body = "{\"code\":\"" + std::string(error) + "\"}";
    return seconds.empty() ? judge(429, body) : judge(429, body, {{"retry-after", seconds}});
  };
  EXPECT_EQ(after("other", "").hint, std::nullopt);
  EXPECT_EQ(after("other", "5").hint, 5s);
  EXPECT_EQ(after("other", "5").hint_from, "retry-after");
  EXPECT_EQ(after("secondary", "").hint, 60s);
  EXPECT_EQ(after("secondary", "5").hint, 60s);
  EXPECT_EQ(after("secondary", "5").hint_from, "the rule's wait");
  EXPECT_EQ(after("secondary", "300").hint, 300s);
  // Gemini answers an exhausted day with a delay of seconds: the rule knows better.
  EXPECT_EQ(after("daily", "34").hint, 5h);
  EXPECT_EQ(after("daily", "34").scope, config::Scope::kCredential);
  EXPECT_EQ(after("daily", "36000").hint, 10h);
}

TEST_F(ClassifierTest, ResetsExplainLimitsOnly) {
  const Fields fields = {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "30"}};
  EXPECT_EQ(judge(429, {}, fields).hint, 30s);
  EXPECT_EQ(judge(503, {}, fields).hint, 30s);
  EXPECT_EQ(judge(402, {}, fields).hint, 30s);
  EXPECT_EQ(judge(404, {}, fields).hint, std::nullopt);
  EXPECT_EQ(judge(500, {}, fields).hint, std::nullopt);
  EXPECT_EQ(judge(200, {}, fields).hint, std::nullopt);
  EXPECT_EQ(judge(200, {}, {{"retry-after", "30"}}).hint, std::nullopt);
}

TEST_F(ClassifierTest, ASuccessIsReadOnlyWhereARuleDoubtsIt) {
  EXPECT_TRUE(wants(400));
  EXPECT_TRUE(wants(429));
  EXPECT_TRUE(wants(500, {}));
  EXPECT_FALSE(wants(200));
  rule(Verdict::kClientError, [](ClassifyRule& r) {
    r.status = {exactly(200)};
    r.json = {{"/ok", JsonMatch::Test::kEquals, "false", 0}};
  });
  rule(Verdict::kClientError, [](ClassifyRule& r) { r.status = {exactly(300)}; });
  rule(Verdict::kOverloaded, [](ClassifyRule& r) {
    r.status = {{200, 299}};
    r.header = {{"x-degraded", "*"}};
  });
  EXPECT_TRUE(wants(200));
  EXPECT_TRUE(wants(200, {{"content-type", "application/problem+json; charset=utf-8"}}));
  EXPECT_FALSE(wants(200, {{"content-type", "text/event-stream"}}));
  EXPECT_FALSE(wants(200, {{"content-type", "application/x-ndjson"}}));
  EXPECT_FALSE(wants(200, {{"content-type", "image/png"}}));
  const std::vector<ClassifyRule> others = policies_.classify;
  const auto doubts = [&](auto set) {
    policies_.classify.clear();
    rule(Verdict::kClientError, [&](ClassifyRule& r) {
      r.status = {exactly(200)};
      set(r);
    });
    rule(Verdict::kClientError, [](ClassifyRule& r) { r.status = {exactly(500)}; });
    return wants(200) && !wants(200, {{"content-type", "image/png"}});
  };
  EXPECT_TRUE(doubts([](ClassifyRule& r) { r.error = {"oops"}; }));
  EXPECT_TRUE(doubts([](ClassifyRule& r) { r.message = {"oops"}; }));
  policies_.classify = others;
  EXPECT_TRUE(wants(200, {{"content-type", "image/png"}, {"x-degraded", "1"}}));
  EXPECT_FALSE(wants(204));
  EXPECT_TRUE(wants(300, {}));
  EXPECT_FALSE(wants(301));
  EXPECT_EQ(judge(200, R"({"ok":false,"error":"ratelimited"})").rule, 0);
  EXPECT_EQ(judge(200, R"({"ok":true})").verdict, Verdict::kOk);
}

// An error is never called a success, and a hint is never negative, whatever the body says.
TEST_F(ClassifierTest, JudgesAnyBytes) {
  rule(Verdict::kQuotaExhausted, [](ClassifyRule& r) { r.error = {"a"}; });
  rule(Verdict::kThrottled, [](ClassifyRule& r) { r.message = {"try"}; });
  constexpr std::string_view kAlphabet = "{}[]:,\"/error/code/message/a try again in 19s\\";
  for (unsigned seed = 0; seed < 5000; ++seed) {
    std::mt19937 random(seed);
    std::string body = random() % 2 ? R"({"error":{"message":")" : "";
    const std::size_t size = random() % 60;
    for (std::size_t i = 0; i < size; ++i) body += kAlphabet[random() % kAlphabet.size()];
    const Judgement judgement = judge(400 + static_cast<int>(random() % 200), body);
    EXPECT_NE(judgement.verdict, Verdict::kOk) << "seed " << seed;
    EXPECT_GE(judgement.hint.value_or(0s), 0s) << "seed " << seed;
    EXPECT_LE(judgement.message.size(), 200u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace outrigger::filters
