// Streams through classify: what is repeated unseen, what passes, and that no lost answer ends
// cleanly (resilience 5.3, row SSE).
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/http/dialect_error.h"
#include "proxy/http/problem.h"
#include "tests/unit/filters/classify_fixture.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kRole =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
constexpr std::string_view kWord =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
constexpr std::string_view kStop =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
constexpr std::string_view kDone = "data: [DONE]\n\n";
constexpr std::string_view kError =
    "data: {\"error\":{\"message\":\"slow down\",\"type\":\"x\",\"code\":\"rate_limit_exceeded\"}}"
    "\n\n";
constexpr std::string_view kPing = ": ping\n\n";

std::string text(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

std::string lost(std::string_view code = "stream_truncated",
                 http::Dialect dialect = http::Dialect::kChat) {
  const http::ProblemKind* kind = http::find_problem_kind(code);
  return http::error_event(dialect, code, kind->title, 0);
}

Script stream(std::vector<Step> steps, config::Dialect dialect = config::Dialect::kOpenai,
              std::string_view type = "text/event-stream") {
  Script script;
  script.policies.dialect = dialect;
  script.policies.timeouts.gap = 60s;
  script.headers = {{"Content-Type", std::string(type)}};
  script.body = std::move(steps);
  return script;
}

struct Row {
  std::string_view name;
  std::vector<Step> upstream;
  std::string failed;  // the attempt's failure before anything was sent, or empty
  std::string client;  // what the client got
  std::string end;
  std::string verdict;
};

std::vector<Row> rows() {
  // clang-format off: a row is a case
  return {
      {"a whole answer", {say(text({kRole, kWord, kStop, kDone}))}, "", text({kRole, kWord, kStop, kDone}), "clean", "ok"},
      {"one event at a time", {say(kRole, 1s), say(kWord, 1s), say(kStop, 1s), say(kDone, 1s)}, "", text({kRole, kWord, kStop, kDone}), "clean", "ok"},
      {"[DONE] missing", {say(kWord), say(kStop)}, "", text({kWord, kStop}), "clean", "ok"},
      {"error as the first event", {say(kError), end_cleanly()}, "", std::string(kError), "clean", "throttled"},
      {"error after a ping", {say(kPing), say(kError, 1s)}, "", text({kPing, kError}), "clean", "throttled"},
      {"error after the role", {say(kRole), say(kPing, 1s), say(kError, 1s)}, "", text({kRole, kPing, kError}), "clean", "throttled"},
      {"error after the first content", {say(kRole), say(kWord, 1s), say(kError, 1s)}, "", text({kRole, kWord, kError}), "clean", "throttled"},
      {"nothing at all", {end_cleanly(1s)}, "stream_truncated", "", "", "truncated"},
      {"an end before the first content", {say(kRole), say(kPing, 1s), end_cleanly(1s)}, "stream_truncated", "", "", "truncated"},
      {"a reset before the first content", {say(kRole), reset(1s)}, "http_response_incomplete", "", "", "truncated"},
      {"a half event, then the end", {say(kRole), say(kWord.substr(0, 30)), end_cleanly()}, "stream_truncated", "", "", "truncated"},
      {"an end without a terminator", {say(kWord), end_cleanly(1s)}, "", kWord.data() + lost(), "stream_truncated", "truncated"},
      {"an end in the middle of an event", {say(kWord), say(kStop.substr(0, 30), 1s), end_cleanly(1s)}, "", kWord.data() + lost(), "stream_truncated", "truncated"},
      {"a reset after the first content", {say(kWord), reset(1s)}, "", kWord.data() + lost("http_response_incomplete"), "http_response_incomplete", "truncated"},
      {"a reset in the middle of an event", {say(text({kWord, kStop.substr(0, 30)})), reset(1s)}, "", kWord.data() + lost("http_response_incomplete"), "http_response_incomplete", "truncated"},
      {"a reset behind a whole event without its blank line", {say(kWord), say(kWord.substr(0, kWord.size() - 2), 1s), reset(1s)}, "", text({kWord, kWord}) + lost("http_response_incomplete"), "http_response_incomplete", "truncated"},
      {"a reset behind the terminator tells a whole answer nothing", {say(kWord), say(kDone, 1s), reset(1s)}, "", text({kWord, kDone}), "http_response_incomplete", "truncated"},
      {"silence", {say(kWord), hang()}, "", kWord.data() + lost("connection_read_timeout"), "connection_read_timeout", "timeout"},
      {"the last blank line missing", {say(kWord), say("data: [DONE]\n", 1s)}, "", text({kWord, kDone}), "clean", "ok"},
      {"the last line's end missing", {say(kWord), say("data: [DONE]", 1s)}, "", text({kWord, kDone}), "clean", "ok"},
      {"CRLF, a mark, comments and data in lines",
       {say("\xEF\xBB\xBF: hello\r\n\r\ndata: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n")}, "",
       "\xEF\xBB\xBF: hello\r\n\r\ndata: {\"choices\":\r\ndata: [{\"delta\":{\"content\":\"a\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n", "clean", "ok"},
      {"keep-alive only, then the end", {say(kPing), say(kPing, 10s), say(kPing, 10s)}, "stream_truncated", "", "", "truncated"},
  };
  // clang-format on
}

TEST(StreamIntegrity, GivesEveryFaultItsVerdictAndNoLostAnswerACleanEnd) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const Delivered got = deliver(stream(row.upstream));
    EXPECT_EQ(got.failed, row.failed);
    EXPECT_EQ(got.bytes, row.client);
    EXPECT_EQ(got.end, row.end);
    EXPECT_EQ(got.attempts, std::vector<std::string>{row.verdict});
    EXPECT_TRUE(got.ready_was_true);
    if (!row.failed.empty()) EXPECT_EQ(got.phase, Phase::kAnswered);
  }
}

