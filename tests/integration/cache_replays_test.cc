// Stored answers to prompts are the providers' own bytes: each dialect, whole and streamed, at once
// and at the pace of the recording (durability 1.3, 2 row 17).
#include "tests/integration/cache_scenario.h"

namespace outrigger::test {
namespace {

void put(std::string& out, std::size_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t sum = ~0u;
  for (const char c : bytes) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ ((sum & 1) != 0 ? 0xedb88320u : 0u);
  }
  return ~sum;
}

// A frame of an AWS event stream.
std::string frame(std::string_view type, std::string_view payload) {
  std::string headers;
  const auto add = [&](std::string_view name, std::string_view value) {
    put(headers, name.size(), 1);
    headers.append(name) += '\7';
    put(headers, value.size(), 2);
    headers += value;
  };
  add(":event-type", type);
  add(":message-type", "event");
  std::string out;
  put(out, 16 + headers.size() + payload.size(), 4);
  put(out, headers.size(), 4);
  put(out, crc32(out), 4);
  out.append(headers).append(payload);
  put(out, crc32(out), 4);
  return out;
}

std::string event(std::string_view type, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", type, data);
}

struct Row {
  std::string name, dialect, path, request, type;
  std::vector<std::string> pieces;  // of the answer, as they come
};

const std::string kMessages = R"("messages":[{"role":"user","content":"hi"}])";
const std::string kEvents = "text/event-stream; charset=utf-8";

std::vector<Row> openai_rows() {
  const std::string output =
      R"("output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":7,"output_tokens":3})";
  return {
      {"chat", "openai", kChatPath, "{" + kMessages + "}", "application/json", {chat_answer("Hi")}},
      {"chat, streamed",
       "openai",
       kChatPath,
       R"({"stream":true,)" + kMessages + "}",
       kEvents,
       {": waiting\n\n", kHello, kHello, kStop, kDone}},
      {"responses",
       "openai",
       "/v1/responses",
       R"({"input":"hi","store":false})",
       "application/json",
       {R"({"object":"response","status":"completed",)" + output + "}"}},
      {"responses, streamed",
       "openai",
       "/v1/responses",
       R"({"input":"hi","store":false,"stream":true})",
       kEvents,
       {event("response.output_text.delta",
              R"({"type":"response.output_text.delta","delta":"Hi"})"),
        event(
            "response.completed",
            R"({"type":"response.completed","response":{"status":"completed",)" + output + "}}")}},
      {"embeddings",
       "openai",
       "/v1/embeddings",
       R"({"input":"hi","model":"e"})",
       "application/json",
       {R"({"data":[{"embedding":[0.1,0.25]}],"usage":{"prompt_tokens":2}})"}},
  };
}

std::vector<Row> anthropic_rows() {
  const std::string ask = R"("max_tokens":9,)" + kMessages + "}";
  return {
      {"messages",
       "anthropic",
       "/v1/messages",
       "{" + ask,
       "application/json",
       {R"({"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],)"
        R"("stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":3}})"}},
      {"messages, streamed",
       "anthropic",
       "/v1/messages",
       R"({"stream":true,)" + ask,
       kEvents,
       {event("message_start",
              R"({"type":"message_start","message":{"content":[],"usage":{"input_tokens":7}}})") +
            event("content_block_start",
                  R"({"type":"content_block_start","index":0,"content_block":{"type":"text"}})"),
        event("ping", R"({"type":"ping"})"),
        event(
            "content_block_delta",
            R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})"),
        event("content_block_stop", R"({"type":"content_block_stop","index":0})") +
            event(
                "message_delta",
                R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}})"),
        event("message_stop", R"({"type":"message_stop"})")}},
  };
}

