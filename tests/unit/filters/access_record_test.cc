// One line of the access log, for programs and for a terminal.
#include "filters/observe/access_record.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

AccessRecord example(const SocketAddress& client) {
  AccessRecord record;
  record.timestamp = "2026-01-31T23:59:59.123456Z";
  record.request_id = "01ARYZ6S41TSV4RRFFQ69G5FAV";
  record.client = &client;
  record.mode = "base_url";
  record.method = "POST";
  record.host = "127.0.0.1:4170";
  record.target = "/openai/v1/chat/completions";
  record.upstream = "openai";
  record.route = "_default";
  record.status = 200;
  record.source = "upstream";
  record.total = 1812345us;
  record.http_version = "1.1";
  return record;
}

std::string json(const AccessRecord& record) {
  std::string out;
  append_json(out, record);
  return out;
}

TEST(AccessRecord, WritesAPlainRequest) {
  const auto client = *SocketAddress::parse("10.1.2.3", 40000);
  AccessRecord record = example(client);
  Attempt attempt;
  attempt.endpoint = "api.openai.com:443";
  attempt.status = 200;
  attempt.started = TimePoint{1ms};
  attempt.ended = TimePoint{301ms};
  record.attempts = {&attempt, 1};
  record.first_byte = 301200us;
  record.overhead = 1200us;
  record.bytes_in = 350;
  record.bytes_out = 1024;
  record.chunks = 1;
  record.user_agent = "OpenAI/JS \"6\"";
  record.auth_present = true;
  EXPECT_EQ(
      json(record),
      R"({"ts":"2026-01-31T23:59:59.123456Z","level":"info","msg":"request","logger":"access",)"
      R"("request_id":"01ARYZ6S41TSV4RRFFQ69G5FAV","client_addr":"10.1.2.3:40000",)"
      R"("mode":"base_url","method":"POST","host":"127.0.0.1:4170",)"
      R"("path":"/openai/v1/chat/completions","upstream":"openai","route":"_default",)"
      R"("status":200,"source":"upstream","attempts":1,)"
      R"("attempt_log":[{"n":1,"addr":"api.openai.com:443","status":200,"dur_ms":300.000}],)"
      R"("dur_ms":1812.345,"ttfb_ms":301.200,"overhead_ms":1.200,)"
      R"("bytes_in":350,"bytes_out":1024,"http_version":"1.1",)"
      R"("user_agent":"OpenAI/JS \"6\"","auth_present":true})"
      "\n");
}

TEST(AccessRecord, TellsEachAttemptOfAFailure) {
  const auto client = *SocketAddress::parse("::1", 1);
  AccessRecord record = example(client);
  std::array<Attempt, 2> attempts;
  attempts[0] = {.endpoint = "a:1",
                 .failed = true,
                 .code = Errc::kConnect,
                 .phase = Phase::kNoConnection,
                 .reason = "connection_refused",
                 .started = TimePoint{0ms},
                 .ended = TimePoint{2ms}};
  attempts[1] = {.endpoint = "b:2",
                 .failed = true,
                 .reused_connection = true,
                 .code = Errc::kReset,
                 .phase = Phase::kFullyWritten,
                 .reason = "",
                 .started = TimePoint{5ms},
                 .ended = TimePoint{9ms}};
  record.attempts = attempts;
  record.status = 502;
  record.source = "proxy";
  record.why = "connection_terminated";
  const std::string line = json(record);
  EXPECT_NE(line.find(R"("client_addr":"[::1]:1")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("why":"connection_terminated","attempts":2,"attempt_log":[)"
                      R"({"n":1,"addr":"a:1","status":0,"error":"connection_refused","phase":"P0",)"
                      R"("reason":"connection_refused","dur_ms":2.000},)"
                      R"({"n":2,"addr":"b:2","status":0,"error":"connection_terminated",)"
                      R"("phase":"P3","dur_ms":4.000,"wait_ms":3.000,"reused":true}])"),
            std::string::npos)
      << line;
}