// Both are all that the client sees of the split: the same bytes and the same end.
TEST(StreamIntegrity, DoesTheSameHoweverTheBytesAreSplit) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    for (const std::size_t size : {1, 2, 5, 17, 64}) {
      SCOPED_TRACE(size);
      std::vector<Step> steps;
      for (const Step& step : row.upstream) {
        if (step.bytes.empty()) steps.push_back(step);
        for (std::size_t at = 0; at < step.bytes.size(); at += size) {
          const Duration after = at == 0 ? step.after : Duration{at % 3 == 0 ? 1ms : 0ms};
          steps.push_back(say(std::string_view(step.bytes).substr(at, size), after));
        }
      }
      const Delivered got = deliver(stream(steps));
      EXPECT_EQ(got.failed, row.failed);
      EXPECT_EQ(got.bytes, row.client);
      EXPECT_EQ(got.end, row.end);
      EXPECT_EQ(got.attempts, std::vector<std::string>{row.verdict});
      EXPECT_TRUE(got.ready_was_true);
    }
  }
}

TEST(StreamIntegrity, HoldsTheHeadUntilTheFirstEventThatSaysSomething) {
  const Delivered got =
      deliver(stream({say(kRole, 1s), say(kPing, 5s), say(kWord, 2s), say(kDone, 9s)}));
  EXPECT_EQ(got.head_after, 8s);
  EXPECT_EQ(got.answered_after, Duration{8s});
  EXPECT_EQ(got.at_head, Verdict::kOk);
  EXPECT_TRUE(got.judged_at_head);
  EXPECT_FALSE(got.concluded_at_head);
}

TEST(StreamIntegrity, ConcludesAFailedAttemptBeforeItsAnswerIsReturned) {
  const Delivered got = deliver(stream({say(kRole, 1s), say(kError, 1s), hang()}));
  EXPECT_EQ(got.head_after, 2s);
  EXPECT_EQ(got.at_head, Verdict::kThrottled);
  EXPECT_TRUE(got.concluded_at_head);
  EXPECT_EQ(got.error, "rate_limit_exceeded");
}

TEST(StreamIntegrity, CommitsWhatExceedsTheWindow) {
  Script script = stream({});
  script.policies.commit.max_bytes = 100;
  for (int i = 0; i < 20; ++i) script.body.push_back(say(kPing, 1s));
  script.body.push_back(say(text({kWord, kDone})));
  const Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 13s);  // 8 bytes a ping
  EXPECT_EQ(got.end, "clean");
  EXPECT_EQ(got.attempts, std::vector<std::string>{"ok"});
}

TEST(StreamIntegrity, HoldsNothingUntilTheHead) {
  Script script = stream({say(kRole, 1s), end_cleanly(1s)});
  script.policies.commit.until = config::CommitUntil::kHead;
  const Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 0s);
  EXPECT_EQ(got.bytes, kRole.data() + lost());
  EXPECT_EQ(got.end, "stream_truncated");
}

