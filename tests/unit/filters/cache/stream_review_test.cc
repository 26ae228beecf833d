#include "filters/cache/stream_review.h"

#include <gtest/gtest.h>

#include <vector>

#include "proxy/base/random.h"
#include "tests/unit/filters/cache/answers.h"

namespace outrigger::filters {
namespace {

using enum PromptCall;

struct Row {
  std::string_view name;
  PromptCall call;
  std::string_view type;
  std::string bytes;
  std::string_view wanted;           // by default
  std::string_view with_calls = {};  // with tool_calls; empty: the same
};

// ---- chat ----
constexpr std::string_view kRole =
    R"({"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]})";
constexpr std::string_view kWord =
    R"({"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]})";
constexpr std::string_view kStop = R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";
constexpr std::string_view kUsage =
    R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}})";
constexpr std::string_view kDone = "[DONE]";
constexpr std::string_view kCallStop =
    R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})";

std::string chat_call(std::string_view arguments, int index = 0) {
  return R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":)" + std::to_string(index) +
         R"(,"function":{"arguments":")" + std::string(arguments) + R"("}}]}}]})";
}

// ---- Responses ----
constexpr std::string_view kCreated =
    R"({"type":"response.created","sequence_number":0,"response":{"status":"in_progress","output":[],"usage":null}})";
constexpr std::string_view kDelta =
    R"({"type":"response.output_text.delta","sequence_number":1,"delta":"Hi"})";
std::string completed(std::string_view output, std::string_view status = "completed") {
  return R"({"type":"response.)" + std::string(status == "completed" ? "completed" : "incomplete") +
         R"(","sequence_number":2,"response":{"status":")" + std::string(status) +
         R"(","error":null,"output":[)" + std::string(output) +
         R"(],"usage":{"input_tokens":9,"output_tokens":2}}})";
}
constexpr std::string_view kMessageItem =
    R"({"type":"message","content":[{"type":"output_text","text":"Hi","annotations":[]}]})";

// ---- Anthropic ----
constexpr std::string_view kStart =
    R"({"type":"message_start","message":{"id":"m","type":"message","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}})";
constexpr std::string_view kText =
    R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})";
constexpr std::string_view kPing = R"({"type":"ping"})";
constexpr std::string_view kTextDelta =
    R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})";
constexpr std::string_view kBlockStop = R"({"type":"content_block_stop","index":0})";
constexpr std::string_view kEndTurn =
    R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":2}})";
constexpr std::string_view kMessageStop = R"({"type":"message_stop"})";
constexpr std::string_view kTool =
    R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}})";
constexpr std::string_view kToolTurn =
    R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":2}})";

std::string input_delta(std::string_view json) {
  return R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":")" +
         std::string(json) + R"("}})";
}
std::string ends_with(std::string_view reason) {
  return R"({"type":"message_delta","delta":{"stop_reason":")" + std::string(reason) + R"("}})";
}

