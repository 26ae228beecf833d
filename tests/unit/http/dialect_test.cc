#include "proxy/http/dialect.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/http/dialect_stream.h"

namespace outrigger::http {
namespace {

// A letter an event: nothing, semantic, terminal, error. Then what the end of the stream says:
// "." whole, "!" not, "+" whole once the last event is mended; "?" half an event is left.
std::string read(Dialect dialect, StreamFraming framing, std::string_view bytes,
                 std::size_t step = 1 << 20) {
  DialectStream stream(dialect, framing);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string piece(bytes.substr(at, step));
    std::string_view in = piece;
    while (const auto kind = stream.next(in)) {
      EXPECT_TRUE(stream.at_boundary());
      out += "-ste"[static_cast<int>(*kind)];
    }
    EXPECT_TRUE(in.empty());
  }
  const DialectStream::Rest rest = stream.finish();
  if (rest == DialectStream::Rest::kMendable) out += "-ste"[static_cast<int>(stream.kind())];
  if (rest == DialectStream::Rest::kHalf) return out + '?';
  if (!stream.complete()) return out + '!';
  return out + (rest == DialectStream::Rest::kMendable ? '+' : '.');
}

struct Row {
  std::string_view name;
  Dialect dialect;
  std::string_view bytes;
  std::string_view expected;
};

constexpr auto kChat = Dialect::kChat;
constexpr auto kResponses = Dialect::kResponses;
constexpr auto kAnthropic = Dialect::kAnthropic;
constexpr auto kGemini = Dialect::kGemini;
constexpr auto kCohere = Dialect::kCohere;

#define ROLE \
  "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
#define WORD \
  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define EVENT(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"

// clang-format off: a row is a case; its source is llm.md 2.3 where the name says no other
constexpr Row kRows[] = {
    {"chat", kChat, ROLE WORD STOP DONE, "-stt."},
    {"chat without [DONE] (Failover Bench S11)", kChat, ROLE WORD STOP, "-st."},
    {"chat with [DONE] alone (pydantic-ai 6610)", kChat, ROLE WORD DONE, "-st."},
    {"chat cut before its end", kChat, ROLE WORD, "-s!"},
    {"chat of nothing", kChat, "", "!"},
    {"chat with a usage chunk", kChat, WORD STOP "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n" DONE, "st-t."},
    {"chat of two choices", kChat,
     WORD "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n" STOP
     "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n", "ssst."},
    {"chat of two choices, one unfinished", kChat,
     WORD "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n" STOP, "sss!"},
    {"chat with an error", kChat, ROLE "data: {\"error\":{\"message\":\"no\",\"code\":\"x\"}}\n\n", "-e."},
    {"chat with a named error", kChat, "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n", "e."},
    {"chat with an error that is null", kChat, "data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n" DONE, "st."},
    {"chat with an error beside its choices (OpenRouter)", kChat, WORD "data: {\"error\":{\"code\":502},\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n", "se."},
    {"Azure's filter results", kChat, "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n" ROLE WORD STOP DONE, "--stt."},
    {"Azure's content filter is an end", kChat, WORD "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n", "st."},
    {"chat that calls a tool", kChat, ROLE "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n" DONE, "-st."},
    {"chat that reasons", kChat, "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"Hm\"}}]}\n\n" DONE, "st."},
    {"legacy completion", kChat, "data: {\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n" DONE, "st."},
    {"comments and pings", kChat, ": OPENROUTER PROCESSING\n\n" ROLE ": ping\n\n" WORD DONE, "--" "-st."},
    {"a choice out of bounds gets the benefit of the doubt", kChat, "data: {\"choices\":[{\"index\":4711,\"delta\":{\"content\":\"a\"}}]}\n\n", "s."},
    {"last blank line missing (openai-node 2725)", kChat, WORD "data: [DONE]\n", "st+"},
    {"last line end missing", kChat, WORD "data: [DONE]", "st+"},
    {"last event without its blank line", kChat, WORD "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n", "st+"},
    {"half an event", kChat, WORD "data: {\"choices\":[{\"ind", "s?"},
    {"half an event behind all finish reasons", kChat, STOP "data: {\"usage\":{", "t?"},
    {"half an event behind [DONE] is missed by nobody", kChat, STOP DONE "data: {", "tt."},
    {"CRLF and a byte order mark", kChat, "\xEF\xBB\xBF" "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n", "st."},
    {"data in several lines", kChat, "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"a\"}}]}\n\n" DONE, "st."},
    {"data that is no JSON", kChat, "data: hello\n\n", "s!"},

    {"responses", kResponses, EVENT("response.created", ",\"sequence_number\":0") EVENT("response.in_progress", "") EVENT("response.output_item.added", "")
     EVENT("response.output_text.delta", ",\"delta\":\"Hi\"") EVENT("response.completed", ""), "---st."},
    {"responses queued", kResponses, EVENT("response.queued", "") EVENT("response.incomplete", ""), "-t."},
    {"responses that failed", kResponses, EVENT("response.created", "") EVENT("response.failed", ",\"response\":{\"error\":{\"code\":\"server_error\"}}"), "-e."},
    {"responses with an error", kResponses, EVENT("response.created", "") EVENT("error", ",\"code\":\"insufficient_quota\""), "-e."},
    {"responses without event names", kResponses, "data: {\"type\":\"response.created\"}\n\ndata: {\"type\":\"response.completed\"}\n\n", "-t."},
    {"responses cut", kResponses, EVENT("response.created", "") EVENT("response.output_text.delta", ",\"delta\":\"Hi\""), "-s!"},
    {"[DONE] is no end of responses", kResponses, EVENT("response.output_text.delta", "") DONE, "ss!"},

    {"messages", kAnthropic, EVENT("message_start", ",\"message\":{\"content\":[]}") EVENT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
     EVENT("ping", "") EVENT("content_block_delta", ",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}") EVENT("content_block_stop", ",\"index\":0")
     EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"}") EVENT("message_stop", ""), "---s-st."},
    {"messages cut", kAnthropic, EVENT("message_start", "") EVENT("message_delta", ""), "-s!"},
    {"messages with an error", kAnthropic, EVENT("message_start", "") EVENT("error", ",\"error\":{\"type\":\"overloaded_error\"}"), "-e."},
    {"messages with a tool", kAnthropic, EVENT("content_block_start", ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}"), "s!"},
    {"messages with a block that never stops", kAnthropic, EVENT("content_block_start", "") EVENT("message_stop", ""), "-t!"},
    {"events that nobody knows are ignored", kAnthropic, EVENT("new_thing", "") EVENT("message_stop", ""), "-t."},

    {"gemini", kGemini, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}],\"role\":\"model\"}}]}\n\n"
     "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\"}]}\n\n", "st."},
    {"gemini blocked", kGemini, "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", "t."},
    {"gemini cut", kGemini, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n", "s!"},
    {"gemini with an error", kGemini, "data: {\"error\":{\"code\":503,\"status\":\"UNAVAILABLE\"}}\n\n", "e."},
    {"gemini with usage only", kGemini, "data: {\"usageMetadata\":{\"promptTokenCount\":4}}\n\n", "-!"},
    {"a reason that is none", kGemini, "data: {\"candidates\":[{\"finishReason\":\"FINISH_REASON_UNSPECIFIED\"}]}\n\n", "-!"},

    {"cohere", kCohere, EVENT("message-start", ",\"delta\":{\"message\":{\"role\":\"assistant\"}}") EVENT("content-start", "") EVENT("content-delta", "")
     EVENT("content-end", "") EVENT("message-end", ",\"delta\":{\"finish_reason\":\"COMPLETE\"}"), "--s-t."},
    {"cohere that failed", kCohere, EVENT("message-start", "") EVENT("message-end", ",\"delta\":{\"finish_reason\":\"ERROR\"}"), "-e."},
    {"cohere that took too long", kCohere, EVENT("message-end", ",\"delta\":{\"finish_reason\":\"TIMEOUT\"}"), "e."},
    {"cohere with a message", kCohere, "data: {\"message\":\"internal\"}\n\n", "e."},
    {"cohere cut", kCohere, EVENT("content-delta", ""), "s!"},

    {"plain events", Dialect::kSse, "data: 1\n\nevent: message\ndata: 2\n\n: bye\n\n", "ss-."},
    {"no plain event", Dialect::kSse, "", "."},
    {"plain events, the last cut", Dialect::kSse, "data: 1\n\ndata: tw", "s?"},
    {"plain events, cut in a name", Dialect::kSse, "data: 1\n\nda", "s?"},
    {"plain events, the last whole by its JSON", Dialect::kSse, "data: 1\n\ndata: {\"a\":2}\n", "ss+"},
    {"a plain error", Dialect::kSse, "event: error\ndata: x\n\n", "e."},

    {"auto: chat", Dialect::kAuto, ROLE WORD, "-s!"},
    {"auto: comments tell nothing", Dialect::kAuto, ": hello\n\n" WORD DONE, "-st."},
    {"auto: responses", Dialect::kAuto, EVENT("response.created", "") EVENT("response.completed", ""), "-t."},
    {"auto: messages", Dialect::kAuto, EVENT("message_start", "") EVENT("message_stop", ""), "-t."},
    {"auto: a ping tells nothing", Dialect::kAuto, EVENT("ping", "") WORD, "-s!"},
    {"auto: gemini", Dialect::kAuto, "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n", "t."},
    {"auto: cohere", Dialect::kAuto, EVENT("message-start", "") EVENT("message-end", ""), "-t."},
    {"auto: an error of OpenAI's kind", Dialect::kAuto, "data: {\"error\":{\"message\":\"a\",\"code\":\"b\"}}\n\n", "e."},
    {"auto: an error of Anthropic's kind", Dialect::kAuto, EVENT("error", ",\"error\":{}"), "e."},
    {"auto: an error of Gemini's kind", Dialect::kAuto, "data: {\"error\":{\"code\":429}}\n\n", "e."},
    {"auto: anything else is plain", Dialect::kAuto, "data: {\"jsonrpc\":\"2.0\"}\n\n", "s."},
    {"auto: a stream that says nothing is not whole", Dialect::kAuto, ": hello\n\n", "-!"},
    {"openai: chat", Dialect::kOpenai, ROLE STOP, "-t."},
    {"openai: responses", Dialect::kOpenai, EVENT("response.created", ""), "-!"},
    {"openai: an error of chat", Dialect::kOpenai, "data: {\"error\":{\"message\":\"a\"}}\n\n", "e."},
};
// clang-format on

TEST(Dialect, KnowsWhatEveryEventIsAndWhetherTheStreamIsWhole) {
  for (const Row& row : kRows) {
    EXPECT_EQ(read(row.dialect, StreamFraming::kSse, row.bytes), row.expected) << row.name;
  }
}

TEST(Dialect, SeesTheSameHoweverTheBytesAreSplit) {
  for (const Row& row : kRows) {
    for (const std::size_t step : {1, 2, 3, 7, 16}) {
      EXPECT_EQ(read(row.dialect, StreamFraming::kSse, row.bytes, step), row.expected)
          << row.name << " by " << step;
    }
  }
}

constexpr Row kLineRows[] = {
    {"lines", Dialect::kNdjson, "{\"a\":1}\n{\"a\":2}\n", "ss."},
    {"lines, the last without its end", Dialect::kNdjson, "{\"a\":1}\n[2]", "s."},
    {"lines, the last cut", Dialect::kNdjson, "{\"a\":1}\n{\"a\":", "s?"},
    {"lines, the last no JSON", Dialect::kNdjson, "{\"a\":1}\noops\n", "ss!"},
    {"blank lines", Dialect::kNdjson, "\n{\"a\":1}\n\n \n", "-s--."},
    {"ollama", Dialect::kNdjson, "{\"response\":\"a\",\"done\":false}\n{\"done\":true}\n", "st."},
    {"ollama cut", Dialect::kNdjson, "{\"response\":\"a\",\"done\":false}\n", "s!"},
    {"ollama with an error", Dialect::kNdjson, "{\"error\":\"out of memory\"}\n", "e."},
    {"CRLF", Dialect::kNdjson, "{\"a\":1}\r\n{\"a\":2}\r\n", "ss."},
};

TEST(Dialect, ReadsLines) {
  for (const Row& row : kLineRows) {
    for (const std::size_t step : {1, 2, 3, 7, 1000}) {
      EXPECT_EQ(read(row.dialect, StreamFraming::kLines, row.bytes, step), row.expected)
          << row.name << " by " << step;
    }
  }
}

TEST(Dialect, CountsTheSequenceOfResponses) {
  DialectStream stream(Dialect::kOpenai, StreamFraming::kSse);
  std::string_view in = EVENT("response.created", ",\"sequence_number\":0")
      EVENT("response.output_text.delta", ",\"sequence_number\":41");
  while (stream.next(in)) {
  }
  EXPECT_EQ(stream.dialect(), Dialect::kResponses);
  EXPECT_EQ(stream.next_sequence(), 42u);
}

TEST(Dialect, GivesAnEventThatIsTooLargeTheBenefitOfTheDoubt) {
  const std::string large = "data: {\"choices\":[{\"delta\":{\"content\":\"" +
                            std::string(2 * 1024 * 1024, 'x') +
                            "\"},\"finish_reason\":\"stop\"}]}\n\n";
  EXPECT_EQ(read(Dialect::kChat, StreamFraming::kSse, large), "s.");
  EXPECT_EQ(read(Dialect::kChat, StreamFraming::kSse, large, 4096), "s.");
}

TEST(Dialect, ReadsAnEventOfAMebibyte) {
  const std::string large = "data: {\"choices\":[{\"delta\":{\"content\":\"" +
                            std::string(1024 * 1024 - 200, 'x') +
                            "\"},\"finish_reason\":\"stop\"}]}\n\n";
  EXPECT_EQ(read(Dialect::kChat, StreamFraming::kSse, large, 4096), "t.");
}

}  // namespace
}  // namespace outrigger::http
