#include "filters/cache/answer_review.h"

#include <gtest/gtest.h>

#include <vector>

#include "proxy/base/random.h"
#include "tests/unit/filters/cache/answers.h"

namespace outrigger::filters {
namespace {

using enum PromptCall;

struct Row {
  PromptCall call;
  std::string_view body;
  std::string_view wanted;           // by default
  std::string_view with_calls = {};  // with tool_calls; empty: the same
};

// clang-format off: a row is a case; the sources are the providers' API references and llm.md 2.3
const Row kRows[] = {
    // ---- OpenAI chat, and who speaks it ----
    {kChat, R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}})", "keep"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop","index":0},{"message":{"content":"b"},"finish_reason":"stop","index":1}]})", "keep"},
    {kChat, R"({"choices":[{"text":"a","index":0,"finish_reason":"stop"}]})", "keep"},
    {kChat, R"({"choices":[{"message":{"content":[{"type":"text","text":"a"}]},"finish_reason":"stop"}]})", "keep"},
    {kChat, R"({"choices":[{"message":{"content":null,"audio":{"id":"a","data":"AA"}},"finish_reason":"stop"}],"error":null})", "keep"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":"b"},"finish_reason":"length"}]})", "unfinished"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":""},"finish_reason":"stop"}]})", "empty"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"length"}]})", "unfinished"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"new_reason"}]})", "unfinished"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":null}]})", "unfinished"},
    {kChat, R"({"choices":[{"message":{"content":"a"}}]})", "unfinished"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"content_filter"}]})", "filtered"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"error"}]})", "error"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop","error":{"code":502}}]})", "error"},
    {kChat, R"({"error":{"message":"m"},"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]})", "error"},
    {kChat, R"({"choices":[{"message":{"content":null,"refusal":"I cannot"},"finish_reason":"stop"}]})", "refusal"},
    {kChat, R"({"choices":[{"message":{"content":null},"finish_reason":"stop"}]})", "empty"},
    {kChat, R"({"choices":[{"message":{"content":" \n\t "},"finish_reason":"stop"}]})", "empty"},
    {kChat, R"({"choices":[{"message":{"content":[]},"finish_reason":"stop"}]})", "empty"},
    {kChat, R"({"choices":[{"message":{"content":"","reasoning_content":"Hm"},"finish_reason":"stop"}]})", "empty"},
    {kChat, R"({"choices":[]})", "empty"},
    {kChat, "{}", "empty"},
    {kChat, R"({"choices":[{"index":128,"message":{"content":"a"},"finish_reason":"stop"}]})", "malformed"},
    {kChat, R"({"choices":[{"message":{"content":"a","annotations":[{"type":"url_citation"}]},"finish_reason":"stop"}]})", "server_tool"},
    {kChat, R"({"choices":[{"message":{"content":"a","executed_tools":[{"type":"search"}]},"finish_reason":"stop"}]})", "server_tool"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"citations":["https://a.example"]})", "server_tool"},
    {kChat, R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"search_results":[{}]})", "server_tool"},
    {kChat, R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":\"\\u00e9\\n\"}"}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "keep"},
    {kChat, R"({"choices":[{"message":{"content":"a","tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"g","arguments":"{\"a\":}"}}]},"finish_reason":"stop"}]})", "tool_calls", "broken_call"},
    {kChat, R"({"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{\"a\":1"}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "broken_call"},
    {kChat, R"({"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{} x"}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "broken_call"},
    {kChat, R"({"choices":[{"message":{"tool_calls":[{"function":{"arguments":"[]"}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "broken_call"},
    {kChat, R"({"choices":[{"message":{"tool_calls":[{"function":{"arguments":""}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "broken_call"},
    {kChat, R"({"choices":[{"message":{"content":""},"finish_reason":"tool_calls"}]})", "tool_calls", "empty"},
    {kChat, R"({"choices":[{"message":{"function_call":{"name":"f","arguments":"{}"}},"finish_reason":"function_call"}]})", "tool_calls", "keep"},

    {kChat, R"({"choices":[{"message":{"tool_calls":[{"function":{"arguments":"\u007b\u007d"}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "keep"},
    {kChat, R"({"choices":[{"message":{"tool_calls":[{"function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"},{"message":{"tool_calls":[{"function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]})", "tool_calls", "keep"},

    // ---- Responses ----
    {kResponses, R"({"id":"resp_1","object":"response","status":"completed","error":null,"incomplete_details":null,"output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","annotations":[],"text":"Hi"}],"role":"assistant"}],"usage":{"input_tokens":9,"output_tokens":2}})", "keep"},
    {kResponses, R"({"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]})", "unfinished"},
    {kResponses, R"({"status":"completed","incomplete_details":{"reason":"x"},"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]})", "unfinished"},
    {kResponses, R"({"status":"in_progress","output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]})", "unfinished"},
    {kResponses, R"({"status":"queued","output":[]})", "unfinished"},
    {kResponses, R"({"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}]})", "unfinished"},
    {kResponses, R"({"status":"failed","error":{"code":"server_error"},"output":[]})", "error"},
    {kResponses, R"({"status":"failed","output":[]})", "error"},
    {kResponses, R"({"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]})", "refusal"},
    {kResponses, R"({"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":""}]}]})", "empty"},
    {kResponses, R"({"status":"completed","output":[]})", "empty"},
    {kResponses, R"({"status":"completed","output":[{"type":"reasoning","content":[{"type":"reasoning_text","text":"Hm"}]}]})", "empty"},
    {kResponses, R"({"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation"}]}]}]})", "server_tool"},
    {kResponses, R"({"status":"completed","output":[{"type":"web_search_call"},{"type":"message","content":[{"type":"output_text","text":"a"}]}]})", "server_tool"},
    {kResponses, R"({"status":"completed","output":[{"type":"code_interpreter_call"}]})", "server_tool"},
    {kResponses, R"({"status":"completed","output":[{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}]})", "tool_calls", "keep"},
    {kResponses, R"({"status":"completed","output":[{"type":"function_call","name":"f","arguments":"{\"a\":"}]})", "tool_calls", "broken_call"},
    {kResponses, R"({"status":"completed","output":[{"type":"custom_tool_call","name":"f","input":"x"}]})", "tool_calls", "keep"},

    // ---- Anthropic ----
    {kAnthropic, R"({"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{"type":"thinking","thinking":"Hm","signature":"s"},{"type":"text","text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":2}})", "keep"},
    {kAnthropic, R"({"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"stop_sequence","stop_sequence":"x","container":null})", "keep"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"}],"stop_reason":"max_tokens"})", "unfinished"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"}],"stop_reason":"pause_turn"})", "unfinished"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"}],"stop_reason":"model_context_window_exceeded"})", "unfinished"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"}],"stop_reason":null})", "unfinished"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"}],"stop_reason":"refusal"})", "refusal"},
    {kAnthropic, R"({"content":[],"stop_reason":"end_turn"})", "empty"},
    {kAnthropic, R"({"content":[{"type":"thinking","thinking":"Hm"}],"stop_reason":"end_turn"})", "empty"},
    {kAnthropic, R"({"type":"error","error":{"type":"overloaded_error"}})", "error"},
    {kAnthropic, R"({"content":[{"type":"server_tool_use","name":"web_search"},{"type":"text","text":"Hi"}],"stop_reason":"end_turn"})", "server_tool"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"},{"type":"new_tool_result"}],"stop_reason":"end_turn"})", "server_tool"},
    {kAnthropic, R"({"content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","container":{"id":"c"}})", "server_tool"},
    {kAnthropic, R"({"content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use"})", "tool_calls", "keep"},

    // ---- Gemini ----
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hm","thought":true},{"text":"Hi"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11}})", "keep"},
    {kGemini, R"([{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]},{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}])", "keep"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"inlineData":{"data":"AA"}}]},"finishReason":"STOP","groundingMetadata":{}}]})", "keep"},
    {kGemini, R"([{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}])", "unfinished"},
    {kGemini, R"([{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]},{"error":{"code":500}}])", "error"},
    {kGemini, R"([{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]})", "malformed"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"MAX_TOKENS"}]})", "unfinished"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"FINISH_REASON_UNSPECIFIED"}]})", "unfinished"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"OTHER"}]})", "unfinished"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"SAFETY"}]})", "filtered"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"RECITATION"}]})", "filtered"},
    {kGemini, R"({"promptFeedback":{"blockReason":"SAFETY"}})", "filtered"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"},{"index":1,"content":{"parts":[{"text":"Hm","thought":true}]},"finishReason":"STOP"}]})", "empty"},
    {kGemini, R"({"candidates":[{"finishReason":"STOP"}]})", "empty"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP","groundingMetadata":{"webSearchQueries":["a"]}}]})", "server_tool"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP","urlContextMetadata":{"urlMetadata":[]}}]})", "server_tool"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"executableCode":{"code":"1"}},{"text":"Hi"}]},"finishReason":"STOP"}]})", "server_tool"},
    {kGemini, R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]},"finishReason":"STOP"}]})", "tool_calls", "keep"},
    {kGemini, R"({"candidates":[{"content":{"parts":[]},"finishReason":"MALFORMED_FUNCTION_CALL"}]})", "broken_call"},

    // ---- Cohere ----
    {kCohere, R"({"id":"c","message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":9,"output_tokens":2}}})", "keep"},
    {kCohere, R"({"text":"Hi","finish_reason":"STOP_SEQUENCE","chat_history":[]})", "keep"},
    {kCohere, R"({"message":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":"MAX_TOKENS"})", "unfinished"},
    {kCohere, R"({"message":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":"ERROR"})", "error"},
    {kCohere, R"({"message":"invalid request"})", "error"},
    {kCohere, R"({"message":{"content":[]},"finish_reason":"COMPLETE"})", "empty"},
    {kCohere, R"({"text":"Hi","finish_reason":"COMPLETE","search_results":[{}]})", "server_tool"},
    {kCohere, R"({"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"TOOL_CALL"})", "tool_calls", "keep"},
    {kCohere, R"({"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{"}}]},"finish_reason":"TOOL_CALL"})", "tool_calls", "broken_call"},
    {kCohere, R"({"text":"","tool_calls":[{"name":"f","parameters":{}}],"finish_reason":"COMPLETE"})", "tool_calls", "keep"},

    // ---- Bedrock ----
    {kConverse, R"({"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"Hm"}}},{"text":"Hi"}]}},"stopReason":"end_turn","usage":{"inputTokens":9,"outputTokens":2,"totalTokens":11},"metrics":{"latencyMs":1}})", "keep"},
    {kConverse, R"({"output":{"message":{"content":[{"text":"Hi"}]}},"stopReason":"max_tokens"})", "unfinished"},
    {kConverse, R"({"output":{"message":{"content":[{"text":"Hi"}]}},"stopReason":"guardrail_intervened"})", "filtered"},
    {kConverse, R"({"output":{"message":{"content":[{"text":"Hi"}]}},"stopReason":"content_filtered"})", "filtered"},
    {kConverse, R"({"output":{"message":{"content":[{"reasoningContent":{}}]}},"stopReason":"end_turn"})", "empty"},
    {kConverse, R"({"output":{"message":{"content":[{"text":"Hi"},{"toolResult":{"content":[]}}]}},"stopReason":"end_turn"})", "server_tool"},
    {kConverse, R"({"output":{"message":{"content":[{"toolUse":{"name":"f","input":{}}}]}},"stopReason":"tool_use"})", "tool_calls", "keep"},
    {kConverse, R"({"message":"throttled"})", "error"},
    {kInvoke, R"({"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"})", "keep"},
    {kInvoke, R"({"type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"max_tokens"})", "unfinished"},
    {kInvoke, R"({"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]})", "keep"},
    {kInvoke, R"({"output":{"message":{"content":[{"text":"Hi"}]}},"stopReason":"end_turn"})", "keep"},
    {kInvoke, R"({"generation":"Hi","prompt_token_count":9,"generation_token_count":2,"stop_reason":"stop"})", "keep"},
    {kInvoke, R"({"generation":"Hi","stop_reason":"length"})", "unfinished"},
    {kInvoke, R"({"inputTextTokenCount":9,"results":[{"tokenCount":2,"outputText":"Hi","completionReason":"FINISH"}]})", "keep"},
    {kInvoke, R"({"results":[{"outputText":"Hi","completionReason":"LENGTH"}]})", "unfinished"},
    {kInvoke, R"({"results":[{"outputText":"Hi","completionReason":"CONTENT_FILTERED"}]})", "filtered"},
    {kInvoke, R"({"outputs":[{"text":"Hi","stop_reason":"stop"}]})", "keep"},
    {kInvoke, R"({"outputs":[{"text":"Hi","stop_reason":"stop"},{"text":"Hi","stop_reason":"length"}]})", "unfinished"},
    {kInvoke, R"({"generations":[{"text":"Hi","finish_reason":"COMPLETE"}]})", "keep"},
    {kInvoke, R"({"embedding":[0.1,0.2],"inputTextTokenCount":9})", "keep"},
    {kInvoke, R"({"embedding":[]})", "empty"},
    {kInvoke, R"({"error":"no"})", "error"},
    {kInvoke, R"({"images":["AA"]})", "empty"},

    // ---- Ollama ----
    {kOllama, R"({"model":"m","message":{"role":"assistant","content":"Hi"},"done":true,"done_reason":"stop","eval_count":2})", "keep"},
    {kOllama, R"({"model":"m","response":"Hi","done":true,"done_reason":"stop","context":[1,2]})", "keep"},
    {kOllama, R"({"response":"Hi","done":true,"done_reason":"length"})", "unfinished"},
    {kOllama, R"({"response":"","done":true,"done_reason":"load"})", "unfinished"},
    {kOllama, R"({"response":"Hi","done":false})", "unfinished"},
    {kOllama, R"({"response":"","thinking":"Hm","done":true,"done_reason":"stop"})", "empty"},
    {kOllama, R"({"error":"model not found"})", "error"},
    {kOllama, R"({"message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{}}}]},"done":true,"done_reason":"stop"})", "tool_calls", "keep"},

    // ---- numbers, and upstreams that are no models ----
    {kNumbers, R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1]}],"usage":{"prompt_tokens":9,"total_tokens":9}})", "keep"},
    {kNumbers, R"({"input_tokens":9})", "keep"},
    {kNumbers, R"([[0.1]])", "keep"},
    {kNumbers, R"({"data":[{}],"error":null})", "keep"},
    {kNumbers, R"({"error":{"message":"m"}})", "error"},
    {kNumbers, R"({"errors":["m"],"data":[]})", "error"},
    {kNumbers, "{}", "empty"},
    {kNumbers, "[ ]", "empty"},
    {kNumbers, R"({"data":[)", "malformed"},
    {kOther, R"({"rows":[]})", "keep"},
    {kOther, "[]", "keep"},
    {kOther, R"({"errors":[]})", "keep"},
    {kOther, R"({"jsonrpc":"2.0","error":{"code":-32000}})", "error"},
    {kOther, R"({"data":null,"errors":[{"message":"m"}]})", "error"},
    {kOther, "<html>", "malformed"},
    {kOther, "", "malformed"},
    {kOther, "{} {}", "malformed"},
    {kOther, "{\"a\":\"\xff\"}", "malformed"},
};
// clang-format on