// clang-format off: a row is a case; the sources are the providers' API references and llm.md 2.3
std::vector<Row> rows() {
  return {
      {"chat", kChat, kSseType, sse({kRole, kWord, kStop, kUsage, kDone}), "keep"},
      {"chat with comments", kChat, kSseType, ": OPENROUTER PROCESSING\n\n" + sse({kRole, kWord, kStop, kUsage, kDone}), "keep"},
      {"chat by Azure", kChat, kSseType, sse({R"({"choices":[],"prompt_filter_results":[{}]})", kRole, kWord, kStop, kUsage, kDone}), "keep"},
      {"chat that never says [DONE]", kChat, kSseType, sse({kRole, kWord, kStop, kUsage}), "truncated"},
      {"chat without its end", kChat, kSseType, sse({kRole, kWord, kDone}), "unfinished"},
      {"chat that says nothing", kChat, kSseType, sse({kRole, kStop, kDone}), "empty"},
      {"chat of nothing", kChat, kSseType, sse({kDone}), "empty"},
      {"chat of a second choice without an end", kChat, kSseType, sse({kWord, R"({"choices":[{"index":1,"delta":{"content":"b"}}]})", kStop, kDone}), "unfinished"},
      {"chat of two choices", kChat, kSseType, sse({kWord, R"({"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]})", kStop, kUsage, kDone}), "keep"},
      {"chat at its limit", kChat, kSseType, sse({kWord, R"({"choices":[{"index":0,"delta":{},"finish_reason":"length"}]})", kDone}), "unfinished"},
      {"chat that was filtered", kChat, kSseType, sse({kWord, R"({"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]})", kDone}), "filtered"},
      {"chat that refuses", kChat, kSseType, sse({R"({"choices":[{"index":0,"delta":{"refusal":"I cannot"}}]})", kStop, kDone}), "refusal"},
      {"chat with an error", kChat, kSseType, sse({kWord, R"({"error":{"message":"no"}})", kDone}), "error"},
      {"chat that is no JSON", kChat, kSseType, sse({kWord, "oops", kStop, kDone}), "malformed"},
      {"chat with a large index", kChat, kSseType, sse({kWord, R"({"choices":[{"index":4711,"delta":{"content":"a"}}]})", kStop, kDone}), "malformed"},
      {"chat with links", kChat, kSseType, sse({R"({"choices":[{"index":0,"delta":{"content":"a","annotations":[{}]}}]})", kStop, kDone}), "server_tool"},
      {"chat that calls", kChat, kSseType, sse({kRole, chat_call(R"({\"a)"), chat_call(R"(\":\"\\u00)"), chat_call(R"(e9\"})"), kCallStop, kUsage, kDone}), "tool_calls", "keep"},
      {"chat that calls two", kChat, kSseType, sse({chat_call(R"({\"a\":)"), chat_call("{}", 1), chat_call("1}"), kCallStop, kUsage, kDone}), "tool_calls", "keep"},
      {"chat that calls badly", kChat, kSseType, sse({chat_call(R"({\"a\":)"), chat_call("{}", 1), kCallStop, kDone}), "tool_calls", "broken_call"},
      {"a completion", kChat, kSseType, sse({R"({"choices":[{"index":0,"text":"a","finish_reason":null}]})", R"({"choices":[{"index":0,"text":"","finish_reason":"stop"}]})", kUsage, kDone}), "keep"},

      {"responses", kResponses, kSseType, named_sse({kCreated, kDelta, completed(kMessageItem)}), "keep"},
      {"responses without their end", kResponses, kSseType, named_sse({kCreated, kDelta}), "truncated"},
      {"responses at a limit", kResponses, kSseType, named_sse({kCreated, kDelta, completed(kMessageItem, "incomplete")}), "unfinished"},
      {"responses that failed", kResponses, kSseType, named_sse({kCreated, R"({"type":"response.failed","response":{"error":{"code":"server_error"}}})"}), "error"},
      {"responses with an error", kResponses, kSseType, named_sse({kCreated, R"({"type":"error","code":"insufficient_quota"})"}), "error"},
      {"responses that refuse", kResponses, kSseType, named_sse({kCreated, completed(R"({"type":"message","content":[{"type":"refusal","refusal":"no"}]})")}), "refusal"},
      {"responses that searched", kResponses, kSseType, named_sse({kCreated, completed(R"({"type":"web_search_call"},{"type":"message","content":[{"type":"output_text","text":"a"}]})")}), "server_tool"},
      {"responses that call", kResponses, kSseType, named_sse({kCreated, completed(R"({"type":"function_call","arguments":"{}"})")}), "tool_calls", "keep"},
      {"responses of nothing", kResponses, kSseType, named_sse({kCreated, completed("")}), "empty"},
      {"responses whose end is cut", kResponses, kSseType, named_sse({kCreated, R"({"type":"response.completed","response":{)"}), "malformed"},

      {"messages", kAnthropic, kSseType, named_sse({kStart, kText, kPing, kTextDelta, kBlockStop, kEndTurn, kMessageStop}), "keep"},
      {"messages that think", kAnthropic, kSseType, named_sse({kStart, R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}})", R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}})", R"({"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"s"}})", kBlockStop, kText, kTextDelta, kBlockStop, kEndTurn, kMessageStop}), "keep"},
      {"messages without their end", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, kBlockStop, kEndTurn}), "truncated"},
      {"messages with an open block", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, kEndTurn, kMessageStop}), "truncated"},
      {"messages without a reason", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, kBlockStop, kMessageStop}), "unfinished"},
      {"messages at a limit", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, kBlockStop, ends_with("max_tokens"), kMessageStop}), "unfinished"},
      {"messages that pause", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, kBlockStop, ends_with("pause_turn"), kMessageStop}), "unfinished"},
      {"messages that refuse", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, kBlockStop, ends_with("refusal"), kMessageStop}), "refusal"},
      {"messages with an error", kAnthropic, kSseType, named_sse({kStart, kText, kTextDelta, R"({"type":"error","error":{"type":"overloaded_error"}})"}), "error"},
      {"messages of nothing", kAnthropic, kSseType, named_sse({kStart, kText, kBlockStop, kEndTurn, kMessageStop}), "empty"},
      {"messages of a server's tool", kAnthropic, kSseType, named_sse({kStart, R"({"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use"}})", kBlockStop, kText, kTextDelta, kBlockStop, kEndTurn, kMessageStop}), "server_tool"},
      {"messages that call", kAnthropic, kSseType, named_sse({kStart, kTool, input_delta(""), input_delta(R"({\"a\")"), input_delta(":1}"), kBlockStop, kToolTurn, kMessageStop}), "tool_calls", "keep"},
      {"messages that call with nothing", kAnthropic, kSseType, named_sse({kStart, kTool, input_delta(""), kBlockStop, kToolTurn, kMessageStop}), "tool_calls", "keep"},
      {"messages that call badly", kAnthropic, kSseType, named_sse({kStart, kTool, input_delta(R"({\"a\")"), kBlockStop, kToolTurn, kMessageStop}), "tool_calls", "broken_call"},

      {"gemini", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}]})", R"({"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"totalTokenCount":11}})"}), "keep"},
      {"gemini with a reason that is none", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"FINISH_REASON_UNSPECIFIED"}]})", R"({"candidates":[{"finishReason":"STOP"}]})"}), "keep"},
      {"gemini without its end", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]})"}), "truncated"},
      {"gemini at a limit", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"MAX_TOKENS"}]})"}), "unfinished"},
      {"gemini with another candidate", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"},{"index":1,"content":{"parts":[{"text":"a"}]}}]})"}), "unfinished"},
      {"gemini blocked", kGemini, kSseType, sse({R"({"promptFeedback":{"blockReason":"SAFETY"}})"}), "filtered"},
      {"gemini with an error", kGemini, kSseType, sse({R"({"error":{"code":503}})"}), "error"},
      {"gemini that calls", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]})"}), "tool_calls", "keep"},
      {"gemini that searched", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP","groundingMetadata":{"groundingChunks":[{}]}}]})"}), "server_tool"},
      {"gemini with half an event behind its end", kGemini, kSseType, sse({R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]})"}) + "data: {", "truncated"},

      {"cohere", kCohere, kSseType, named_sse({R"({"type":"message-start","delta":{"message":{"role":"assistant","content":[]}}})", R"({"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}})", R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}})", R"({"type":"content-end","index":0})", R"({"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":9,"output_tokens":2}}}})"}), "keep"},
      {"cohere at a limit", kCohere, kSseType, named_sse({R"({"type":"content-delta","delta":{"message":{"content":{"text":"Hi"}}}})", R"({"type":"message-end","delta":{"finish_reason":"MAX_TOKENS"}})"}), "unfinished"},
      {"cohere that failed", kCohere, kSseType, named_sse({R"({"type":"message-end","delta":{"finish_reason":"ERROR"}})"}), "error"},
      {"cohere of nothing", kCohere, kSseType, named_sse({R"({"type":"message-end","delta":{"finish_reason":"COMPLETE"}})"}), "empty"},
      {"cohere that calls", kCohere, kSseType, named_sse({R"({"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"c","function":{"name":"f","arguments":""}}}}})", R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}})", R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":9,"output_tokens":2}}}})"}), "tool_calls", "keep"},
      {"cohere that calls two", kCohere, kSseType, named_sse({R"({"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}})", R"({"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}})", R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"tokens":{"input_tokens":9,"output_tokens":2}}}})"}), "tool_calls", "keep"},
      {"cohere that calls badly", kCohere, kSseType, named_sse({R"({"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{"}}}}})", R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}})"}), "tool_calls", "broken_call"},

      {"converse", kConverse, kFramesType, frames({{"messageStart", R"({"role":"assistant"})"}, {"contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hi"}})"}, {"contentBlockStop", R"({"contentBlockIndex":0})"}, {"messageStop", R"({"stopReason":"end_turn"})"}, {"metadata", R"({"usage":{"inputTokens":9,"outputTokens":2,"totalTokens":11}})"}}), "keep"},
      {"converse without its metadata", kConverse, kFramesType, frames({{"contentBlockDelta", R"({"delta":{"text":"Hi"}})"}, {"messageStop", R"({"stopReason":"end_turn"})"}}), "truncated"},
      {"converse at a limit", kConverse, kFramesType, frames({{"contentBlockDelta", R"({"delta":{"text":"Hi"}})"}, {"messageStop", R"({"stopReason":"max_tokens"})"}, {"metadata", "{}"}}), "unfinished"},
      {"converse that was filtered", kConverse, kFramesType, frames({{"contentBlockDelta", R"({"delta":{"text":"Hi"}})"}, {"messageStop", R"({"stopReason":"guardrail_intervened"})"}, {"metadata", "{}"}}), "filtered"},
      {"converse with an exception", kConverse, kFramesType, frames({{"contentBlockDelta", R"({"delta":{"text":"Hi"}})"}}) + http::exception_frame("throttlingException", "{}"), "error"},
      {"converse that calls", kConverse, kFramesType, frames({{"contentBlockStart", R"({"contentBlockIndex":1,"start":{"toolUse":{"name":"f"}}})"}, {"contentBlockDelta", R"({"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"a\":"}}})"}, {"contentBlockDelta", R"({"delta":{"toolUse":{"input":"1}"}},"contentBlockIndex":1})"}, {"messageStop", R"({"stopReason":"tool_use"})"}, {"metadata", R"({"usage":{"inputTokens":9,"outputTokens":2}})"}}), "tool_calls", "keep"},
      {"converse that calls badly", kConverse, kFramesType, frames({{"contentBlockDelta", R"({"contentBlockIndex":1,"delta":{"toolUse":{"input":"{"}}})"}, {"messageStop", R"({"stopReason":"tool_use"})"}, {"metadata", "{}"}}), "tool_calls", "broken_call"},
      {"invoke: messages", kInvoke, kFramesType, chunks({kStart, kText, kTextDelta, kBlockStop, kEndTurn, R"({"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":2}})"}), "keep"},
      {"invoke: messages at a limit", kInvoke, kFramesType, chunks({kStart, kText, kTextDelta, kBlockStop, ends_with("max_tokens"), kMessageStop}), "unfinished"},
      {"invoke: llama", kInvoke, kFramesType, chunks({R"({"generation":"Hi","stop_reason":null})", R"({"generation":"","stop_reason":"stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":2}})"}), "keep"},
      {"invoke: llama at a limit", kInvoke, kFramesType, chunks({R"({"generation":"Hi","stop_reason":"length"})"}), "unfinished"},
      {"invoke: nova", kInvoke, kFramesType, chunks({R"({"messageStart":{"role":"assistant"}})", R"({"contentBlockDelta":{"delta":{"text":"Hi"},"contentBlockIndex":0}})", R"({"messageStop":{"stopReason":"end_turn"}})", R"({"metadata":{"usage":{}},"amazon-bedrock-invocationMetrics":{"inputTokenCount":9,"outputTokenCount":2}})"}), "keep"},
      {"invoke: llama without its metrics", kInvoke, kFramesType, chunks({R"({"generation":"Hi","stop_reason":"stop"})"}), "truncated"},
      {"invoke: no base64", kInvoke, kFramesType, frames({{"chunk", R"({"bytes":"e3*0="})"}}), "malformed"},
      {"invoke: no JSON", kInvoke, kFramesType, chunks({"oops"}), "malformed"},

      {"ollama", kOllama, kLinesType, lines({R"({"message":{"content":"Hi"},"done":false})", R"({"message":{"content":""},"done":true,"done_reason":"stop"})"}), "keep"},
      {"ollama, generate", kOllama, kLinesType, lines({R"({"response":"Hi","done":false})", "", R"({"response":"","done":true,"done_reason":"stop"})"}), "keep"},
      {"ollama at a limit", kOllama, kLinesType, lines({R"({"response":"Hi","done":true,"done_reason":"length"})"}), "unfinished"},
      {"ollama that does not say why", kOllama, kLinesType, lines({R"({"response":"Hi","done":true})"}), "unfinished"},
      {"ollama without its end", kOllama, kLinesType, lines({R"({"response":"Hi","done":false})"}), "truncated"},
      {"ollama with an error", kOllama, kLinesType, lines({R"({"response":"Hi","done":false})", R"({"error":"out of memory"})"}), "error"},
      {"ollama that calls", kOllama, kLinesType, lines({R"({"message":{"tool_calls":[{"function":{"name":"f"}}]},"done":false})", R"({"done":true,"done_reason":"stop"})"}), "tool_calls", "keep"},
  };
}
// clang-format on

// What ends with its last event, however little of it is missing.
bool keeps(const Row& row) {
  return row.wanted == "keep" || row.with_calls == "keep";
}

TEST(StreamReview, KeepsWhatIsCompleteValidAndFinished) {
  for (const Row& row : rows()) {
    EXPECT_EQ(verdict(review(row.call, row.type, row.bytes)), row.wanted) << row.name;
    const std::string_view wanted = row.with_calls.empty() ? row.wanted : row.with_calls;
    EXPECT_EQ(verdict(review(row.call, row.type, row.bytes, with_calls())), wanted) << row.name;
  }
}

TEST(StreamReview, NeverKeepsAStreamThatIsCut) {
  for (const Row& row : rows()) {
    for (std::size_t size = 0; size < row.bytes.size(); ++size) {
      if (row.name == "gemini with half an event behind its end") continue;  // it is one
      const std::string_view part = std::string_view(row.bytes).substr(0, size);
      EXPECT_TRUE(review(row.call, row.type, part, with_calls()).bar) << row.name << ' ' << size;
    }
  }
}

TEST(StreamReview, SaysTheSameHoweverTheBytesAreSplit) {
  for (const Row& row : rows()) {
    const ReviewedAnswer whole = review(row.call, row.type, row.bytes, with_calls());
    for (const std::size_t step : {1, 2, 3, 7, 16, 61}) {
      const ReviewedAnswer split = review(row.call, row.type, row.bytes, with_calls(), step);
      EXPECT_EQ(verdict(split), verdict(whole)) << row.name << " by " << step;
      EXPECT_EQ(split.usage, whole.usage) << row.name << " by " << step;
    }
  }
}

TEST(StreamReview, TellsTheUsage) {
  for (const Row& row : rows()) {
    if (!keeps(row) || row.call == kOllama || row.call == kGemini) continue;
    const auto answer = review(row.call, row.type, row.bytes, with_calls());
    EXPECT_EQ(answer.usage, (TokenUsage{9, 2})) << row.name;
  }
}

TEST(StreamReview, TellsWhereEventsEnded) {
  const std::string stream = ": hello\n\n" + sse({kWord, kStop, kDone});
  std::vector<std::uint32_t> ends;
  for (std::size_t at = stream.find("\n\n"); at < stream.size(); at = stream.find("\n\n", at + 2)) {
    ends.push_back(static_cast<std::uint32_t>(at + 2));
  }
  const ReviewedAnswer answer = review(kChat, kSseType, stream, {}, 1);
  ASSERT_EQ(answer.events.size(), 4u);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    EXPECT_EQ(answer.events[i], (EventMark{.end = ends[i], .after_ms = ends[i]}));
  }
}

