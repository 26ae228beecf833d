#include "filters/cache/prompt_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

http::RequestHead head_of(std::string_view target, const Lines& lines = {}) {
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.method_text = "POST";
  head.target = target;
  head.headers.add("content-type", "application/json");
  for (const auto& [name, value] : lines) head.headers.set(name, value);
  return head;
}

PromptRuling rule(std::string_view target, std::string_view body, const config::Cache& policy = {},
                  config::Dialect dialect = config::Dialect::kAuto) {
  return prompt_ruling(head_of(target), body, dialect, policy);
}

std::string bar_text(const PromptRuling& ruling) {
  if (ruling.bar) return std::string(to_string(*ruling.bar));
  return ruling.may_call_tools ? "may call" : "fine";
}

config::Cache with_tool_calls() {
  config::Cache policy;
  policy.tool_calls = true;
  return policy;
}

constexpr std::string_view kChat = "/v1/chat/completions";
constexpr std::string_view kResponses = "/v1/responses";
constexpr std::string_view kMessages = "/v1/messages";
constexpr std::string_view kGemini = "/v1beta/models/gemini-2.5-pro:generateContent";
constexpr std::string_view kConverse = "/model/amazon.nova/converse";
constexpr std::string_view kCohere = "/v2/chat";

struct Row {
  std::string_view target, body;
  std::string_view wanted;           // by default
  std::string_view with_calls = {};  // with tool_calls; empty: the same
};