std::vector<Row> other_rows() {
  const std::string contents = R"({"contents":[{"parts":[{"text":"hi"}]}]})";
  const std::string candidate = R"({"candidates":[{"content":{"parts":[{"text":"Hi"}]})";
  const std::string usage =
      R"("usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10}})";
  return {
      {"gemini",
       "gemini",
       "/v1beta/models/g:generateContent",
       contents,
       "application/json",
       {candidate + R"(,"finishReason":"STOP"}],)" + usage}},
      {"gemini, streamed",
       "gemini",
       "/v1beta/models/g:streamGenerateContent?alt=sse",
       contents,
       "text/event-stream",
       {"data: " + candidate + "}]}\r\n\r\n",
        "data: " + candidate + R"(,"finishReason":"STOP"}],)" + usage + "\r\n\r\n"}},
      {"cohere",
       "cohere",
       "/v2/chat",
       "{" + kMessages + "}",
       "application/json",
       {R"({"message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},)"
        R"("finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":7,"output_tokens":3}}})"}},
      {"cohere, streamed",
       "cohere",
       "/v2/chat",
       R"({"stream":true,)" + kMessages + "}",
       kEvents,
       {event(
            "content-delta",
            R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}})"),
        event(
            "message-end",
            R"({"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":7,"output_tokens":3}}}})")}},
      {"converse",
       "bedrock",
       "/model/m/converse",
       "{" + kMessages + "}",
       "application/json",
       {R"({"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},)"
        R"("stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":3}})"}},
      {"converse, streamed",
       "bedrock",
       "/model/m/converse-stream",
       "{" + kMessages + "}",
       "application/vnd.amazon.eventstream",
       {frame("messageStart", R"({"role":"assistant"})"),
        frame("contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hi"}})"),
        frame("contentBlockStop", R"({"contentBlockIndex":0})"),
        frame("messageStop", R"({"stopReason":"end_turn"})"),
        frame("metadata", R"({"usage":{"inputTokens":7,"outputTokens":3}})")}},
      {"ollama",
       "ndjson",
       "/api/chat",
       R"({"model":"l","stream":false,)" + kMessages + "}",
       "application/json",
       {R"({"message":{"content":"Hi"},"done":true,"done_reason":"stop",)"
        R"("prompt_eval_count":7,"eval_count":3})"}},
      {"ollama, streamed",
       "ndjson",
       "/api/chat",
       R"({"model":"l",)" + kMessages + "}",
       "application/x-ndjson",
       {"{\"message\":{\"content\":\"Hi\"},\"done\":false}\n",
        "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\","
        "\"prompt_eval_count\":7,\"eval_count\":3}\n"}},
  };
}

