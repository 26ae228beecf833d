// A broken stream is repeated unseen while nothing was said, and afterwards never looks whole
// (resilience 5.3: SSE; llm 2.3).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kRole =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
    "\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
constexpr const char* kHello =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\"Hello\"},\"finish_reason\":null}]}\n\n";
constexpr const char* kStop =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"stop\"}]}\n\n";
constexpr const char* kDone = "data: [DONE]\n\n";
constexpr const char* kOpenaiError =
    "data: {\"error\":{\"message\":\"try later\",\"type\":\"server_error\",\"code\":"
    "\"server_is_overloaded\"}}\n\n";

constexpr const char* kStart =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n";
constexpr const char* kPing = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
constexpr const char* kBlock =
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
constexpr const char* kDelta =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
    "\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n";
constexpr const char* kEnd =
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"end_turn\"}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
constexpr const char* kAnthropicError =
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
    "\"message\":\"Overloaded\"}}\n\n";

std::string join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

class Streams : public Scenario {
 protected:
  void serve_as(const std::string& profile, const std::string& more = {}) {
    serve(fmt::format("use: {}, expected_version: none, {}{}", profile, kThreeAttempts, more));
  }
  // What a client makes of it, and that its end is no clean one.
  static void expect_cut(const Response& answer, const std::string& passed,
                         const std::string& code) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.complete);
    EXPECT_TRUE(answer.body.starts_with(passed)) << answer.body;
    const std::string rest = answer.body.substr(std::min(passed.size(), answer.body.size()));
    EXPECT_NE(rest.find("\"error\""), std::string::npos) << answer.body;
    EXPECT_NE(rest.find(code), std::string::npos) << answer.body;
  }
};
INSTANTIATE_TEST_SUITE_P(, Streams, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Streams, AFailureBeforeAnythingWasSaidIsRepeatedUnseen) {
  struct Row {
    std::string profile;
    std::vector<std::string> first;
    std::string story;
  };
  const std::vector<Row> rows = {
      {"openai", {kOpenaiError}, "200 overloaded; 200 ok"},
      {"openai", {kRole, kOpenaiError}, "200 overloaded; 200 ok"},
      {"openai", {": waiting\n\n", kOpenaiError}, "200 overloaded; 200 ok"},
      {"openai", {}, "200 truncated; 200 ok"},
      {"openai", {kRole}, "200 truncated; 200 ok"},
      {"anthropic", {kAnthropicError}, "200 overloaded; 200 ok"},
      {"anthropic", {kPing, kAnthropicError}, "200 overloaded; 200 ok"},
      {"anthropic", {kStart, kPing, kAnthropicError}, "200 overloaded; 200 ok"},
      {"anthropic", {kStart, kBlock, kAnthropicError}, "200 overloaded; 200 ok"},
      {"anthropic", {kStart}, "200 truncated; 200 ok"},
  };
  ProxyConfig config;
  const std::string protocol = h2_upstream() ? ", protocol: http2" : ", protocol: http1";
  for (const std::string profile : {"openai", "anthropic"}) {
    config.upstream(
        profile, upstream,
        fmt::format("use: {}, expected_version: none, {}{}", profile, kThreeAttempts, protocol));
  }
  serve(config.workers(1));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(i);
    const Row& row = rows[i];
    const std::vector<std::string> well =
        row.profile == "openai" ? std::vector<std::string>{kRole, kHello, kStop, kDone}
                                : std::vector<std::string>{kStart, kBlock, kDelta, kEnd};
    const std::string path = fmt::format("/{}", i);
    upstream.expect("POST " + path).reply_sse(row.first);
    upstream.expect("POST " + path).reply_sse(well);
    const Response answer = ask(llm_request("/" + row.profile + path));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete) << answer.failure;
    EXPECT_EQ(answer.body, join(well)) << "bytes of one attempt only";
    EXPECT_EQ(story("/" + row.profile + path), row.story);
  }
}