TEST(StreamReview, MakesOneMarkOfAllEventsOfAMillisecond) {
  const std::string stream = sse({kWord, kStop, kDone});
  const ReviewedAnswer answer = review(kChat, kSseType, stream);
  ASSERT_EQ(answer.events.size(), 1u);
  EXPECT_EQ(answer.events.front().end, stream.size());
}

TEST(StreamReview, BarsForGoodAsSoonAsItKnows) {
  http::ResponseHead head;
  head.status = 200;
  head.headers.add("content-type", kSseType);
  AnswerReview review(kChat, config::Dialect::kAuto, head, {});
  review.add(sse({kWord}), 0);
  EXPECT_FALSE(review.bar());
  review.add(sse({R"({"error":{"message":"no"}})"}), 0);
  EXPECT_EQ(review.bar(), AnswerBar::kError);
  review.add(sse({kStop, kDone}), 0);
  EXPECT_EQ(verdict(review.finish()), "error");
}

TEST(StreamReview, DoesNotKeepWhatWasTooLargeToRead) {
  const std::string large =
      R"({"choices":[{"index":0,"delta":{"content":")" + std::string(2 << 20, 'x') + "\"}}]}";
  EXPECT_EQ(verdict(review(kChat, kSseType, sse({large, kStop, kDone}))), "malformed");
}

