// What is looked at, asked and changed in each dialect.
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "filters/validate/asked.h"
#include "filters/validate/inspect.h"
#include "filters/validate/reprompt.h"
#include "filters/validate/stream_answer.h"
#include "filters/validate/usage.h"

namespace outrigger::filters {
namespace {

using Written = config::JsonSchema::Written;
using Json = nlohmann::json;

constexpr std::string_view kSchema =
    R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]})";

Wanted wanted(Form form) {
  Wanted out;
  out.form = form;
  out.text.push_back(std::make_shared<const config::JsonSchema>(
      *config::JsonSchema::compile(kSchema, Written::kInRequest)));
  out.tools.push_back({"add", out.text.front()});
  out.arguments = true;
  return out;
}

struct Dialect {
  Form form;
  std::string (*answer)(std::string_view text);     // with that text, as JSON writes it
  std::string (*call)(std::string_view arguments);  // of the tool `add`, as JSON has them there
  std::string_view arguments_bad, arguments_good;
  std::string_view request;
};

std::string chat(std::string_view text) {
  return R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":)" +
         std::string(text) +
         R"(},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})";
}
std::string chat_call(std::string_view arguments) {
  return R"({"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":)" +
         std::string(arguments) + R"(}}]},"finish_reason":"tool_calls"}]})";
}
std::string responses(std::string_view text) {
  return R"({"id":"r","status":"completed","output":[{"type":"reasoning","id":"q","summary":[]},{"type":"message","id":"m","status":"completed","role":"assistant","content":[{"type":"output_text","text":)" +
         std::string(text) +
         R"(,"annotations":[]}]}],"usage":{"input_tokens":5,"output_tokens":7,"total_tokens":12}})";
}
std::string responses_call(std::string_view arguments) {
  return R"({"status":"completed","output":[{"type":"function_call","id":"f","call_id":"c1","name":"add","arguments":)" +
         std::string(arguments) + R"(,"status":"completed"}]})";
}
std::string anthropic(std::string_view text) {
  return R"({"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":)" +
         std::string(text) +
         R"(}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":7}})";
}
std::string anthropic_call(std::string_view arguments) {
  return R"({"type":"message","role":"assistant","content":[{"type":"tool_use","id":"c1","name":"add","input":)" +
         std::string(arguments) +
         R"(}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":7}})";
}
std::string gemini(std::string_view text) {
  return R"({"candidates":[{"content":{"parts":[{"text":)" + std::string(text) +
         R"(}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"totalTokenCount":12}})";
}
std::string gemini_call(std::string_view arguments) {
  return R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"add","args":)" +
         std::string(arguments) + R"(}}],"role":"model"},"finishReason":"STOP","index":0}]})";
}

const Dialect kDialects[] = {
    {Form::kChat, chat, chat_call, R"("{\"n\":\"1\"}")", R"("{\"n\":1}")",
     R"({"model":"m", "messages":[{"role":"user","content":"hi"}],"stream":false})"},
    {Form::kResponses, responses, responses_call, R"("{\"n\":\"1\"}")", R"("{\"n\":1}")",
     R"({"model":"m", "input":[{"role":"user","content":"hi"}]})"},
    {Form::kAnthropic, anthropic, anthropic_call, R"({"n":"1"})", R"({"n":1})",
     R"({"model":"m", "messages":[{"role":"user","content":"hi"}],"max_tokens":9})"},
    {Form::kGemini, gemini, gemini_call, R"({"n":"1"})", R"({"n":1})",
     R"({"contents":[{"role":"user","parts":[{"text":"hi"}]}]})"},
};

class Dialects : public ::testing::TestWithParam<Dialect> {
 protected:
  [[nodiscard]] Inspection look(std::string_view answer,
                                Mending mending = Mending::kDeterministic) const {
    return inspect(wanted(GetParam().form), answer, mending);
  }
};
using Result = Inspection::Result;