// clang-format off: a row is a case; the sources are the providers' API references
const Row kRows[] = {
    // ---- prompts that stand for themselves ----
    {kChat, R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"function_call":"none"})", "fine"},
    {kChat, R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}},{"type":"text","text":"see https://example.com"}]}]})", "fine"},
    {kChat, R"({"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA"}}]}]})", "fine"},
    {kChat, R"({"messages":[{"role":"user","content":"https://example.com"}],"metadata":{"file_id":"x","url":"https://a.example"}})", "fine"},
    {kChat, R"({"messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"properties":{"file_id":{"type":"string"},"tool_calls":{"type":"array"}}}}}})", "fine"},
    {kChat, R"({"messages":[{"role":"assistant","content":"a","tool_calls":[],"function_call":null}],"tools":[],"tool_choice":"none"})", "fine"},
    {kChat, R"({"messages":[],"audio":{"voice":{"id":"v"},"format":"mp3"},"web_search_options":null,"prompt":"abc"})", "fine"},
    {kResponses, R"({"model":"m","input":"Hi","previous_response_id":null,"background":false,"store":true,"include":["reasoning.encrypted_content"]})", "fine"},
    {kResponses, R"({"input":[{"type":"message","role":"user","content":[{"type":"input_file","filename":"a","file_data":"AA"},{"type":"input_image","image_url":"data:image/png;base64,AA"}]},{"type":"reasoning","id":"r","summary":[]}]})", "fine"},
    {kMessages, R"({"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}]}],"thinking":{"type":"enabled"},"mcp_servers":[]})", "fine"},
    {kGemini, R"({"contents":[{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AA"}}]}],"labels":{"file_id":"x"}})", "fine"},
    {kConverse, R"({"messages":[{"role":"user","content":[{"text":"a"},{"image":{"format":"png","source":{"bytes":"AA"}}}]}],"promptVariables":{"url":{"text":"https://a.example"}},"guardrailConfig":{"guardrailIdentifier":"g"}})", "fine"},
    {kCohere, R"({"messages":[{"role":"user","content":"a"}],"documents":[{"data":{"url":"https://a.example","text":"t"}}]})", "fine"},
    {"/v1/embeddings", R"({"model":"m","input":["a","https://a.example"]})", "fine"},
    {"/api/chat", R"({"model":"m","messages":[{"role":"user","content":"a","images":["AAAA"]}],"keep_alive":"5m"})", "fine"},

    // ---- tools that the client runs ----
    {kChat, R"({"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"url":{"default":"https://a.example"}}}}}]})", "may call"},
    {kChat, R"({"messages":[],"functions":[{"name":"f"}]})", "may call"},
    {kResponses, R"({"input":"a","tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"}]})", "may call"},
    {kMessages, R"({"messages":[],"tools":[{"name":"f","input_schema":{},"unheard_of":1},{"type":"bash_20250124","name":"bash"},{"type":"text_editor_20250728","name":"t"}]})", "may call"},
    {kGemini, R"({"contents":[],"tools":[{"functionDeclarations":[{"name":"f"}]}]})", "may call"},
    {kGemini, R"({"contents":[],"tools":[{"function_declarations":[{"name":"f"}]}]})", "may call"},
    {kConverse, R"({"messages":[],"toolConfig":{"tools":[{"toolSpec":{"name":"f"}},{"cachePoint":{"type":"default"}}]}})", "may call"},
    {kCohere, R"({"messages":[],"tools":[{"type":"function","function":{"name":"f"}}]})", "may call"},

    // ---- what the provider keeps ----
    {kResponses, R"({"input":"a","previous_response_id":"resp_1"})", "server_state"},
    {kResponses, R"({"input":"a","previous\u005fresponse_id":"resp_1"})", "server_state"},
    {kResponses, R"({"input":"a","conversation":"conv_1"})", "server_state"},
    {kResponses, R"({"input":"a","conversation":{"id":"conv_1"}})", "server_state"},
    {kResponses, R"({"input":"a","background":true})", "server_state"},
    {kResponses, R"({"prompt":{"id":"pmpt_1","version":"2"}})", "server_state"},
    {kResponses, R"({"input":[{"type":"item_reference","id":"msg_1"}]})", "server_state"},
    {kResponses, R"({"input":[{"type":"item\u005freference","id":"msg_1"}]})", "server_state"},
    {kChat, R"({"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]})", "server_state"},
    {kChat, R"({"messages":[],"thread_id":"t"})", "server_state"},
    {kChat, R"({"messages":[],"assistant_id":"t"})", "server_state"},
    {kChat, R"({"messages":[],"agent_id":"t"})", "server_state"},
    {kChat, R"({"messages":[],"data_sources":[{"type":"azure_search"}]})", "server_state"},
    {kChat, R"({"messages":[],"dataSources":[{"type":"azure_search"}]})", "server_state"},
    {kMessages, R"({"messages":[],"container":"container_1"})", "server_state"},
    {kMessages, R"({"messages":[],"container":{"skills":[]}})", "server_state"},
    {kGemini, R"({"contents":[],"cachedContent":"cachedContents/a"})", "server_state"},
    {kGemini, R"({"contents":[],"cached_content":"cachedContents/a"})", "server_state"},
    {"/v1/chat", R"({"message":"a","conversation_id":"c"})", "server_state"},

    // ---- files ----
    {kResponses, R"({"input":[{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}]})", "file"},
    {kResponses, R"({"input":[{"role":"user","content":[{"type":"input_image","file_id":"file-1"}]}]})", "file"},
    {kChat, R"({"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]})", "file"},
    {kMessages, R"({"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"f"}}]}]})", "file"},
    {kMessages, R"({"messages":[{"role":"user","content":[{"type":"container_upload","file_id":"f"}]}]})", "file"},
    {kGemini, R"({"contents":[{"parts":[{"fileData":{"fileUri":"files/a"}}]}]})", "file"},
    {kGemini, R"({"contents":[{"parts":[{"file_data":{"file_uri":"files/a"}}]}]})", "file"},
    {kConverse, R"({"messages":[{"content":[{"document":{"source":{"s3Location":{"uri":"s3://b/k"}}}}]}]})", "file"},
    {kChat, R"({"messages":[],"x":{"vector_store_ids":["vs_1"]}})", "file"},

    // ---- places on the net ----
    {kChat, R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://a.example/a.png"}}]}]})", "url"},
    {kChat, R"({"messages":[{"content":[{"type":"image_url","image_url":{"url":"HTTP:\/\/a.example/a.png"}}]}]})", "url"},
    {kChat, R"({"messages":[{"content":[{"type":"document_url","document_url":"https://a.example/a.pdf"}]}]})", "url"},
    {kResponses, R"({"input":[{"content":[{"type":"input_image","image_url":"https://a.example/a.png"}]}]})", "url"},
    {kResponses, R"({"input":[{"content":[{"type":"input_file","file_url":"https://a.example/a.pdf"}]}]})", "url"},
    {kMessages, R"({"messages":[{"content":[{"type":"image","source":{"type":"url","url":"https://a.example/a.png"}}]}]})", "url"},
    {"/v1/embeddings", R"({"model":"m","input":[{"image":"https://a.example/a.png"}]})", "url"},
    {"/v2/embed", R"({"model":"m","images":["https://a.example/a.png"]})", "url"},

    // ---- tools that the provider runs ----
    {kResponses, R"({"input":"a","tools":[{"type":"web_search"}]})", "server_tool"},
    {kResponses, R"({"input":"a","tools":[{"type":"file_search","vector_store_ids":["v"]}]})", "server_tool"},
    {kResponses, R"({"input":"a","tools":[{"type":"code_interpreter","container":{"type":"auto"}}]})", "server_tool"},
    {kResponses, R"({"input":"a","tools":[{"type":"mcp","server_url":"https://a.example"}]})", "server_tool"},
    {kResponses, R"({"input":"a","tools":[{"type":"computer_use_preview"}]})", "server_tool"},
    {kResponses, R"({"input":"a","tools":[{"type":"function","name":"f"},{"name":"x","type":"image_generation"}]})", "server_tool"},
    {kResponses, R"({"input":[{"type":"mcp_approval_response","approve":true}]})", "server_tool"},
    {kChat, R"({"messages":[],"web_search_options":{}})", "server_tool"},
    {kChat, R"({"messages":[],"search_parameters":{"mode":"auto"}})", "server_tool"},
    {kChat, R"({"messages":[],"plugins":[{"id":"web"}]})", "server_tool"},
    {kMessages, R"({"messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}]})", "server_tool"},
    {kMessages, R"({"messages":[],"tools":[{"type":"code_execution_20250825","name":"c"}]})", "server_tool"},
    {kMessages, R"({"messages":[],"tools":[{"type":"computer_20250124","name":"computer"}]})", "server_tool"},
    {kMessages, R"({"messages":[],"mcp_servers":[{"url":"https://a.example"}]})", "server_tool"},
    {kGemini, R"({"contents":[],"tools":[{"googleSearch":{}}]})", "server_tool"},
    {kGemini, R"({"contents":[],"tools":[{"urlContext":{}}]})", "server_tool"},
    {kGemini, R"({"contents":[],"tools":[{"codeExecution":{}}]})", "server_tool"},
    {kGemini, R"({"contents":[],"tools":[{"functionDeclarations":[],"googleSearch":{}}]})", "server_tool"},
    {kConverse, R"({"messages":[],"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}})", "server_tool"},
    {kConverse, R"({"messages":[],"additionalModelRequestFields":{"tools":[{"type":"computer_20250124"}]}})", "server_tool"},
    {"/v1/chat", R"({"message":"a","connectors":[{"id":"web-search"}]})", "server_tool"},

    // ---- turns with calls ----
    {kChat, R"({"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}]})", "tool_calls", "may call"},
    {kChat, R"({"messages":[{"role":"tool","content":"1"}]})", "tool_calls", "may call"},
    {kChat, R"({"messages":[{"content":"1","tool_call_id":"c"}]})", "tool_calls", "may call"},
    {kChat, R"({"messages":[{"role":"function","name":"f","content":"1"}]})", "tool_calls", "may call"},
    {kChat, R"({"messages":[{"role":"assistant","function_call":{"name":"f"}}]})", "tool_calls", "may call"},
    {kResponses, R"({"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]})", "tool_calls", "may call"},
    {kResponses, R"({"input":[{"type":"function_call_output","call_id":"c","output":"1"}]})", "tool_calls", "may call"},
    {kResponses, R"({"input":[{"type":"custom_tool_call_output","output":"1"}]})", "tool_calls", "may call"},
    {kMessages, R"({"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"file_id":"x","url":"https://a.example"}}]}]})", "tool_calls", "may call"},
    {kMessages, R"({"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"1"}]}]})", "tool_calls", "may call"},
    {kMessages, R"({"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"https://a.example"}}]}]}]})", "tool_calls", "url"},
    {kMessages, R"({"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"t"},{"type":"web_search_tool_result"}]}]})", "tool_calls", "may call"},
    {kGemini, R"({"contents":[{"parts":[{"functionCall":{"name":"f","args":{"url":"https://a.example"}}}]}]})", "tool_calls", "may call"},
    {kGemini, R"({"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"file_id":"x"}}}]}]})", "tool_calls", "may call"},
    {kGemini, R"({"contents":[{"parts":[{"function_response":{"name":"f"}}]}]})", "tool_calls", "may call"},
    {kConverse, R"({"messages":[{"content":[{"toolUse":{"name":"f","input":{"url":"https://a.example"}}}]}]})", "tool_calls", "may call"},
    {kConverse, R"({"messages":[{"content":[{"toolResult":{"content":[{"text":"1"}]}}]}]})", "tool_calls", "may call"},
    {kConverse, R"({"messages":[{"content":[{"toolResult":{"content":[{"image":{"source":{"s3Location":{"uri":"s3://b/k"}}}}]}}]}]})", "tool_calls", "file"},
    {"/v1/chat", R"({"message":"a","tool_results":[{"outputs":[{}]}]})", "tool_calls", "may call"},
    {"/v1/chat", R"({"message":"a","chat_history":[{"role":"TOOL"}]})", "tool_calls", "may call"},
    {"/api/chat", R"({"messages":[{"role":"tool","content":"1"}]})", "tool_calls", "may call"},

    // ---- no prompts ----
    {"/v1/files", "{}", "not_inference"},
    {"/v1/threads/t/messages", "{}", "not_inference"},
    {kChat, "", "not_json"},
    {kChat, "[]", "not_json"},
    {kChat, "{", "not_json"},
    {kChat, R"({"messages":[]} x)", "not_json"},
    {kChat, R"({"messages":[})", "not_json"},
};
// clang-format on

TEST(PromptRules, SayWhichPromptsMayBeAnsweredFromTheCache) {
  for (const Row& row : kRows) {
    EXPECT_EQ(bar_text(rule(row.target, row.body)), row.wanted) << row.target << ' ' << row.body;
    const std::string_view wanted = row.with_calls.empty() ? row.wanted : row.with_calls;
    EXPECT_EQ(bar_text(rule(row.target, row.body, with_tool_calls())), wanted)
        << row.target << ' ' << row.body;
  }
}

TEST(PromptRules, KnowAllNamesOfPlaces) {
  for (const std::string_view name : {"url", "uri", "image", "images", "video", "videos",
                                      "some_url", "some_uri", "some_urls", "someUrl", "someUri"}) {
    for (const std::string_view place : {"https://a.example", "http://a.example", "gs://b/k"}) {
      const std::string body =
          fmt::format(R"({{"a":[{{"{}":"{}"}}],"b":{{"{}":["{}"]}}}})", name, place, name, place);
      EXPECT_EQ(bar_text(rule(kChat, body)), "url") << body;
    }
    EXPECT_EQ(bar_text(rule(kChat, fmt::format(R"({{"{}":"data:a/b;base64,AA"}})", name))), "fine");
  }
}

TEST(PromptRules, KnowAllNamesOfFiles) {
  for (const std::string_view name : {"file_id", "file_ids", "fileUri", "file_uri", "s3Location",
                                      "gcsUri", "gcs_uri", "vector_store_id", "vector_store_ids"}) {
    EXPECT_EQ(bar_text(rule(kChat, fmt::format(R"({{"a":{{"{}":"x"}}}})", name))), "file") << name;
    EXPECT_EQ(bar_text(rule(kChat, fmt::format(R"({{"a":{{"{}":null}}}})", name))), "fine") << name;
  }
}

TEST(PromptRules, KnowAllTypesOfCalls) {
  for (const std::string_view type :
       {"tool_use", "server_tool_use", "tool_result", "web_search_tool_result", "function_call",
        "computer_call", "function_call_output"}) {
    const std::string body = fmt::format(R"({{"a":[{{"type":"{}"}}]}})", type);
    EXPECT_EQ(bar_text(rule(kMessages, body)), "tool_calls") << type;
  }
}

TEST(PromptRules, ReadNothingIntoWhatUsersMadeUp) {
  for (const std::string_view name : {"schema",
                                      "json_schema",
                                      "input_schema",
                                      "inputSchema",
                                      "parameters",
                                      "parameter_definitions",
                                      "responseSchema",
                                      "response_schema",
                                      "responseJsonSchema",
                                      "response_json_schema",
                                      "outputSchema",
                                      "metadata",
                                      "requestMetadata",
                                      "labels",
                                      "arguments",
                                      "args",
                                      "promptVariables",
                                      "logit_bias",
                                      "response",
                                      "data",
                                      "input"}) {
    const std::string body = fmt::format(R"({{"a":{{"{}":{{"file_id":"x"}}}}}})", name);
    EXPECT_EQ(bar_text(rule(kChat, body)), "fine") << name;
  }
}

TEST(PromptRules, MarkWhateverMayCallToolsWhateverThePolicySays) {
  EXPECT_TRUE(rule(kChat, R"({"tools":[{"type":"function"}]})").may_call_tools);
  EXPECT_TRUE(rule(kChat, R"({"tools":[{"type":"function"}]})", with_tool_calls()).may_call_tools);
  EXPECT_FALSE(rule(kChat, R"({"messages":[]})", with_tool_calls()).may_call_tools);
}

TEST(PromptRules, TellTheModel) {
  const std::string_view body = R"({"messages":[],"model":"gpt-4o"})";
  EXPECT_EQ(rule(kChat, body).model, "gpt-4o");
  EXPECT_EQ(rule("/x", body, {}, config::Dialect::kNone).model, "gpt-4o");
  EXPECT_EQ(rule(kGemini, "{}").model, "gemini-2.5-pro");
  EXPECT_EQ(rule(kConverse, "{}").model, "amazon.nova");
  EXPECT_EQ(rule(kChat, R"({"model":7,"x":{"model":"y"}})").model, "");
  EXPECT_EQ(rule(kChat, R"({"model":"a\u0001"})").model, "");
  EXPECT_EQ(rule(kChat, R"({"model":"\u0067pt"})").model, "gpt");
  EXPECT_EQ(rule(kChat, R"({"model":")" + std::string(kLargestPrompt / 64, 'm') + "\"}").model, "");
  EXPECT_EQ(rule(kChat, body).call, PromptCall::kChat);
}

