// Answers through classify that are no streams (resilience 5.3, row "Response side").
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/filters/classify_fixture.h"

namespace outrigger::filters {
namespace {

using Verdicts = std::vector<std::string>;

Script json(std::vector<Step> steps, config::Dialect dialect = config::Dialect::kOpenai) {
  Script script;
  script.policies.dialect = dialect;
  script.policies.timeouts.gap = 60s;
  script.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  script.body = std::move(steps);
  return script;
}

Script whole(std::string_view body, config::Dialect dialect = config::Dialect::kOpenai) {
  Script script = json({}, dialect);
  script.whole = std::string(body);
  script.length = body.size();
  return script;
}

TEST(Classify, ConcludesAnAnswerThatIsAllThereAtOnce) {
  const Delivered got = deliver(whole("{\"id\":1}", config::Dialect::kNone));
  EXPECT_EQ(got.at_head, Verdict::kOk);
  EXPECT_TRUE(got.concluded_at_head);
  EXPECT_EQ(got.bytes, "{\"id\":1}");
  EXPECT_EQ(got.length, 8u);
  EXPECT_EQ(got.attempts, Verdicts{"ok"});
}

TEST(Classify, ConcludesAnAnswerThatStillComesAtItsEnd) {
  Script script = json({say("abc", 1s), say("def", 1s)}, config::Dialect::kNone);
  Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 0s);
  EXPECT_EQ(got.at_head, Verdict::kOk);
  EXPECT_FALSE(got.concluded_at_head);
  EXPECT_EQ(got.bytes, "abcdef");
  EXPECT_EQ(got.attempts, Verdicts{"ok"});

  script.length = 6;  // nobody asks for the end of what is all there
  EXPECT_EQ(deliver(script).attempts, Verdicts{"ok"});
  script.body = {say("abc", 1s), reset(1s)};
  got = deliver(script);
  EXPECT_EQ(got.bytes, "abc");
  EXPECT_EQ(got.end, "http_response_incomplete");
  EXPECT_EQ(got.attempts, Verdicts{"truncated"});
  script.reads = 1;
  EXPECT_EQ(deliver(script).attempts, Verdicts{"cancelled"});
}

TEST(Classify, ReturnsAFailureUnchangedAndWritesItDown) {
  Script script = json({});
  script.failure =
      Error{Errc::kReset, Origin::kUpstream, Phase::kFullyWritten, "connection_terminated", {}};
  script.unreached = 2;
  const Delivered got = deliver(script);
  EXPECT_EQ(got.failed, "connection_terminated");
  EXPECT_EQ(got.phase, Phase::kFullyWritten);
  EXPECT_EQ(got.attempts, (Verdicts{"refused_unsent", "refused_unsent", "transient"}));
}

TEST(Classify, ReadsTheBodyOfAnErrorAndGivesItBack) {
  const std::string body =
      R"({"error":{"message":"You exceeded","type":"insufficient_quota","code":"insufficient_quota"}})";
  Script script = json({say(body.substr(0, 10), 1s), say(body.substr(10), 1s)});
  script.status = 429;
  script.policies.classify.push_back({});
  script.policies.classify.back().status = {{429, 429}};
  script.policies.classify.back().error = {"insufficient_quota"};
  script.policies.classify.back().verdict = Verdict::kQuotaExhausted;
  Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 2s);
  EXPECT_EQ(got.at_head, Verdict::kQuotaExhausted);
  EXPECT_TRUE(got.concluded_at_head);
  EXPECT_EQ(got.error, "insufficient_quota");
  EXPECT_EQ(got.bytes, body);
  EXPECT_EQ(got.end, "clean");

  script.whole = body;
  got = deliver(script);
  EXPECT_EQ(got.at_head, Verdict::kQuotaExhausted);
  EXPECT_EQ(got.bytes, body);
}

TEST(Classify, ReadsNoMoreOfALargeErrorThanItsBound) {
  const std::string part(40'000, 'x');
  Script script = json({say(part, 1s), say(part, 1s), say(part, 5s), say(part, 5s)});
  script.status = 503;
  const Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 2s);
  EXPECT_EQ(got.at_head, Verdict::kOverloaded);
  EXPECT_EQ(got.bytes, part + part + part + part);
  EXPECT_EQ(got.attempts, Verdicts{"overloaded"});
}

TEST(Classify, JudgesAnErrorWhoseBodyBreaksOffByItsHead) {
  Script script = json({say("{\"err", 1s), reset(1s)});
  script.status = 500;
  const Delivered got = deliver(script);
  EXPECT_EQ(got.at_head, Verdict::kTransient);
  EXPECT_EQ(got.bytes, "{\"err");
  EXPECT_EQ(got.end, "http_response_incomplete");
}

TEST(Classify, WaitsForAnErrorsBodyNoLongerThanTheTimersAllow) {
  Script script = json({say("{", 1s), hang()});
  script.status = 500;
  const Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 61s);
  EXPECT_EQ(got.at_head, Verdict::kTransient);
}

