#include "filters/classify/answer_kind.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "filters/classify/answer_check.h"

namespace outrigger::filters {
namespace {

using config::CommitUntil;
using Kind = AnswerKind;
constexpr auto kNone = config::Dialect::kNone;
constexpr auto kOpenai = config::Dialect::kOpenai;
constexpr auto kJson = config::Dialect::kJson;
constexpr auto kGemini = config::Dialect::kGemini;

struct Row {
  int status;
  std::string_view type;
  config::Dialect dialect;
  CommitUntil until;
  Kind expected;
  std::string_view coding = {};
};

// clang-format off: a row is a case
constexpr Row kRows[] = {
    {200, "text/event-stream", kOpenai, CommitUntil::kFirstEvent, Kind::kEvents},
    {200, "Text/Event-Stream; charset=utf-8", kOpenai, CommitUntil::kHead, Kind::kEvents},
    {200, "text/event-stream", kOpenai, CommitUntil::kFirstEvent, Kind::kPlain, "gzip"},
    {200, "text/event-stream", kOpenai, CommitUntil::kFirstEvent, Kind::kEvents, "identity"},
    {200, "text/event-stream", kOpenai, CommitUntil::kOnComplete, Kind::kWhole, "gzip"},
    {200, "text/event-stream", kNone, CommitUntil::kFirstEvent, Kind::kPlain},
    {200, "application/x-ndjson", kOpenai, CommitUntil::kFirstEvent, Kind::kEvents},
    {200, "application/vnd.amazon.eventstream", kOpenai, CommitUntil::kFirstEvent, Kind::kEvents},
    {200, "application/json", kOpenai, CommitUntil::kFirstEvent, Kind::kWhole},
    {200, "application/json", kOpenai, CommitUntil::kHead, Kind::kPlain},
    {200, "application/json", kNone, CommitUntil::kFirstEvent, Kind::kPlain},
    {200, "application/json", kJson, CommitUntil::kFirstEvent, Kind::kWhole},
    {200, "application/json", kJson, CommitUntil::kHead, Kind::kPlain},
    {200, "text/event-stream", kJson, CommitUntil::kFirstEvent, Kind::kPlain},
    {200, "text/html", kJson, CommitUntil::kFirstEvent, Kind::kPlain},
    {200, "application/json", kNone, CommitUntil::kOnComplete, Kind::kWhole},
    {200, "audio/mpeg", kOpenai, CommitUntil::kFirstEvent, Kind::kPlain},
    {200, "audio/mpeg", kOpenai, CommitUntil::kOnComplete, Kind::kWhole},
    {200, "text/html", kOpenai, CommitUntil::kFirstEvent, Kind::kWrongType},
    {200, "text/html", kNone, CommitUntil::kFirstEvent, Kind::kPlain},
    {200, "application/grpc", kOpenai, CommitUntil::kFirstEvent, Kind::kGrpc},
    {204, "application/json", kOpenai, CommitUntil::kOnComplete, Kind::kPlain},
    {206, "application/json", kOpenai, CommitUntil::kFirstEvent, Kind::kPlain},
    {304, "application/json", kOpenai, CommitUntil::kFirstEvent, Kind::kPlain},
    {302, "text/html", kOpenai, CommitUntil::kFirstEvent, Kind::kPlain},
};
// clang-format on

TEST(AnswerKind, IsToldByTheHead) {
  for (const Row& row : kRows) {
    http::RequestHead request;
    request.method = http::Method::kPost;
    http::Response response;
    response.head.status = row.status;
    response.head.headers.add("Content-Type", row.type);
    if (!row.coding.empty()) response.head.headers.add("Content-Encoding", row.coding);
    config::Policies policies;
    policies.dialect = row.dialect;
    policies.commit.until = row.until;
    EXPECT_EQ(answer_kind(request, response, policies, false), row.expected)
        << row.status << ' ' << row.type;
    EXPECT_EQ(answer_kind(request, response, policies, true), Kind::kSuspect);
  }
}

TEST(AnswerKind, LetsPeopleHaveTheirPages) {
  http::RequestHead request;  // GET
  http::Response response;
  response.head.status = 200;
  response.head.headers.add("Content-Type", "text/html");
  config::Policies policies;
  policies.dialect = kGemini;
  EXPECT_EQ(answer_kind(request, response, policies, false), Kind::kPlain);
}

TEST(AnswerCheck, LooksIntoACompressedAnswer) {
  using namespace std::string_view_literals;
  constexpr std::string_view kWhole =
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x54\xb2\x8a\x36\xd4\x31\xd2\x31\x8e\xd5\x51\x2a\x49\xad\x28\x51\xb2\x52\xca\x48\xcd\xc9\xc9\x57\xc0\x20\x95\x6a\x01\x97\x6a\x09\x19\x2e\x00\x00\x00"sv;
  http::Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add("Content-Encoding", "gzip");
  EXPECT_EQ(find_defect(headers, kWhole), "");
  EXPECT_EQ(find_defect(headers, kWhole.substr(0, 30)), "truncated");
  SliceQueue pieces;
  pieces.push(Slice::literal(kWhole.substr(0, 10)));
  pieces.push(Slice::literal(kWhole.substr(10)));
  EXPECT_EQ(find_defect(headers, pieces), "");
  http::Headers unknown;
  unknown.add("Content-Type", "application/json");
  unknown.add("Content-Encoding", "compress");
  EXPECT_EQ(find_defect(unknown, "anything"), "");  // nothing can be told
}

}  // namespace
}  // namespace outrigger::filters