TEST(PromptRules, LookAtTheHeadFirst) {
  const std::string_view body = R"({"messages":[]})";
  const auto at = [&](const http::RequestHead& head, const config::Cache& policy = {}) {
    return bar_text(prompt_ruling(head, body, config::Dialect::kAuto, policy));
  };
  EXPECT_EQ(at(head_of(kChat)), "fine");
  EXPECT_EQ(at(head_of(kChat, {{"content-encoding", "gzip"}})), "coded_body");
  EXPECT_EQ(at(head_of(kChat, {{"content-type", "text/plain"}})), "not_json");
  config::Cache off;
  off.ttl.reset();
  EXPECT_EQ(at(head_of(kChat), off), "off");
  http::RequestHead put = head_of(kChat);
  put.method = http::Method::kPut;
  EXPECT_EQ(at(put), "method");
}

TEST(PromptRules, HoldTheConditionsOfThePolicyAgainstTheRequest) {
  using Test = config::JsonMatch::Test;
  config::Cache policy;
  policy.if_json = {{.pointer = "/temperature", .text = "0"},
                    {.pointer = "/n", .test = Test::kAtMost, .number = 1}};
  EXPECT_EQ(bar_text(rule(kChat, R"({"temperature":0,"n":1})", policy)), "fine");
  EXPECT_EQ(bar_text(rule(kChat, R"({"temperature":0.0,"n":1})", policy)), "fine");
  EXPECT_EQ(bar_text(rule(kChat, R"({"temperature":1,"n":1})", policy)), "if_json");
  EXPECT_EQ(bar_text(rule(kChat, R"({"temperature":0})", policy)), "if_json");
  EXPECT_EQ(bar_text(rule(kChat, "{}", policy)), "if_json");
}