struct Defect {
  std::string_view name, type, body, verdict;
};
// llm 2.1, last paragraph.
constexpr Defect kDefects[] = {
    {"whole", "application/json", "{\"a\":[1,2]}\n", "ok"},
    {"a suffix", "application/problem+json", "{}", "ok"},
    {"not JSON and not said to be", "text/plain", "hello", "ok"},
    {"a page for people", "text/html; charset=utf-8", "<!doctype html>", "invalid_response"},
    {"a page that is said to be JSON", "application/json", "<!doctype html>", "invalid_response"},
    {"nothing", "application/json", "", "invalid_response"},
    {"two documents", "application/json", "{}{}", "invalid_response"},
};

TEST(Classify, FindsASuccessThatIsNone) {
  for (const Defect& row : kDefects) {
    SCOPED_TRACE(row.name);
    Script script = whole(row.body);
    script.headers = {{"Content-Type", std::string(row.type)}};
    Delivered got = deliver(script);
    EXPECT_EQ(got.attempts, Verdicts{std::string(row.verdict)});
    EXPECT_TRUE(got.concluded_at_head);
    const std::string_view passes = row.verdict == "ok" ? row.body : "";
    EXPECT_EQ(got.bytes, passes) << "what is none must not look like one";
    script.whole.reset();
    script.length.reset();
    for (const char byte : row.body) script.body.push_back(say({&byte, 1}, 1ms));
    got = deliver(script);
    EXPECT_EQ(got.attempts, Verdicts{std::string(row.verdict)});
    EXPECT_EQ(got.bytes, passes);
    // Without a dialect nothing is known of what the answer should be.
    script.policies.dialect = config::Dialect::kNone;
    EXPECT_EQ(deliver(script).attempts, Verdicts{"ok"});
  }
}

// Slack's way: {"ok":false} under a 200.
TEST(Classify, ReadsASuccessThatARuleDoubts) {
  Script script = whole(R"({"ok":false,"error":"ratelimited"})");
  script.policies.error_fields = {"/error"};
  script.policies.classify.push_back({});
  script.policies.classify.back().status = {{200, 299}};
  script.policies.classify.back().error = {"ratelimited"};
  script.policies.classify.back().verdict = Verdict::kThrottled;
  const auto in_memory_and_in_pieces = [&script](std::string_view body) {
    script.whole = std::string(body);
    Delivered got = deliver(script);
    const Delivered first = got;
    script.whole.reset();
    script.length.reset();
    script.body = {say(body.substr(0, 9), 1s), say(body.substr(9), 1s), end_cleanly(1s)};
    got = deliver(script);
    EXPECT_EQ(got.attempts, first.attempts);
    EXPECT_EQ(got.bytes, first.bytes);
    EXPECT_EQ(got.failed, first.failed);
    EXPECT_TRUE(got.concluded_at_head);
    return got;
  };
  Delivered got = in_memory_and_in_pieces(R"({"ok":false,"error":"ratelimited"})");
  EXPECT_EQ(got.at_head, Verdict::kThrottled);
  EXPECT_EQ(got.error, "ratelimited");
  EXPECT_EQ(got.bytes, R"({"ok":false,"error":"ratelimited"})");
  got = in_memory_and_in_pieces(R"({"ok":true,"messages":[]})");
  EXPECT_EQ(got.at_head, Verdict::kOk);
  EXPECT_EQ(got.bytes, R"({"ok":true,"messages":[]})");
  got = in_memory_and_in_pieces(R"({"ok":true,"messages":[)");
  EXPECT_EQ(got.failed, "http_response_incomplete");
}

TEST(Classify, ReturnsNoAnswerThatLacksItsEnd) {
  for (const std::string_view body : {"{\"a\":", "[1,2", "{\"a\":\"b"}) {
    Script script = whole(body);
    Delivered got = deliver(script);
    EXPECT_EQ(got.failed, "http_response_incomplete");
    EXPECT_EQ(got.phase, Phase::kAnswered);
    EXPECT_EQ(got.attempts, Verdicts{"truncated"});
    script.whole.reset();
    script.length.reset();
    script.body = {say(body, 1s)};
    EXPECT_EQ(deliver(script).failed, "http_response_incomplete");
    script.body = {say(body, 1s), reset(1s)};
    EXPECT_EQ(deliver(script).failed, "http_response_incomplete");
    script.body = {say(body, 1s), hang()};
    got = deliver(script);
    EXPECT_EQ(got.failed, "connection_read_timeout");
    EXPECT_EQ(got.attempts, Verdicts{"timeout"});
  }
}

TEST(Classify, HoldsNoMoreOfAnAnswerThanItsBound) {
  Script script = json({say("[1,", 1s), say("2,", 1s), say("3]", 1s)});
  script.policies.commit.max_answer = 4;
  const Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 2s);
  EXPECT_EQ(got.bytes, "[1,2,3]");
  EXPECT_EQ(got.attempts, Verdicts{"ok"});
}