TEST_P(Dialects, PassesWhatFits) {
  EXPECT_EQ(look(GetParam().answer(R"("{\"n\":1}")")).result, Result::kGood);
  EXPECT_EQ(look(GetParam().call(GetParam().arguments_good)).result, Result::kGood);
}

TEST_P(Dialects, MendsTheTextAndNothingElse) {
  const Inspection out = look(GetParam().answer(R"("```json\n{\"n\": 1,}\n```")"));
  ASSERT_EQ(out.result, Result::kMended);
  EXPECT_EQ(out.body, GetParam().answer(R"("{\"n\":1}")"));
  const Inspection strict = look(GetParam().answer(R"("{\"n\": 1,}")"), Mending::kNone);
  EXPECT_EQ(strict.result, Result::kInvalid);
}

TEST_P(Dialects, SaysWhatIsWrongWithTextAndArguments) {
  const Inspection text = look(GetParam().answer(R"("{\"m\": 1}")"));
  ASSERT_EQ(text.result, Result::kInvalid);
  EXPECT_TRUE(text.complaint.contains("Missing required property 'n'")) << text.complaint;
  const Inspection call = look(GetParam().call(GetParam().arguments_bad));
  ASSERT_EQ(call.result, Result::kInvalid);
  EXPECT_TRUE(call.complaint.starts_with("arguments of add: /n: ")) << call.complaint;
}

TEST_P(Dialects, TakesAnAnswerWithoutContentForNone) {
  const Inspection out = look(GetParam().answer(R"("  ")"));
  EXPECT_EQ(out.result, Result::kInvalid);
  EXPECT_TRUE(out.empty);
  EXPECT_EQ(look("{}").result, Result::kInvalid);
  EXPECT_EQ(look("[]").result, Result::kInvalid);
}

TEST_P(Dialects, AsksAgainWithOneTurnBehindTheOriginal) {
  const std::string answer = GetParam().answer(R"("{\"m\": 1}")");
  const auto body =
      reprompt(GetParam().form, GetParam().request, {answer, 0, false, "n \"is\" missing"});
  ASSERT_TRUE(body);
  const Json json = Json::parse(*body);
  const Json before = Json::parse(GetParam().request);
  const char* list = before.contains("messages") ? "messages"
                     : before.contains("input")  ? "input"
                                                 : "contents";
  ASSERT_EQ(json[list].size(), 3u) << *body;
  EXPECT_EQ(json[list][0], before[list][0]);
  EXPECT_TRUE(json[list][1].dump().contains(R"({\"m\": 1})")) << *body;
  EXPECT_EQ(json[list][2]["role"], "user");
  EXPECT_TRUE(json[list][2].dump().contains("n \\\"is\\\" missing"));
  // All bytes before the end of the list, and behind it, are the original's.
  const std::size_t end = GetParam().request.rfind("}]") + 1;
  EXPECT_TRUE(body->starts_with(GetParam().request.substr(0, end)));
  EXPECT_TRUE(body->ends_with(GetParam().request.substr(end)));
}

TEST_P(Dialects, AnswersCallsOfToolsWithTheirResults) {
  const std::string answer = GetParam().call(GetParam().arguments_bad);
  const auto body = reprompt(GetParam().form, GetParam().request, {answer, 0, false, "wrong"});
  ASSERT_TRUE(body);
  ASSERT_TRUE(Json::accept(*body)) << *body;
  EXPECT_TRUE(body->contains("The tool was not run")) << *body;
  EXPECT_FALSE(body->contains("Your last answer"));
  if (GetParam().form != Form::kGemini) {
    EXPECT_EQ(body->find("c1"), body->rfind("c1", body->rfind("c1") - 1)) << *body;
  }
}

TEST_P(Dialects, ShowsTheModelNoAnswerThatIsNone) {
  const auto body =
      reprompt(GetParam().form, GetParam().request, {"{}", 0, true, "the answer has no content"});
  ASSERT_TRUE(body);
  EXPECT_TRUE(Json::accept(*body));
  EXPECT_EQ(body->find("assistant"), std::string::npos);
}

TEST_P(Dialects, HasNoPlaceForATurnInWhatIsNoRequest) {
  EXPECT_FALSE(reprompt(GetParam().form, "{}", {"{}", 0, false, ""}));
  EXPECT_FALSE(reprompt(GetParam().form, "no", {"{}", 0, false, ""}));
}

TEST_P(Dialects, SumsTheUsageIntoTheLastAnswer) {
  Usage usage(GetParam().form);
  const std::string answer = GetParam().answer(R"("x")");
  usage.add(answer);
  usage.add(answer);
  usage.add(answer);
  const std::string out = usage.put_into(answer);
  EXPECT_EQ(Usage::written(GetParam().form, answer), 7u);
  EXPECT_EQ(Usage::written(GetParam().form, out), 21u);
  Json expected = Json::parse(answer);
  Json& numbers = expected[GetParam().form == Form::kGemini ? "usageMetadata" : "usage"];
  for (auto& [name, value] : numbers.items()) value = value.get<int>() * 3;
  EXPECT_EQ(Json::parse(out), expected);
  EXPECT_EQ(usage.put_into("{}"), "{}");
}

TEST_P(Dialects, StreamsWhatItAssembles) {
  for (const std::string& answer :
       {GetParam().answer(R"("{\"n\":1}")"), GetParam().call(GetParam().arguments_good)}) {
    const auto stream = as_stream(GetParam().form, Events::kSse, answer);
    ASSERT_TRUE(stream);
    const auto back = assemble(GetParam().form, Events::kSse, *stream);
    ASSERT_TRUE(back) << *stream;
    EXPECT_EQ(look(*back).result, Result::kGood) << *back;
    // Once more the same: nothing is lost on the way.
    EXPECT_EQ(as_stream(GetParam().form, Events::kSse, *back), stream);
    // A stream that lacks its end makes no answer.
    const std::size_t cut = stream->rfind("data:", stream->size() - 20);
    if (GetParam().form != Form::kGemini) {
      EXPECT_FALSE(assemble(GetParam().form, Events::kSse, stream->substr(0, cut / 2)));
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<Dialect>& info) {
  constexpr const char* kNames[] = {"None", "Chat", "Responses", "Anthropic", "Gemini"};
  return kNames[static_cast<int>(info.param.form)];
}
INSTANTIATE_TEST_SUITE_P(All, Dialects, ::testing::ValuesIn(kDialects), name_of);

TEST(Inspect, LeavesAloneWhatSaysItselfThatItIsNoAnswer) {
  const struct {
    Form form;
    std::string_view answer;
  } rows[] = {
      {Form::kChat,
       R"({"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]})"},
      {Form::kChat, R"({"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]})"},
      {Form::kResponses, R"({"status":"queued","output":[]})"},
      {Form::kResponses,
       R"({"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[]})"},
      {Form::kResponses,
       R"({"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]})"},
      {Form::kAnthropic, R"({"content":[],"stop_reason":"refusal"})"},
      {Form::kAnthropic, R"({"content":[{"type":"text","text":"x"}],"stop_reason":"pause_turn"})"},
      {Form::kGemini, R"({"promptFeedback":{"blockReason":"SAFETY"}})"},
      {Form::kGemini, R"({"candidates":[{"finishReason":"SAFETY"}]})"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(inspect(wanted(row.form), row.answer, Mending::kDeterministic).result, Result::kGood)
        << row.answer;
  }
}

TEST(Inspect, TakesNoPartsThatAreNoneForAnAnswer) {
  const std::pair<Form, std::string_view> rows[] = {
      {Form::kResponses, R"({"status":"completed","output":[5,null,{}]})"},
      {Form::kAnthropic, R"({"content":[5,null,{"type":"text"}],"stop_reason":"end_turn"})"},
      {Form::kGemini, R"({"candidates":[{"content":{"parts":[5,null]},"finishReason":"STOP"}]})"},
  };
  for (const auto& [form, answer] : rows) {
    EXPECT_EQ(inspect(wanted(form), answer, Mending::kDeterministic).result, Result::kInvalid)
        << answer;
  }
}

TEST(Inspect, NeverClosesWhatWasCutAtItsLimit) {
  const std::pair<Form, std::string_view> rows[] = {
      {Form::kChat, R"({"choices":[{"message":{"content":"{\"n\":1"},"finish_reason":"length"}]})"},
      {Form::kResponses,
       R"({"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message","content":[{"type":"output_text","text":"{\"n\":1"}]}]})"},
      {Form::kAnthropic,
       R"({"content":[{"type":"text","text":"{\"n\":1"}],"stop_reason":"max_tokens"})"},
      {Form::kGemini,
       R"({"candidates":[{"content":{"parts":[{"text":"{\"n\":1"}]},"finishReason":"MAX_TOKENS"}]})"},
  };
  for (const auto& [form, answer] : rows) {
    const Inspection out = inspect(wanted(form), answer, Mending::kDeterministic);
    EXPECT_EQ(out.result, Result::kInvalid) << answer;
    EXPECT_TRUE(out.cut) << answer;
  }
}