std::vector<Row> all_rows() {
  std::vector<Row> rows = openai_rows();
  for (const auto& more : {anthropic_rows(), other_rows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

class CacheReplays : public Cached {
 protected:
  // Each dialect as "/<dialect>/...".
  void serve_all(const std::string& cache) {
    ProxyConfig config;
    for (const std::string dialect :
         {"openai", "anthropic", "gemini", "cohere", "bedrock", "ndjson"}) {
      config.upstream(
          dialect, upstream,
          fmt::format("replay: safe, dialect: {}, cache: {{{}}}{}", dialect, cache, protocol()));
    }
    serve(config.workers(1));
  }
  void expect_answer(const Row& row) {
    upstream.expect("POST " + row.path).run([row](Exchange& exchange) {
      exchange.start(200, {{"content-type", row.type},
                           {"x-request-id", "req_" + row.dialect},
                           {"x-model", "m-2026"},
                           {"set-cookie", "session=1"},
                           {"x-ratelimit-remaining-requests", "9"}});
      for (const std::string& piece : row.pieces) exchange.send(piece);
      exchange.finish();
    });
  }
  static std::string whole(const Row& row) {
    std::string all;
    for (const std::string& piece : row.pieces) all += piece;
    return all;
  }
  static Fields without_ones_own(Fields fields) {
    std::erase_if(fields, [](const auto& field) {
      return field.first == "set-cookie" || field.first.starts_with("x-ratelimit-");
    });
    return fields;
  }
  // The first one's, but for what was of that client only.
  static void expect_replayed(const Response& again, Response first) {
    first.headers = without_ones_own(std::move(first.headers));
    expect_stored(again, first);
    EXPECT_EQ(find(again.headers, "set-cookie"), nullptr);
    EXPECT_EQ(find(again.headers, "x-ratelimit-remaining-requests"), nullptr);
  }
};
INSTANTIATE_TEST_SUITE_P(, CacheReplays, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(CacheReplays, AreTheUpstreamsBytesInEachDialect) {
  serve_all("ttl: 1h");
  for (const Row& row : all_rows()) {
    SCOPED_TRACE(row.name);
    expect_answer(row);
    const Request request = prompt("/" + row.dialect + row.path, row.request);
    const Response first = ask(request);
    EXPECT_TRUE(first.body == whole(row)) << first.body;
    EXPECT_EQ(cache_status(first), "outrigger; fwd=miss; fwd-status=200");
    EXPECT_NE(find(first.headers, "set-cookie"), nullptr);
    for (int i = 0; i < 2; ++i) expect_replayed(ask(request), first);
    if (row.name == "embeddings") continue;
    EXPECT_EQ(value_of(ask(request).headers, "outrigger-tokens-saved"), "input=7, output=3");
  }
  EXPECT_EQ(hits(), all_rows().size());
}

TEST_P(CacheReplays, AreTheSameBytesAtThePaceOfTheRecording) {
  serve_all("ttl: 1h, streams: recorded");
  for (const Row& row : all_rows()) {
    SCOPED_TRACE(row.name);
    upstream.expect("POST " + row.path).run([row](Exchange& exchange) {
      exchange.start(200, {{"content-type", row.type}});
      for (const std::string& piece : row.pieces) {
        std::this_thread::sleep_for(3ms);  // there has to be a pace
        exchange.send(piece);
      }
      exchange.finish();
    });
    const Request request = prompt("/" + row.dialect + row.path, row.request);
    const Response first = ask(request);
    EXPECT_TRUE(first.body == whole(row)) << first.body;
    expect_stored(ask(request), first);
  }
  EXPECT_EQ(hits(), all_rows().size());
}

TEST_P(CacheReplays, WhoLeavesOneAtARecordedPaceHarmsNothing) {
  serve_cached("ttl: 1h, streams: recorded");
  expect_chat().run([](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    exchange.send(kHello);
    std::this_thread::sleep_for(200ms);
    exchange.send(std::string(kStop) + kDone);
    exchange.finish();
  });
  const Request request = prompt(chat_target(), chat("hi", R"("stream":true,)"));
  const Response first = ask(request);
  for (int i = 0; i < 3; ++i) {
    Client one = client();
    const auto call = one.begin(request);
    EXPECT_EQ(call->read_until("\n\n"), kHello);
    call->cancel();
  }
  expect_stored(ask(request), first);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CacheReplays, AreTheSameOverBothProtocolsOfClients) {
  serve_cached();
  expect_chat().reply_sse({kHello, kHello, kStop, kDone});
  const Request request = prompt(chat_target(), chat("hi", R"("stream":true,)"));
  const Response first = ask(request);
  for (const Http http : {Http::k1, Http::k2}) {
    Client other(proxy().port(), {.http = http});
    for (int i = 0; i < 3; ++i) expect_stored(other.fetch(request), first);
  }
}

TEST_P(CacheReplays, OfManyPiecesAreWhole) {
  serve_cached();
  std::string text = pattern(700'000);
  std::erase_if(text, [](unsigned char c) { return c < '0' || c > 'z' || c == '\\'; });
  ASSERT_GT(text.size(), 100'000u);
  expect_chat().reply(200, chat_answer(text), kJson);
  const Response first = ask_chat(chat("long"));
  EXPECT_TRUE(first.body == chat_answer(text));
  for (int i = 0; i < 3; ++i) expect_stored(ask_chat(chat("long")), first);
  EXPECT_EQ(hits(), 1u);
}

}  // namespace
}  // namespace outrigger::test
