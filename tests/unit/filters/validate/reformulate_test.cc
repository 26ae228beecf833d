#include "filters/validate/reformulate.h"

#include <string>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

TEST(Reformulate, ChangesOnlyWhatTheErrorNames) {
  const struct {
    Form form;
    std::string_view request, error, body, what;
  } rows[] = {
      {Form::kChat, R"({"model":"o","temperature":0.5,"messages":[]})",
       R"({"error":{"code":"unsupported_value","param":"temperature","message":"Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported."}})",
       R"({"model":"o","messages":[]})", "removed=/temperature"},
      {Form::kChat, R"({"max_tokens": 10,"messages":[]})",
       R"({"error":{"code":"unsupported_parameter","param":"max_tokens","message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}})",
       R"({"max_completion_tokens": 10,"messages":[]})", "renamed=/max_tokens"},
      {Form::kChat, R"({"max_tokens":100000})",
       R"({"error":{"code":"invalid_value","param":"max_tokens","message":"max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000."}})",
       R"({"max_tokens":16384})", "lowered=/max_tokens"},
      {Form::kResponses, R"({"reasoning":{"effort":"none","summary":"auto"},"input":"x"})",
       R"({"error":{"code":"unsupported_parameter","param":"reasoning.effort","message":"…"}})",
       R"({"reasoning":{"summary":"auto"},"input":"x"})", "removed=/reasoning/effort"},
      {Form::kAnthropic, R"({"max_tokens":200000,"messages":[]})",
       R"({"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude-x"}})",
       R"({"max_tokens":64000,"messages":[]})", "lowered=/max_tokens"},
      {Form::kAnthropic, R"({"temperature":1,"top_p":0.9})",
       R"({"error":{"message":"`temperature` and `top_p` cannot both be specified for this model. Please use only one."}})",
       R"({"temperature":1})", "removed=/top_p"},
      {Form::kAnthropic, R"({"top_k":1,"a":2})",
       R"({"error":{"message":"top_k: Extra inputs are not permitted"}})", R"({"a":2})",
       "removed=/top_k"},
      {Form::kGemini, R"({"generationConfig":{"maxOutputTokens":70000}})",
       R"({"error":{"code":400,"message":"Unable to submit request because it has a maxOutputTokens value of 70000 but the supported range is from 1 (inclusive) to 65537 (exclusive). Update the value and try again."}})",
       R"({"generationConfig":{"maxOutputTokens":65536}})",
       "lowered=/generationConfig/maxOutputTokens"},
  };
  for (const auto& row : rows) {
    const auto done = reformulate(row.form, row.request, row.error);
    ASSERT_TRUE(done) << row.error;
    EXPECT_EQ(done->body, row.body);
    EXPECT_EQ(done->what, row.what);
  }
}

TEST(Reformulate, TouchesNothingThatSaysWhatIsAsked) {
  const auto tried = [](std::string_view param, std::string_view request) {
    const std::string error = R"({"error":{"code":"unsupported_parameter","param":")" +
                              std::string(param) + R"(","message":"no"}})";
    return reformulate(Form::kChat, request, error).has_value();
  };
  for (const std::string_view param :
       {"messages", "model", "tools", "stream", "n", "response_format"}) {
    EXPECT_FALSE(tried(param, "{\"" + std::string(param) + "\":1}")) << param;
  }
  EXPECT_FALSE(tried("temperature", R"({"top_p":1})"));
  EXPECT_FALSE(tried("temperature.x", R"({"temperature":1})"));
  EXPECT_FALSE(tried("", "{}"));
  EXPECT_FALSE(reformulate(
      Form::kChat, R"({"max_tokens":5})",
      R"({"error":{"param":"max_tokens","message":"max_tokens is too large: 5. This model supports at most 10"}})"));
  EXPECT_FALSE(reformulate(Form::kAnthropic, "{}", "no JSON"));
  EXPECT_FALSE(reformulate(Form::kAnthropic, R"({"temperature":1})", R"({"error":"text"})"));
}

}  // namespace
}  // namespace outrigger::filters