TEST(Inspect, JoinsTheTextOfSeveralParts) {
  const std::string_view answer =
      R"({"candidates":[{"content":{"parts":[{"text":"thinking","thought":true},{"text":"{'n':"},{"text":" 1}"}]},"finishReason":"STOP"}]})";
  const Inspection out = inspect(wanted(Form::kGemini), answer, Mending::kDeterministic);
  ASSERT_EQ(out.result, Result::kMended);
  EXPECT_EQ(
      out.body,
      R"({"candidates":[{"content":{"parts":[{"text":"thinking","thought":true},{"text":"{\"n\":1}"},{"text":""}]},"finishReason":"STOP"}]})");
}

TEST(Inspect, ChecksEveryChoice) {
  const std::string_view answer =
      R"({"choices":[{"message":{"content":"{\"n\":1}"}},{"message":{"content":"{}"}}]})";
  const Inspection out = inspect(wanted(Form::kChat), answer, Mending::kDeterministic);
  EXPECT_EQ(out.result, Result::kInvalid);
  EXPECT_EQ(out.choice, 1u);
}

TEST(Inspect, TellsOfGeminisMalformedCall) {
  const std::string_view answer =
      R"x({"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"print(add(1)"}]})x";
  const Inspection out = inspect(wanted(Form::kGemini), answer, Mending::kDeterministic);
  EXPECT_EQ(out.result, Result::kInvalid);
  EXPECT_TRUE(out.empty);
  EXPECT_TRUE(out.complaint.contains("print(add(1)"));
}

