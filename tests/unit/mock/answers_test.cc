#include "proxy/mock/answers.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/mock/failures.h"
#include "tests/unit/mock/support.h"

namespace outrigger::mock {
namespace {

Answer healthy(const Call& call, std::uint64_t seed = 1) {
  Identity identity(seed);
  identity.set_seconds(1'700'000'000);
  return healthy_answer(call, make_words(0, 0), identity);
}

std::string body(const Answer& answer) {
  std::string all;
  for (const Event& event : answer.events) all += event.bytes;
  return all;
}

constexpr std::string_view kStream = R"({"model":"m","stream":true})";

struct Row {
  std::string method, path, query, body;
  Form form;
  std::string pointer, value;  // in the whole body, or in the last JSON of a stream
};

// Shapes: llm 2.3 and 2.4, and what the official Node libraries read.
const std::vector<Row>& rows() {
  static const std::string kWhole = R"({"model":"m"})";
  static const std::string kStreamed(kStream);
  static const std::vector<Row> kRows = {
      {"POST", "/openai/v1/chat/completions", "", kWhole, Form::kWhole, "/choices/0/finish_reason",
       "\"stop\""},
      {"POST", "/v1/chat/completions", "", kStreamed, Form::kSse, "/choices/0/finish_reason",
       "\"stop\""},
      {"POST", "/v1/responses", "", kWhole, Form::kWhole, "/output/0/content/0/type",
       "\"output_text\""},
      {"POST", "/v1/responses", "", kStreamed, Form::kSse, "/type", "\"response.completed\""},
      {"POST", "/v1/embeddings", "", R"({"input":["a","b"]})", Form::kWhole, "/data/1/index", "1"},
      {"GET", "/v1/models", "", "", Form::kWhole, "/data/0/id", "\"mock-1\""},
      {"POST", "/v1/messages", "", kWhole, Form::kWhole, "/content/0/type", "\"text\""},
      {"POST", "/anthropic/v1/messages", "", kStreamed, Form::kSse, "/type", "\"message_stop\""},
      {"POST", "/v1beta/models/g:generateContent", "", "{}", Form::kWhole,
       "/candidates/0/finishReason", "\"STOP\""},
      {"POST", "/v1beta/models/g:streamGenerateContent", "alt=sse", "{}", Form::kSse,
       "/candidates/0/finishReason", "\"STOP\""},
      {"POST", "/v1beta/models/g:streamGenerateContent", "", "{}", Form::kArray,
       "/8/candidates/0/finishReason", "\"STOP\""},
      {"POST", "/model/x/converse", "", "{}", Form::kWhole, "/stopReason", "\"end_turn\""},
      {"POST", "/model/x/converse-stream", "", "{}", Form::kFrames, "/metrics/latencyMs", "12"},
      {"POST", "/model/x/invoke", "", "{}", Form::kWhole, "/role", "\"assistant\""},
      {"POST", "/model/x/invoke-with-response-stream", "", "{}", Form::kFrames, "", ""},
      {"POST", "/v2/chat", "", kWhole, Form::kWhole, "/finish_reason", "\"COMPLETE\""},
      {"POST", "/v2/chat", "", kStreamed, Form::kSse, "/delta/finish_reason", "\"COMPLETE\""},
      {"POST", "/api/chat", "", kWhole, Form::kLines, "/done", "true"},
      {"POST", "/api/chat", "", R"({"stream":false})", Form::kWhole, "/done", "true"},
      {"POST", "/v1/charges", "", "amount=1", Form::kWhole, "/object", "\"charge\""},
      {"GET", "/v1/charges/ch_7", "", "", Form::kWhole, "/id", "\"ch_7\""},
      {"POST", "/services/data/v60.0/sobjects/Account", "", "{}", Form::kWhole, "/success", "true"},
      {"POST", "/api/chat.postMessage", "", "{}", Form::kWhole, "/ok", "true"},
      {"POST", "/repos/a/b/issues", "", "{}", Form::kWhole, "/id", "1"},
      {"POST", "/crm/v3/objects/contacts", "", "{}", Form::kWhole, "/archived", "false"},
      {"PUT", "/anything", "", R"({"a":1})", Form::kWhole, "/body/a", "1"},
  };
  return kRows;
}

Call call_of(const Row& row) {
  return read_call(row.method, row.path, row.query, row.body);
}

// Every JSON value of a body, in order.
std::vector<Json> values_of(const Answer& answer, Form form) {
  std::vector<Json> values;
  const std::string bytes = body(answer);
  if (form == Form::kSse) {
    for (const std::string& data : sse_data(bytes))
      if (data != "[DONE]") values.push_back(parsed(data));
  } else if (form == Form::kFrames) {
    for (const Frame& frame : frames_of(bytes)) values.push_back(parsed(frame.payload));
  } else if (form == Form::kLines) {
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t end = bytes.find('\n', at);
      values.push_back(parsed(std::string_view(bytes).substr(at, end - at)));
      at = end + 1;
    }
  } else {
    values.push_back(parsed(bytes));
  }
  return values;
}

TEST(MockAnswers, HaveTheShapeOfTheirProvider) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.path + " " + row.body);
    const Call call = call_of(row);
    EXPECT_EQ(call.form, row.form);
    const Answer answer = healthy(call);
    EXPECT_EQ(answer.stream, row.form != Form::kWhole);
    const std::vector<Json> values = values_of(answer, row.form);
    ASSERT_FALSE(values.empty());
    if (row.pointer.empty()) continue;
    const Json::json_pointer pointer(row.pointer);
    ASSERT_TRUE(values.back().contains(pointer)) << values.back();
    EXPECT_EQ(dump(values.back()[pointer]), row.value);
  }
}