TEST(StreamReview, TakesLinesThatEndInCrlf) {
  std::string stream;
  for (const char c : sse({kRole, kWord, kStop, kDone}))
    stream += c == '\n' ? "\r\n" : std::string(1, c);
  EXPECT_EQ(verdict(review(kChat, kSseType, stream)), "keep");
  stream.pop_back();
  EXPECT_EQ(verdict(review(kChat, kSseType, stream)), "truncated");
  EXPECT_EQ(verdict(review(kChat, kSseType, stream + "\n\r\n")), "keep");
}

TEST(StreamReview, ReadsTheStreamsOfOtherUpstreamsAsFarAsTheyAreKnown) {
  const auto other = [](std::string_view type, std::string_view bytes, config::Dialect dialect) {
    return verdict(review(kOther, type, bytes, {}, 1 << 20, dialect));
  };
  const auto plain = config::Dialect::kSse;
  EXPECT_EQ(other(kSseType, "data: 1\n\nevent: x\ndata: 2\n\n", plain), "keep");
  EXPECT_EQ(other(kSseType, "data: 1\n\nevent: error\ndata: 2\n\n", plain), "error");
  EXPECT_EQ(other(kSseType, "data: 1\n\ndata: 2\n", plain), "truncated");
  EXPECT_EQ(other(kSseType, ": 1\n\n", plain), "empty");
  EXPECT_EQ(other(kSseType, "", plain), "empty");
  EXPECT_EQ(other(kLinesType, "{\"a\":1}\n{\"a\":2}\n", config::Dialect::kNone), "keep");
  EXPECT_EQ(other(kLinesType, "{\"a\":1}\n{\"a\":2}", config::Dialect::kNone), "truncated");
  // one that turns out to be known has to have its end
  EXPECT_EQ(other(kSseType, sse({kRole, kWord}), config::Dialect::kNone), "truncated");
}

TEST(StreamReview, TakesAnyBytes) {
  Random random(20);
  const std::vector<Row> all = rows();
  for (int i = 0; i < 4000; ++i) {
    const Row& row = all[random.below(all.size())];
    std::string bytes = row.bytes;
    for (std::uint64_t edits = random.below(8) + 1; edits > 0; --edits) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    static_cast<void>(
        review(row.call, row.type, bytes, with_calls(), random.below(bytes.size()) + 1));
  }
}

}  // namespace
}  // namespace outrigger::filters