TEST(AnswerReview, KeepsWhatIsCompleteValidAndFinished) {
  for (const Row& row : kRows) {
    EXPECT_EQ(verdict(review(row.call, kJsonType, row.body)), row.wanted) << row.body;
    const std::string_view wanted = row.with_calls.empty() ? row.wanted : row.with_calls;
    EXPECT_EQ(verdict(review(row.call, kJsonType, row.body, with_calls())), wanted) << row.body;
  }
}

TEST(AnswerReview, KnowsTheReasonsOfAllProviders) {
  struct Reasons {
    std::string_view wanted;
    std::vector<std::string_view> words;
  };
  const Reasons all[] = {
      {"keep",
       {"stop", "STOP", "end_turn", "stop_sequence", "STOP_SEQUENCE", "COMPLETE", "completed",
        "FINISH", "FINISHED", "endoftext", "eos", "eos_token"}},
      {"tool_calls", {"tool_calls", "function_call", "tool_use", "TOOL_CALL"}},
      {"filtered",
       {"content_filter", "content_filtered", "CONTENT_FILTERED", "guardrail_intervened", "SAFETY",
        "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"}},
      {"refusal", {"refusal"}},
      {"error", {"error", "failed", "ERROR", "ERROR_TOXIC", "TIMEOUT"}},
      {"broken_call", {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"}},
      {"unfinished",
       {"length", "max_tokens", "MAX_TOKENS", "LENGTH", "model_length", "pause_turn",
        "model_context_window_exceeded", "OTHER", "LANGUAGE", "Stop", "incomplete", "cancelled"}},
  };
  for (const Reasons& reasons : all) {
    for (const std::string_view word : reasons.words) {
      const std::string body = R"({"choices":[{"message":{"content":"a"},"finish_reason":")" +
                               std::string(word) + "\"}]}";
      EXPECT_EQ(verdict(review(kChat, kJsonType, body)), reasons.wanted) << word;
    }
  }
}

TEST(AnswerReview, NeverKeepsAnAnswerThatIsCut) {
  for (const Row& row : kRows) {
    if (row.wanted == "malformed") continue;
    for (std::size_t size = 0; size < row.body.size(); ++size) {
      const auto cut = review(row.call, kJsonType, row.body.substr(0, size), with_calls());
      EXPECT_TRUE(cut.bar) << row.body.substr(0, size);
    }
  }
}

TEST(AnswerReview, SaysTheSameHoweverTheBytesAreSplit) {
  for (const Row& row : kRows) {
    EXPECT_EQ(verdict(review(row.call, kJsonType, row.body, {}, 1)), row.wanted) << row.body;
  }
}

TEST(AnswerReview, FollowsABoundedNumberOfCalls) {
  const auto calling = [](std::size_t calls) {
    std::string body = R"({"choices":[{"finish_reason":"tool_calls","message":{"tool_calls":[)";
    for (std::size_t i = 0; i < calls; ++i) {
      body.append(i == 0 ? "" : ",").append(R"({"function":{"arguments":"{}"}})");
    }
    return verdict(review(kChat, kJsonType, body + "]}}]}", with_calls()));
  };
  EXPECT_EQ(calling(256), "keep");
  EXPECT_EQ(calling(257), "malformed");
}

TEST(AnswerReview, TellsTheUsage) {
  for (const Row& row : kRows) {
    if (!row.body.contains("\"usage") || row.call == kNumbers) continue;
    EXPECT_EQ(review(row.call, kJsonType, row.body).usage, (TokenUsage{9, 2})) << row.body;
  }
}

TEST(AnswerReview, LooksAtTheHeadFirst) {
  struct HeadRow {
    int status;
    std::string_view type, coding, wanted;
    PromptCall call = kChat;
  };
  const HeadRow rows[] = {
      {200, "application/json", "", "keep"},
      {200, "application/vnd.x+json; v=1", "identity", "keep"},
      {201, "application/json", "", "status"},
      {202, "application/json", "", "status"},
      {206, "application/json", "", "status"},
      {429, "application/json", "", "status"},
      {200, "application/json", "gzip", "coded_answer"},
      {200, "text/html", "", "content_type"},
      {200, "", "", "content_type"},
      // a stream in a framing that its call does not have
      {200, "application/x-ndjson", "", "content_type"},
      {200, "application/vnd.amazon.eventstream", "", "content_type"},
      {200, "text/event-stream", "", "content_type", kNumbers},
      {200, "text/event-stream", "", "content_type", kConverse},
      {200, "text/event-stream", "", "content_type", kOllama},
  };
  for (const HeadRow& row : rows) {
    http::ResponseHead head;
    head.status = row.status;
    if (!row.type.empty()) head.headers.add("content-type", row.type);
    if (!row.coding.empty()) head.headers.add("content-encoding", row.coding);
    AnswerReview review(row.call, config::Dialect::kAuto, head, {});
    EXPECT_EQ(review.bar().has_value(), row.wanted != "keep") << row.status << row.type;
    review.add(R"({"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]})", 0);
    EXPECT_EQ(verdict(review.finish()), row.wanted) << row.status << row.type << row.coding;
  }
}

TEST(AnswerReview, TakesAnyBytes) {
  Random random(20);
  for (int i = 0; i < 4000; ++i) {
    const Row& row = kRows[random.below(std::size(kRows))];
    std::string body(row.body);
    for (std::uint64_t edits = random.below(6) + 1; edits > 0 && !body.empty(); --edits) {
      body[random.below(body.size())] = static_cast<char>(random.below(256));
    }
    static_cast<void>(review(row.call, kJsonType, body, with_calls()));
  }
}

}  // namespace
}  // namespace outrigger::filters