TEST(Inspect, FillsInArgumentsThatWereLeftOut) {
  Wanted any = wanted(Form::kChat);
  any.tools.clear();
  const Inspection out = inspect(any, chat_call(R"("")"), Mending::kDeterministic);
  ASSERT_EQ(out.result, Result::kMended);
  EXPECT_EQ(out.body, chat_call(R"("{}")"));
}

TEST(Inspect, ChecksAnyBodyAgainstItsSchema) {
  Wanted body;
  body.body.push_back(wanted(Form::kChat).text.front());
  EXPECT_EQ(inspect(body, R"({"n":1})", Mending::kDeterministic).result, Result::kGood);
  EXPECT_EQ(inspect(body, R"({"n":1,})", Mending::kDeterministic).body, R"({"n":1})");
  EXPECT_EQ(inspect(body, "<html>", Mending::kDeterministic).result, Result::kInvalid);
}

TEST(AskedOf, FindsTheSchemaOfEveryDialect) {
  const struct {
    Form form;
    std::string body;
    Written written = Written::kInRequest;
  } rows[] = {
      {Form::kChat,
       R"({"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":S}}})"},
      {Form::kResponses, R"({"text":{"format":{"type":"json_schema","name":"x","schema":S}}})"},
      {Form::kAnthropic, R"({"output_format":{"type":"json_schema","schema":S}})"},
      {Form::kAnthropic, R"({"output_config":{"format":{"type":"json_schema","schema":S}}})"},
      {Form::kGemini,
       R"({"generationConfig":{"responseMimeType":"application/json","responseSchema":S}})",
       Written::kAsOpenApi},
      {Form::kGemini,
       R"({"generation_config":{"response_mime_type":"application/json","response_json_schema":S}})"},
  };
  for (const auto& row : rows) {
    std::string body = row.body;
    body.replace(body.find('S', body.find("chema\":S")), 1, kSchema);
    const Asked asked = asked_of(row.form, body);
    EXPECT_EQ(asked.schema.text, kSchema) << body;
    EXPECT_EQ(asked.schema.written, row.written) << body;
    EXPECT_TRUE(asked.json) << body;
  }
}