TEST(StreamIntegrity, HoldsAWholeStreamWhereTheRouteSaysSo) {
  Script script = stream({say(kWord, 1s), say(kStop, 1s), end_cleanly(1s)});
  script.policies.commit.until = config::CommitUntil::kOnComplete;
  Delivered got = deliver(script);
  EXPECT_EQ(got.head_after, 3s);
  EXPECT_EQ(got.bytes, text({kWord, kStop}));
  EXPECT_EQ(got.end, "clean");
  EXPECT_TRUE(got.concluded_at_head);

  script.body = {say(kWord, 1s), reset(1s)};
  got = deliver(script);
  EXPECT_EQ(got.failed, "http_response_incomplete");
  EXPECT_EQ(got.phase, Phase::kAnswered);

  script.body = {say(kWord, 1s), end_cleanly(1s)};
  EXPECT_EQ(deliver(script).failed, "stream_truncated");

  script.body = {say(kWord, 1s), say(kError, 1s), hang()};
  got = deliver(script);
  EXPECT_EQ(got.at_head, Verdict::kThrottled);
  EXPECT_TRUE(got.concluded_at_head);

  script.body = {say(kWord, 1s), say(kWord, 1s), say(kWord, 1s), say(kDone, 1s)};
  script.policies.commit.max_answer = kWord.size() + 1;  // then it is committed as it is
  got = deliver(script);
  EXPECT_EQ(got.head_after, 2s);
  EXPECT_EQ(got.end, "clean");
}

TEST(StreamIntegrity, TimesTheFirstEventFromTheRequestsLastByte) {
  Script script = stream({say(kRole, 1s), say(kPing, 5s), hang()});
  script.policies.timeouts.first_event = 20s;
  Delivered got = deliver(script);
  EXPECT_EQ(got.failed, "first_event_timeout");
  EXPECT_EQ(got.head_after, 20s);
  EXPECT_EQ(got.phase, Phase::kAnswered);
  EXPECT_EQ(got.attempts, std::vector<std::string>{"timeout"});

  script.policies.timeouts.first_event_per_mib = 10s;
  script.request_bytes = 3 * 1024 * 1024;
  EXPECT_EQ(deliver(script).head_after, 50s);
}

TEST(StreamIntegrity, LeavesAStreamThatHasBegunToItsOtherTimers) {
  Script script = stream({say(kWord, 1s), say(kWord, 50s), say(kDone, 50s)});
  script.policies.timeouts.first_event = 20s;
  EXPECT_EQ(deliver(script).end, "clean");
}

// The pings keep the gap from firing.
TEST(StreamIntegrity, EndsATrickle) {
  Script script = stream({say(kWord)});
  script.policies.timeouts.progress = config::Progress{.events = 5, .per = 60s};
  for (int i = 0; i < 100; ++i) script.body.push_back(say(kPing, 10s));
  const Delivered got = deliver(script);
  EXPECT_TRUE(got.bytes.ends_with(lost("stream_stalled")));
  EXPECT_EQ(got.end, "stream_stalled");
  EXPECT_EQ(got.attempts, std::vector<std::string>{"timeout"});
}

TEST(StreamIntegrity, LetsAStreamLiveThatKeepsTheLeastPace) {
  Script script = stream({say(kWord)});
  script.policies.timeouts.progress = config::Progress{.events = 5, .per = 60s};
  for (int i = 0; i < 100; ++i) script.body.push_back(say(kWord, 11s));
  script.body.push_back(say(kDone, 11s));
  EXPECT_EQ(deliver(script).end, "clean");
}

TEST(StreamIntegrity, SaysNothingOfTheUpstreamWhenTheClientLeaves) {
  Script script = stream({say(kRole, 1s), say(kWord, 1s), hang()});
  script.client_leaves = 1500ms;
  Delivered got = deliver(script);
  EXPECT_EQ(got.failed, "client_gone");
  EXPECT_EQ(got.attempts, std::vector<std::string>{"cancelled"});

  script.client_leaves = 10s;
  got = deliver(script);
  EXPECT_EQ(got.bytes, text({kRole, kWord}));
  EXPECT_EQ(got.end, "client_gone");
  EXPECT_EQ(got.attempts, std::vector<std::string>{"cancelled"});

  script.client_leaves.reset();
  script.reads = 1;
  EXPECT_EQ(deliver(script).attempts, std::vector<std::string>{"cancelled"});
}