TEST(PromptRules, LeaveTheWordsOfOtherUpstreamsToTheirOperator) {
  for (const std::string_view body :
       {R"({"conversation":"c","url":"https://a.example","tools":[{"type":"web_search"}]})",
        R"([{"jsonrpc":"2.0"}])", R"({"file_id":1})"}) {
    EXPECT_EQ(bar_text(rule("/rpc", body, {}, config::Dialect::kNone)), "fine") << body;
  }
  EXPECT_EQ(bar_text(rule("/rpc", "{", {}, config::Dialect::kJson)), "not_json");
}

TEST(PromptRules, ReadNoMoreThanTheyHaveTo) {
  const std::string large = R"({"a":")" + std::string(kLargestPrompt, 'x') + "\"}";
  EXPECT_EQ(bar_text(rule(kChat, large)), "too_large");
  const auto nested = [](std::size_t levels) {
    return R"({"a":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_EQ(bar_text(rule(kChat, nested(127))), "fine");
  EXPECT_EQ(bar_text(rule(kChat, nested(128))), "ambiguous");
  EXPECT_EQ(bar_text(rule(kChat, nested(100000))), "ambiguous");
}

TEST(PromptRules, TakeAnyBytes) {
  Random random(20);
  for (int i = 0; i < 4000; ++i) {
    const Row& row = kRows[random.below(std::size(kRows))];
    std::string body(row.body);
    for (std::uint64_t edits = random.below(6) + 1; edits > 0 && !body.empty(); --edits) {
      body[random.below(body.size())] = static_cast<char>(random.below(256));
    }
    static_cast<void>(rule(row.target, body.substr(0, random.below(body.size() + 1))));
  }
}

TEST(PromptRules, BarEveryPromptThatIsCut) {
  for (const Row& row : kRows) {
    if (row.wanted == "not_json") continue;
    for (std::size_t size = 0; size < row.body.size(); ++size) {
      EXPECT_TRUE(rule(row.target, row.body.substr(0, size)).bar) << row.body.substr(0, size);
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