TEST_P(Streams, ACutBeforeAnythingWasSaidIsRepeatedUnseen) {
  upstream.expect("POST /p").run([](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    exchange.send(kRole);
    die(exchange);
  });
  upstream.expect("POST /p").reply_sse({kRole, kHello, kStop, kDone});
  serve_as("openai");
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.body, join({kRole, kHello, kStop, kDone}));
  EXPECT_TRUE(story("/up/p").ends_with("truncated; 200 ok")) << story("/up/p");
}

TEST_P(Streams, AnErrorEventAfterContentPassesWithItsVerdict) {
  upstream.expect("POST /p").reply_sse({kStart, kBlock, kDelta, kAnthropicError});
  serve_as("anthropic");
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.body, join({kStart, kBlock, kDelta, kAnthropicError}));
  EXPECT_TRUE(story("/up/p").starts_with("200 overloaded")) << story("/up/p");
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Streams, AnEndWithoutTheDialectsTerminatorIsToldInItsWords) {
  upstream.expect("POST /chat").reply_sse({kRole, kHello});
  upstream.expect("POST /messages").reply_sse({kStart, kBlock, kDelta});
  serve(ProxyConfig()
            .workers(1)
            .upstream("openai", upstream,
                      fmt::format("use: openai, expected_version: none, {}, protocol: {}",
                                  kThreeAttempts, h2_upstream() ? "http2" : "http1"))
            .upstream("anthropic", upstream,
                      fmt::format("use: anthropic, expected_version: none, {}, protocol: {}",
                                  kThreeAttempts, h2_upstream() ? "http2" : "http1")));
  expect_cut(ask(llm_request("/openai/chat")), join({kRole, kHello}), "stream_truncated");
  const Response anthropic = ask(llm_request("/anthropic/messages"));
  expect_cut(anthropic, join({kStart, kBlock, kDelta}), "");
  EXPECT_NE(anthropic.body.find("event: error\n"), std::string::npos) << anthropic.body;
  EXPECT_TRUE(story("/openai/chat").starts_with("200 truncated")) << story("/openai/chat");
  EXPECT_EQ(hits(), 2u) << "nothing is repeated behind content";
}

TEST_P(Streams, ALostConnectionBehindContentIsToldAndCut) {
  upstream.expect("POST /p").run([](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    exchange.send(std::string(kRole) + kHello);
    exchange.send("data: {\"half");
    exchange.client_gone(Deadline(100ms));  // so that what was sent is read before it is lost
    die(exchange);
  });
  serve_as("openai");
  const Response answer = ask(llm_request("/up/p"));
  expect_cut(answer, join({kRole, kHello}), "error");
  EXPECT_EQ(answer.body.find("half"), std::string::npos) << "an event whole or not at all";
}

TEST_P(Streams, AStallIsToldAndCut) {
  upstream.expect("POST /p").stall_after(std::string(kRole) + kHello,
                                         {{"content-type", "text/event-stream"}});
  serve_as("openai", ", timeouts: {gap: 300ms}");
  expect_cut(ask(llm_request("/up/p")), join({kRole, kHello}), "error");
  EXPECT_TRUE(story("/up/p").starts_with("200 timeout")) << story("/up/p");
}

TEST_P(Streams, SilenceBeforeTheFirstEventIsRepeated) {
  upstream.expect("POST /p").stall_after(kRole, {{"content-type", "text/event-stream"}});
  upstream.expect("POST /p").reply_sse({kRole, kHello, kStop, kDone});
  serve_as("openai", ", timeouts: {first_event: 300ms, first_event_per_mib: none}");
  EXPECT_EQ(ask(llm_request("/up/p")).body, join({kRole, kHello, kStop, kDone}));
  EXPECT_EQ(story("/up/p"), "200 timeout; 200 ok");
}

TEST_P(Streams, ATrickleFallsUnderTheLeastProgress) {
  upstream.expect("POST /p").run([](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    exchange.send(std::string(kRole) + kHello);
    while (!exchange.client_gone(Deadline(50ms))) exchange.send(": still here\n\n");
  });
  serve_as("openai", ", timeouts: {progress: {events: 5, per: 1s}}");
  expect_cut(ask(llm_request("/up/p")), join({kRole, kHello}), "stream_stalled");
}