TEST(StreamIntegrity, DropsTheLengthOfAStreamThatItMayHaveToAddTo) {
  Script script = stream({});
  script.whole = text({kWord, "data: [DONE]"});
  script.headers.emplace_back("Content-Length", std::to_string(script.whole->size()));
  Delivered got = deliver(script);
  EXPECT_EQ(got.bytes, text({kWord, kDone}));
  EXPECT_FALSE(got.content_length);
  EXPECT_FALSE(got.length);
  EXPECT_EQ(got.end, "clean");

  script.whole = std::string(kWord);
  EXPECT_EQ(deliver(script).end, "stream_truncated");
}

TEST(StreamIntegrity, PassesAnEventThatIsTooLargeToKeep) {
  const std::string large = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
                            std::string(1024 * 1024, 'x') + "\"}}]}\n\n";
  std::vector<Step> steps = {say(kWord)};
  for (std::size_t at = 0; at < large.size(); at += 16000) {
    steps.push_back(say(std::string_view(large).substr(at, 16000), 1ms));
  }
  std::vector<Step> whole = steps;
  whole.push_back(say(kDone, 1s));
  Delivered got = deliver(stream(whole));
  EXPECT_EQ(got.bytes, kWord.data() + large + kDone.data());
  EXPECT_EQ(got.end, "clean");

  // Cut in its middle: its line is ended, so that the error event stands on its own.
  steps.resize(20);
  steps.push_back(reset(1s));
  got = deliver(stream(steps));
  EXPECT_TRUE(got.bytes.ends_with("x\n" + lost("http_response_incomplete")));
  EXPECT_EQ(got.end, "http_response_incomplete");
}

TEST(StreamIntegrity, SpeaksTheDialectOfTheStream) {
  const std::string anthropic =
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\"}\n\n";
  Delivered got = deliver(stream({say(anthropic), end_cleanly()}, config::Dialect::kAuto));
  EXPECT_EQ(got.bytes, anthropic + lost("stream_truncated", http::Dialect::kAnthropic));

  const std::string line = "{\"response\":\"a\",\"done\":false}\n";
  got = deliver(stream({say(line), end_cleanly()}, config::Dialect::kAuto, "application/x-ndjson"));
  EXPECT_EQ(got.bytes, line + lost("stream_truncated", http::Dialect::kNdjson));
}

// Without a dialect there is nothing to add, nothing to hold and nothing to cut.
TEST(StreamIntegrity, PassesAPlainStreamUntouched) {
  const std::string bytes = text({kRole, kError, "data: half"});
  const Delivered got = deliver(stream({say(bytes, 1s)}, config::Dialect::kNone));
  EXPECT_EQ(got.head_after, 0s);
  EXPECT_EQ(got.bytes, bytes);
  EXPECT_EQ(got.end, "clean");
  EXPECT_EQ(got.attempts, std::vector<std::string>{"ok"});
  EXPECT_EQ(deliver(stream({say(bytes), reset()}, config::Dialect::kNone)).attempts,
            std::vector<std::string>{"truncated"});
}

// Any bytes: a stream that ends cleanly gave what came, but for the blank line that was missing.
TEST(StreamIntegrity, ChangesNoByteOfAStreamThatIsWhole) {
  const std::vector<std::string_view> parts = {
      kRole,     kWord,         kStop, kDone,       kPing,        "\r\n",
      "\n",      "data: x\n\n", ":\n", "id: 1\n\n", "retry: 5\n", "\xEF\xBB\xBF",
      "data:\r", "event: a\n",  "{",   "\0\x80"};
  for (unsigned seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    std::string bytes;
    for (unsigned i = random() % 8; i > 0; --i) bytes += parts[random() % parts.size()];
    if (seed % 2 == 0) bytes += text({kWord, kDone});
    std::vector<Step> steps;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 1 + random() % 40;
      steps.push_back(say(std::string_view(bytes).substr(at, size), random() % 2 * 1ms));
      at += size;
    }
    const auto dialect = seed % 3 == 0 ? config::Dialect::kSse : config::Dialect::kOpenai;
    const Delivered got = deliver(stream(steps, dialect));
    EXPECT_TRUE(got.ready_was_true);
    ASSERT_EQ(got.attempts.size(), 1u);
    if (got.end == "clean") {
      EXPECT_TRUE(got.bytes.starts_with(bytes));
      const std::string_view added = std::string_view(got.bytes).substr(bytes.size());
      EXPECT_TRUE(added.empty() || added == "\n" || added == "\n\n") << added;
    } else {
      EXPECT_NE(got.attempts.front(), "ok");
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