TEST(Classify, HoldsAnyAnswerWhereTheRouteSaysSo) {
  Script script = json({say("abc", 1s), say("def", 1s), end_cleanly(1s)}, config::Dialect::kNone);
  script.headers = {{"Content-Type", "text/plain"}};
  script.policies.commit.until = config::CommitUntil::kOnComplete;
  Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 3s);
  EXPECT_EQ(got.bytes, "abcdef");
  EXPECT_EQ(got.attempts, Verdicts{"ok"});
  script.body = {say("abc", 1s), reset(1s)};
  got = deliver(script);
  EXPECT_EQ(got.failed, "http_response_incomplete");
  EXPECT_EQ(got.phase, Phase::kAnswered);
}

TEST(Classify, LetsGeminisArraysStream) {
  Script script = json({say("[{}", 1s), say(",{}]", 9s)}, config::Dialect::kGemini);
  script.target = "/v1beta/models/gemini:streamGenerateContent";
  Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 0s);
  EXPECT_EQ(got.bytes, "[{},{}]");
  EXPECT_EQ(got.end, "clean");
  EXPECT_EQ(got.attempts, Verdicts{"ok"});
}

TEST(Classify, TheLastElementOfAnArrayTellsItsUsage) {
  const std::string long_text(20'000, 't');
  Script script = json({say(R"([{"text":"\"usageMetadata\": none"},)"),
                        say(R"({"text":")" + long_text + R"(","usageMetadata":{"promptTok)", 1s),
                        say(R"(enCount":4,"totalTokenCount":7},"modelVersion":"g"}])", 1s)},
                       config::Dialect::kGemini);
  script.target = "/v1beta/models/gemini:streamGenerateContent";
  EXPECT_FALSE(deliver(script).usage) << "nobody asked";
  script.wants_usage = true;
  EXPECT_EQ(deliver(script).usage, (TokenUsage{4, 3}));
}

TEST(Classify, EndsNoArrayThatLacksItsEnd) {
  Script script = json({say("[{}", 1s), say(",{}", 9s), end_cleanly()}, config::Dialect::kGemini);
  script.target = "/v1beta/models/gemini:streamGenerateContent";
  const Delivered got = deliver(script);
  EXPECT_EQ(got.bytes, "[{},{}");
  EXPECT_EQ(got.end, "http_response_incomplete");
  EXPECT_EQ(got.attempts, Verdicts{"truncated"});
}

TEST(Classify, ChecksAnArrayThatIsInMemoryLikeAnyWholeAnswer) {
  Script script = whole("[{},{}]");
  script.policies.dialect = config::Dialect::kGemini;
  script.target = "/v1beta/models/gemini:streamGenerateContent";
  Delivered got = deliver(script);
  EXPECT_EQ(got.bytes, "[{},{}]");
  EXPECT_EQ(got.attempts, Verdicts{"ok"});
  script.whole = "[{},{}";
  got = deliver(script);
  EXPECT_EQ(got.failed, "http_response_incomplete");
  EXPECT_EQ(got.attempts, Verdicts{"truncated"});
}

TEST(Classify, AsksNothingOfAnswersWithoutContent) {
  for (const int status : {204, 304, 200, 206}) {
    SCOPED_TRACE(status);
    Script script = whole("");
    script.status = status;
    if (status == 200) script.method = http::Method::kHead;
    const Delivered got = deliver(script);
    EXPECT_EQ(got.attempts, Verdicts{"ok"});
    EXPECT_TRUE(got.concluded_at_head);
  }
}

TEST(Classify, JudgesGrpcByItsTrailers) {
  http::Headers good;
  good.add("grpc-status", "0");
  http::Headers bad;
  bad.add("grpc-status", "8");
  http::Headers none;
  Script script;
  script.headers = {{"content-type", "application/grpc+proto"}};
  script.body = {say("frame", 1s)};
  script.trailers = &good;
  EXPECT_EQ(deliver(script).attempts, Verdicts{"ok"});
  script.trailers = &bad;
  Delivered got = deliver(script);
  EXPECT_EQ(got.bytes, "frame");
  EXPECT_EQ(got.attempts, Verdicts{"throttled"});
  script.trailers = &none;
  EXPECT_EQ(deliver(script).attempts, Verdicts{"truncated"});
  script.trailers = nullptr;
  EXPECT_EQ(deliver(script).attempts, Verdicts{"truncated"});

  script.body = {};
  script.whole = "";
  script.headers.emplace_back("grpc-status", "14");  // trailers only
  got = deliver(script);
  EXPECT_EQ(got.at_head, Verdict::kTransient);
  EXPECT_TRUE(got.concluded_at_head);
}

}  // namespace
}  // namespace outrigger::filters