TEST_P(Streams, AreWholeInEveryFormOfTheirDialect) {
  const std::string whole = join({kRole, kHello, kStop, kDone});
  std::string crlf;
  for (const char c : whole) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  struct Row {
    std::string sent, seen;
  };
  const std::vector<Row> rows = {
      {join({kRole, kHello, kStop}), {}},  // no [DONE], but every choice has its finish_reason
      {crlf, {}},
      {"\xef\xbb\xbf" + whole, {}},
      {": a comment\n\n" + whole + ": and one more\n\n", {}},
      {whole.substr(0, whole.size() - 1), whole},  // the last blank line is missing
      {join({kRole, "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"x\"}}]}\n\n",
             kStop, kDone}),
       {}},
      {join({kRole, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
             std::string(1 << 20, 'x'), "\"}}]}\n\n", kStop, kDone}),
       {}},
  };
  serve_as("openai");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string path = fmt::format("/{}", i);
    upstream.expect("POST " + path).reply_sse({rows[i].sent});
    const Response answer = ask(llm_request("/up" + path));
    EXPECT_TRUE(answer.complete) << answer.failure;
    EXPECT_TRUE(answer.body == (rows[i].seen.empty() ? rows[i].sent : rows[i].seen)) << i;
    EXPECT_EQ(story("/up" + path), "200 ok");
  }
}

TEST_P(Streams, AreTheSameHoweverTheyAreSplit) {
  const std::string whole = join({kRole, kHello, kStop, kDone});
  const std::size_t hello = std::string(kRole).size();
  serve_as("openai");
  for (const std::size_t at : {std::size_t{1}, hello - 1, hello, hello + 3, hello + 20,
                               whole.size() - 2, whole.size() - 1}) {
    SCOPED_TRACE(at);
    upstream.expect("POST /p").reply_sse({whole.substr(0, at), whole.substr(at)});
    const Response answer = ask(llm_request("/up/p"));
    EXPECT_TRUE(answer.complete) << answer.failure;
    EXPECT_EQ(answer.body, whole);
  }
  std::vector<std::string> bytes;
  for (const char c : whole) bytes.emplace_back(1, c);
  upstream.expect("POST /p").reply_sse(bytes);
  EXPECT_EQ(ask(llm_request("/up/p")).body, whole);
}

TEST_P(Streams, BeyondTheCommitWindowPassAsTheyAre) {
  std::string comments;
  while (comments.size() < 8192) comments += ": nothing said yet\n\n";
  upstream.expect("POST /p").reply_sse({comments, kOpenaiError});
  serve_as("openai", ", commit: {max_bytes: 4KiB}");
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_EQ(answer.body, comments + kOpenaiError);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Streams, OnCompleteHoldsTheWholeAnswerAndRepeatsABrokenOne) {
  upstream.expect("POST /p").reply_sse({kRole, kHello});
  upstream.expect("POST /p").reply_sse({kRole, kHello, kOpenaiError});
  upstream.expect("POST /p").reply_sse({kRole, kHello, kStop, kDone});
  serve_as("openai", ", commit: on_complete");
  const Response answer = ask(llm_request("/up/p"));
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(answer.body, join({kRole, kHello, kStop, kDone}));
  EXPECT_EQ(story("/up/p"), "200 truncated; 200 overloaded; 200 ok");
}

TEST_P(Streams, AWaitingClientSeesThatItLives) {
  upstream.expect("POST /p").manually();
  serve_as("openai", ", commit: {keep_alive: 1s}");
  Client one = client();
  Request asked = llm_request("/up/p");
  asked.headers.emplace_back("accept", "text/event-stream");
  const auto call = one.begin(asked);
  const Held served = upstream.accept();
  EXPECT_EQ(call->read_head().status, 200);
  EXPECT_EQ(call->read_some().front(), ':');
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send(join({kRole, kHello, kStop, kDone}));
  served->finish();
  const Response answer = call->read_all();
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_NE(answer.body.find(join({kRole, kHello, kStop, kDone})), std::string::npos);
}

}  // namespace
}  // namespace outrigger::test