TEST(MockAnswers, StreamsEndWithTheirTerminator) {
  for (const Row& row : rows()) {
    const Answer answer = healthy(call_of(row));
    if (!answer.stream) continue;
    SCOPED_TRACE(row.path);
    EXPECT_GE(answer.events.back().role, Role::kTerminator);
    std::size_t contents = 0;
    for (const Event& event : answer.events) contents += event.role == Role::kContent ? 1 : 0;
    EXPECT_EQ(contents, make_words(0, 0).size());
  }
}

TEST(MockAnswers, AreTheSameForTheSameSeed) {
  for (const Row& row : rows()) {
    const Call call = call_of(row);
    EXPECT_EQ(body(healthy(call, 7)), body(healthy(call, 7))) << row.path;
  }
}

TEST(MockAnswers, NumberTheEventsOfAResponseWithoutAGap) {
  const Answer answer = healthy(read_call("POST", "/v1/responses", "", kStream));
  std::uint64_t expected = 0;
  for (const Json& value : values_of(answer, Form::kSse))
    EXPECT_EQ(value["sequence_number"], expected++);
}

TEST(MockAnswers, GiveUsageAtTheEndOfAChatWhenAskedFor) {
  const Answer answer =
      healthy(read_call("POST", "/v1/chat/completions", "",
                        R"({"stream":true,"stream_options":{"include_usage":true}})"));
  const std::vector<Json> values = values_of(answer, Form::kSse);
  EXPECT_TRUE(values.back()["choices"].empty());
  EXPECT_EQ(values.back()["usage"]["completion_tokens"], 8);
}

TEST(MockAnswers, WordsAreAsManyAndAsLongAsWanted) {
  EXPECT_EQ(make_words(3, 0).size(), 3u);
  EXPECT_EQ(joined(make_words(3, 1000)).size(), 1000u);
  EXPECT_EQ(joined(make_words(0, 0)), "Hello from the mock upstream: all is well.");
}

struct ErrorRow {
  std::string path;
  int status;
  std::string code, pointer, value;
};