TEST(AskedOf, FindsTheSchemasOfTools) {
  const std::pair<Form, std::string_view> rows[] = {
      {Form::kChat,
       R"({"tools":[{"type":"function","function":{"name":"add","parameters":{"a":1}}}]})"},
      {Form::kResponses,
       R"({"tools":[{"type":"web_search"},{"type":"function","name":"add","parameters":{"a":1}}]})"},
      {Form::kAnthropic, R"({"tools":[{"name":"add","input_schema":{"a":1}}]})"},
      {Form::kGemini,
       R"({"tools":[{"functionDeclarations":[{"name":"add","parameters":{"a":1}}]}]})"},
  };
  for (const auto& [form, body] : rows) {
    const Asked asked = asked_of(form, body);
    ASSERT_NE(asked.tool("add"), nullptr) << body;
    EXPECT_EQ(asked.tool("add")->text, R"({"a":1})");
    EXPECT_FALSE(asked.json);
  }
}

TEST(AskedOf, KnowsJsonModeAndWhatAsksForNothing) {
  EXPECT_TRUE(asked_of(Form::kChat, R"({"response_format":{"type":"json_object"}})").json);
  EXPECT_TRUE(asked_of(Form::kResponses, R"({"text":{"format":{"type":"json_object"}}})").json);
  EXPECT_TRUE(
      asked_of(Form::kGemini, R"({"generationConfig":{"responseMimeType":"application/json"}})")
          .json);
  EXPECT_FALSE(asked_of(Form::kChat, R"({"response_format":{"type":"text"}})").json);
  EXPECT_FALSE(
      asked_of(
          Form::kGemini,
          R"({"generationConfig":{"responseMimeType":"text/x.enum","responseSchema":{"type":"STRING"}}})")
          .json);
  EXPECT_FALSE(asked_of(Form::kChat, "broken {").json);
  EXPECT_FALSE(asked_of(Form::kChat, "[]").json);
}

TEST(Reprompt, MakesAListOfAnInputThatIsAText) {
  const auto body = reprompt(Form::kResponses, R"({"input":"hi","model":"m"})",
                             {responses(R"("no")"), 0, false, "bad"});
  ASSERT_TRUE(body);
  const Json json = Json::parse(*body);
  EXPECT_EQ(json["input"].size(), 3u);
  EXPECT_EQ(json["input"][0]["content"], "hi");
  EXPECT_EQ(json["input"][1]["content"], "no");
}