TEST(AccessRecord, TellsTheVerdictsAndWhyNoOtherAttemptFollowed) {
  const auto client = *SocketAddress::parse("10.1.2.3", 1);
  AccessRecord record = example(client);
  std::array<Attempt, 3> attempts;
  attempts[0] = {.endpoint = "a:1",
                 .status = 429,
                 .phase = Phase::kAnswered,
                 .reason = "",
                 .started = TimePoint{0ms},
                 .ended = TimePoint{2ms},
                 .verdict = Verdict::kThrottled,
                 .judged = true,
                 .error = "rate_limit_exceeded"};
  attempts[1] = {.endpoint = "a:1",
                 .failed = true,
                 .code = Errc::kReset,
                 .phase = Phase::kFullyWritten,
                 .reason = "connection_terminated",
                 .started = TimePoint{22ms},
                 .ended = TimePoint{23ms},
                 .verdict = Verdict::kTransient,
                 .judged = true,
                 .stop = "unsafe"};
  attempts[2] = {.endpoint = "a:1",
                 .status = 200,
                 .phase = Phase::kAnswered,
                 .reason = "",
                 .started = TimePoint{23ms},
                 .ended = TimePoint{24ms},
                 .verdict = Verdict::kOk,
                 .judged = true,
                 .probe = true};
  record.started = TimePoint{};
  record.attempts = attempts;
  record.replay_lost = "body_over_buffer";
  const std::string line = json(record);
  EXPECT_NE(
      line.find(R"({"n":1,"addr":"a:1","status":429,"verdict":"throttled",)"
                R"("error":"rate_limit_exceeded","phase":"P4","dur_ms":2.000},)"
                R"({"n":2,"addr":"a:1","status":0,"verdict":"transient",)"
                R"("error":"connection_terminated","phase":"P3","reason":"connection_terminated",)"
                R"("dur_ms":1.000,"wait_ms":20.000,"stop":"unsafe"},)"
                R"({"n":3,"addr":"a:1","status":200,"verdict":"ok","dur_ms":1.000,"wait_ms":0.000,)"
                R"("probe":true}],"replay_lost":"body_over_buffer")"),
      std::string::npos)
      << line;
}

TEST(AccessRecord, NeverHoldsCredentialsFromTheQuery) {
  const auto client = *SocketAddress::parse("10.1.2.3", 1);
  AccessRecord record = example(client);
  record.target = "/gemini/v1beta/models?key=AIzaSecret&alt=sse";
  std::string text;
  append_text(text, record);
  for (const std::string& line : {json(record), text}) {
    EXPECT_EQ(line.find("AIza"), std::string::npos) << line;
    EXPECT_NE(line.find("key=REDACTED&alt=sse"), std::string::npos) << line;
  }
}

TEST(AccessRecord, IsOneValidLineWhateverAClientSends) {
  const auto client = *SocketAddress::parse("10.1.2.3", 1);
  AccessRecord record = example(client);
  const std::string long_text(5000, 'u');
  record.target = "/\"\xff\x1b[31m";
  record.user_agent = long_text;
  const std::string line = json(record);
  EXPECT_NE(line.find(R"("path":"/\"\ufffd\u001b[31m")"), std::string::npos) << line;
  EXPECT_LT(line.size(), 1200U);
  std::string text;
  append_text(text, record);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(AccessRecord, WritesAReadableLineForATerminal) {
  const auto client = *SocketAddress::parse("10.1.2.3", 1);
  AccessRecord record = example(client);
  record.why = "http_response_timeout";
  record.status = 504;
  std::string text;
  append_text(text, record);
  EXPECT_EQ(text,
            "23:59:59.123 504 POST /openai/v1/chat/completions 1812.345ms upstream=openai "
            "source=upstream why=http_response_timeout id=01ARYZ6S41TSV4RRFFQ69G5FAV\n");
}

// W3C Trace Context 3.2.
TEST(AccessRecord, TellsATerminalWhatPoliciesInShadowWouldHaveDone) {
  const auto client = *SocketAddress::parse("10.1.2.3", 1);
  AccessRecord record = example(client);
  const std::array<Would, 3> would = {{{config::Shadowed::kHedge, "hedge"},
                                       {config::Shadowed::kHedge, "hedge"},
                                       {config::Shadowed::kLoopGuard, "refuse"}}};
  record.would_have = would;
  std::string line;
  append_text(line, record);
  EXPECT_NE(line.find(" would_have=hedge:hedge would_have=loop_guard:refuse id="),
            std::string::npos)
      << line;
}

TEST(AccessRecord, TakesTheTraceIdOnlyFromAValidTraceparent) {
  constexpr std::string_view kId = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(trace_id_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), kId);
  EXPECT_EQ(trace_id_of("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"), kId);
  for (const std::string_view bad :
       {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_EQ(trace_id_of(bad), "") << bad;
  }
}

}  // namespace
}  // namespace outrigger::filters