// Error shapes: llm 2.4.
TEST(MockFailures, HaveTheShapeOfTheirProvider) {
  const std::vector<ErrorRow> kErrors = {
      {"/v1/chat/completions", 429, "", "/error/code", "rate_limit_exceeded"},
      {"/v1/chat/completions", 429, "insufficient_quota", "/error/type", "insufficient_quota"},
      {"/v1/chat/completions", 503, "", "/error/code", "server_is_overloaded"},
      {"/v1/chat/completions", 401, "", "/error/code", "invalid_api_key"},
      {"/v1/responses", 500, "", "/error/type", "server_error"},
      {"/v1/messages", 529, "", "/error/type", "overloaded_error"},
      {"/v1/messages", 429, "", "/error/type", "rate_limit_error"},
      {"/v1/messages", 429, "enforced_spend_limit_reached", "/error/details/error_code",
       "enforced_spend_limit_reached"},
      {"/v1/messages", 413, "", "/error/type", "request_too_large"},
      {"/v1beta/models/g:generateContent", 429, "", "/error/status", "RESOURCE_EXHAUSTED"},
      {"/v1beta/models/g:generateContent", 429, "RequestsPerDay",
       "/error/details/0/violations/0/quotaId", "RequestsPerDay"},
      {"/v1beta/models/g:generateContent", 429, "", "/error/details/0/retryDelay", "7s"},
      {"/model/x/converse", 429, "", "/message", "The mock upstream was told to answer 429."},
      {"/v2/chat", 500, "", "/message", "The mock upstream was told to answer 500."},
      {"/api/chat", 500, "", "/error", "The mock upstream was told to answer 500."},
      {"/v1/charges", 402, "", "/error/code", "card_declined"},
      {"/v1/charges", 409, "", "/error/code", "idempotency_key_in_use"},
      {"/services/data/v60.0/query", 400, "UNABLE_TO_LOCK_ROW", "/0/errorCode",
       "UNABLE_TO_LOCK_ROW"},
      {"/api/chat.postMessage", 200, "fatal_error", "/error", "fatal_error"},
      {"/repos/a/b", 403, "secondary", "/message",
       "You have exceeded a secondary rate limit. Please wait a few minutes."},
      {"/crm/v3/objects", 429, "DAILY", "/policyName", "DAILY"},
      {"/anything", 500, "", "/error/code", "server_error"},
  };
  for (const ErrorRow& row : kErrors) {
    SCOPED_TRACE(fmt::format("{} {} {}", row.path, row.status, row.code));
    Identity identity(1);
    Failure failure;
    failure.status = row.status;
    failure.code = row.code;
    failure.retry_after = "7";
    const Answer answer = error_answer(read_call("POST", row.path, "", "{}"), failure, identity);
    EXPECT_EQ(answer.status, row.status);
    const Json json = parsed(body(answer));
    const Json::json_pointer pointer(row.pointer);
    ASSERT_TRUE(json.contains(pointer)) << json;
    EXPECT_EQ(json[pointer], row.value);
  }
}

TEST(MockFailures, TellTheHintInTheProvidersWay) {
  Identity identity(1);
  identity.set_seconds(784'111'777);  // the date of RFC 9110 5.6.7
  Failure failure;
  failure.status = 429;
  failure.retry_after_ms = 1500ms;
  failure.retry_after_date = 0s;
  const Answer openai =
      error_answer(read_call("POST", "/v1/chat/completions", "", ""), failure, identity);
  EXPECT_EQ(openai.headers[1], (std::pair<std::string, std::string>("retry-after-ms", "1500")));
  EXPECT_EQ(openai.headers[2].second, "Sun, 06 Nov 1994 08:49:37 GMT");
  const Answer gemini =
      error_answer(read_call("POST", "/models/g:generateContent", "", ""), failure, identity);
  EXPECT_TRUE(gemini.headers.empty());
  EXPECT_EQ(parsed(body(gemini))["error"]["details"][0]["retryDelay"], "1.5s");
}

TEST(MockFailures, InsideAStreamAreEventsOfItsDialect) {
  for (const Row& row : rows()) {
    const Call call = call_of(row);
    if (call.form == Form::kWhole) continue;
    SCOPED_TRACE(row.path);
    Identity identity(1);
    const std::string event = error_event(call, {}, identity);
    if (call.form == Form::kSse) {
      const auto data = sse_data(event);
      ASSERT_EQ(data.size(), 1u);
      EXPECT_TRUE(parsed(data[0]).is_object());
    } else if (call.form == Form::kFrames) {
      const auto frames = frames_of(event);
      ASSERT_EQ(frames.size(), 1u);
      EXPECT_NE(frames[0].headers.find("internalServerException"), std::string::npos);
      EXPECT_NE(frames[0].headers.find(":message-type"), std::string::npos);
    } else {
      EXPECT_TRUE(parsed(event).contains("error"));
    }
  }
}

}  // namespace
}  // namespace outrigger::mock