TEST(Assemble, KeepsArgumentsThatAreNoJsonAsText) {
  const std::string_view stream =
      "event: message_start\ndata: "
      "{\"type\":\"message_start\",\"message\":{\"role\":\"assistant\",\"content\":[],\"usage\":{"
      "\"input_tokens\":3}}}\n\n"
      "event: content_block_start\ndata: "
      "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
      "\"id\":\"c\",\"name\":\"add\",\"input\":{}}}\n\n"
      "event: content_block_delta\ndata: "
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
      "\"partial_json\":\"{n: \"}}\n\n"
      "event: content_block_delta\ndata: "
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\","
      "\"partial_json\":\"1}\"}}\n\n"
      "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
      "event: message_delta\ndata: "
      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_"
      "tokens\":9}}\n\n"
      "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  const auto answer = assemble(Form::kAnthropic, Events::kSse, stream);
  ASSERT_TRUE(answer);
  const Json json = Json::parse(*answer);
  EXPECT_EQ(json["content"][0]["input"], "{n: 1}");
  EXPECT_EQ(json["usage"], Json::parse(R"({"input_tokens":3,"output_tokens":9})"));
  const Inspection out = inspect(wanted(Form::kAnthropic), *answer, Mending::kDeterministic);
  ASSERT_EQ(out.result, Result::kMended);
  EXPECT_EQ(Json::parse(out.body)["content"][0]["input"], Json::parse(R"({"n":1})"));
}

TEST(Assemble, JoinsTheChunksOfEveryChoice) {
  const std::string_view stream =
      "data: "
      "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":1,\"delta\":{"
      "\"role\":\"assistant\",\"content\":\"b\"},\"finish_reason\":null}]}\n\n"
      "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
      ": note\n\n"
      "data: "
      "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
      "\"c\",\"function\":{\"name\":\"add\",\"arguments\":\"{\"}}]},\"finish_reason\":null}]}\n\n"
      "data: "
      "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
      "\"function\":{\"arguments\":\"}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n"
      "data: "
      "{\"id\":\"x\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"c\"},\"finish_reason\":"
      "\"stop\"}]}\n\n"
      "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n"
      "data: [DONE]\n\n";
  const auto answer = assemble(Form::kChat, Events::kSse, stream);
  ASSERT_TRUE(answer);
  const Json json = Json::parse(*answer);
  EXPECT_EQ(json["choices"][0]["message"]["content"], "a");
  EXPECT_EQ(json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{}");
  EXPECT_EQ(json["choices"][1]["message"]["content"], "bc");
  EXPECT_EQ(json["usage"]["prompt_tokens"], 1);
  EXPECT_EQ(json["object"], "chat.completion");
}

TEST(Assemble, RefusesStreamsOfAnyOtherMake) {
  for (const std::string_view stream :
       {"", "data: {}\n\n", "data: [1]\n\ndata: [DONE]\n\n",
        "data: {\"choices\":[{\"index\":99999999,\"delta\":{}}]}\n\ndata: [DONE]\n\n",
        "data: {\"choices\":7}\n\ndata: [DONE]\n\n",
        "data: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n\n"}) {
    EXPECT_FALSE(assemble(Form::kChat, Events::kSse, stream)) << stream;
  }
  EXPECT_FALSE(assemble(Form::kAnthropic, Events::kSse,
                        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

TEST(Assemble, ReadsGeminisListAndWritesOne) {
  const std::string_view list =
      R"([{"candidates":[{"content":{"parts":[{"text":"{'n'"}],"role":"model"}}]},
          {"candidates":[{"content":{"parts":[{"text":": 1}"}]},"finishReason":"STOP"}],"usageMetadata":{"totalTokenCount":3}}])";
  const auto answer = assemble(Form::kGemini, Events::kArray, list);
  ASSERT_TRUE(answer);
  EXPECT_EQ(Json::parse(*answer)["candidates"][0]["content"]["parts"][0]["text"], "{'n': 1}");
  EXPECT_EQ(Json::parse(*as_stream(Form::kGemini, Events::kArray, *answer)).size(), 1u);
}

}  // namespace
}  // namespace outrigger::filters
