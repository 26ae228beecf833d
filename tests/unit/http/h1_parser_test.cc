#include "proxy/http/h1_parser.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/http/h1_cases.h"

namespace outrigger::http {
namespace {

using namespace std::string_literals;

constexpr std::string_view kGet = "GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-B:  c d \r\n\r\n";

RequestHead parse_request(std::string_view bytes) {
  RequestParser parser({});
  EXPECT_EQ(parser.parse(bytes), Progress::kComplete) << parser.refusal().code;
  return parser.take(Slice::copy(bytes.substr(0, parser.size())));
}

TEST(RequestParser, GivesEveryMessageOfTheTableItsVerdict) {
  for (const H1Case& row : request_cases()) {
    const H1Verdict verdict = judge_request(row.bytes, {});
    EXPECT_EQ(verdict.status, row.status) << row.name << ", " << row.source;
    EXPECT_EQ(verdict.code, row.code) << row.name << ", " << row.source;
    EXPECT_NE(verdict.progress, Progress::kIncomplete) << row.name;
  }
}

TEST(ResponseParser, GivesEveryMessageOfTheTableItsVerdict) {
  for (const H1Case& row : response_cases()) {
    const H1Verdict verdict = judge_response(row.bytes, {});
    EXPECT_EQ(verdict.status, row.status) << row.name << ", " << row.source;
    EXPECT_EQ(verdict.code, row.code) << row.name << ", " << row.source;
    EXPECT_NE(verdict.progress, Progress::kIncomplete) << row.name;
  }
}

TEST(RequestTable, IsLargeAndNamesEachCaseOnce) {
  std::set<std::string> names;
  for (const H1Case& row : request_cases()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
  EXPECT_GE(names.size(), 250u);
}

TEST(RequestParser, TakesAHeadApart) {
  const RequestHead head = parse_request(kGet);
  EXPECT_EQ(head.method, Method::kGet);
  EXPECT_EQ(head.form, TargetForm::kOrigin);
  EXPECT_EQ(head.version, Version::kHttp11);
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_EQ(head.path(), "/a");
  EXPECT_EQ(head.authority, "a.test");
  EXPECT_EQ(head.scheme, "");
  ASSERT_EQ(head.headers.size(), 2u);
  EXPECT_EQ(head.headers.find(HeaderId::kHost)->name, "Host");
  EXPECT_EQ(head.headers.find("x-b")->value, "c d");
}

TEST(RequestParser, TakesTargetsApartByForm) {
  struct Row {
    std::string line;
    TargetForm form;
    std::string_view scheme, authority, target;
  };
  const Row rows[] = {
      {"GET http://a.test:80/x?y HTTP/1.1", TargetForm::kAbsolute, "http", "a.test:80", "/x?y"},
      {"GET HTTPS://a.test:80/ HTTP/1.1", TargetForm::kAbsolute, "HTTPS", "a.test:80", "/"},
      {"GET http://a.test:80 HTTP/1.1", TargetForm::kAbsolute, "http", "a.test:80", "/"},
      {"GET http://a.test:80?q=/ HTTP/1.1", TargetForm::kAbsolute, "http", "a.test:80", "/?q=/"},
      {"OPTIONS http://a.test:80 HTTP/1.1", TargetForm::kAbsolute, "http", "a.test:80", "*"},
      {"OPTIONS * HTTP/1.1", TargetForm::kAsterisk, "", "a.test:80", "*"},
      {"CONNECT a.test:80 HTTP/1.1", TargetForm::kAuthority, "", "a.test:80", "a.test:80"},
  };
  for (const Row& row : rows) {
    const RequestHead head = parse_request(row.line + "\r\nHost: a.test:80\r\n\r\n");
    EXPECT_EQ(head.form, row.form) << row.line;
    EXPECT_EQ(head.scheme, row.scheme) << row.line;
    EXPECT_EQ(head.authority, row.authority) << row.line;
    EXPECT_EQ(head.target, row.target) << row.line;
  }
}

TEST(RequestParser, KnowsTheProtocolsThatAClientAsksFor) {
  const std::string fields =
      " HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: ";
  EXPECT_EQ(parse_request("GET /" + fields + "websocket\r\n\r\n").protocol, "websocket");
  EXPECT_EQ(parse_request("GET /" + fields + "h2c\r\n\r\n").protocol, "");
  EXPECT_EQ(
      parse_request("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n").protocol,
      "");
}

TEST(RequestParser, AnswersPipelinedRequestsOneByOne) {
  const std::string second = "POST /2 HTTP/1.0\r\n\r\n";
  const std::string both = "\r\n" + std::string(kGet) + second;
  RequestParser parser({});
  ASSERT_EQ(parser.parse(both), Progress::kComplete);
  const std::size_t size = parser.size();
  EXPECT_EQ(size, kGet.size() + 2);
  EXPECT_EQ(parser.take(Slice::copy(both.substr(0, size))).target, "/a?b");
  EXPECT_FALSE(parser.started());
  const std::string rest = both.substr(size);
  ASSERT_EQ(parser.parse(rest), Progress::kComplete);
  EXPECT_EQ(parser.size(), second.size());
  const RequestHead head = parser.take(Slice::copy(rest));
  EXPECT_EQ(head.target, "/2");
  EXPECT_EQ(head.authority, "");
  EXPECT_TRUE(head.headers.empty());
}

TEST(RequestParser, HasNotStartedAtAnEmptyLine) {
  RequestParser parser({});
  EXPECT_EQ(parser.parse(""), Progress::kIncomplete);
  EXPECT_EQ(parser.parse("\r"), Progress::kIncomplete);
  EXPECT_FALSE(parser.started());
  EXPECT_EQ(parser.parse("\r\n"), Progress::kIncomplete);
  EXPECT_FALSE(parser.started());
  EXPECT_EQ(parser.parse("\r\nG"), Progress::kIncomplete);
  EXPECT_TRUE(parser.started());
}

TEST(RequestParser, RefusesAtTheFirstWrongByte) {
  const std::string bad = "GET / HTTP/1.1\r\nHost: a.test\r\nX A"s;
  RequestParser parser({});
  EXPECT_EQ(parser.parse(bad.substr(0, bad.size() - 2)), Progress::kIncomplete);
  EXPECT_EQ(parser.parse(bad), Progress::kRefused);
  EXPECT_EQ(parser.parse(bad), Progress::kRefused);
  EXPECT_EQ(parser.refusal().code, "space_in_field_name");
}

TEST(RequestParser, KeepsItsBoundsToTheByte) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n";
  const std::size_t line = std::string_view("GET / HTTP/1.1\r\n").size();
  const auto size = head.size();
  EXPECT_EQ(judge_request(head, {}, {size, line, 2}).progress, Progress::kComplete);
  EXPECT_EQ(judge_request(head, {}, {size - 1, line, 2}).code, "head_too_large");
  EXPECT_EQ(judge_request(head, {}, {size, line - 1, 2}).code, "target_too_long");
  EXPECT_EQ(judge_request(head, {}, {size, line, 1}).code, "too_many_fields");
  const std::string longer = "GET / HTTP/1.0\r\nX-Long: 12345678\r\n\r\n";
  EXPECT_EQ(judge_request(longer, {}, {100, 18, 2}).progress, Progress::kComplete);
  EXPECT_EQ(judge_request(longer, {}, {100, 17, 2}).code, "field_too_large");
}

TEST(ResponseParser, TakesAHeadApart) {
  const std::string bytes = "HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nbody";
  ResponseParser parser({});
  EXPECT_FALSE(parser.started());
  ASSERT_EQ(parser.parse(bytes), Progress::kComplete);
  EXPECT_TRUE(parser.started());
  EXPECT_EQ(parser.size(), bytes.size() - 4);
  const ResponseHead head = parser.take(Slice::copy(bytes.substr(0, parser.size())));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.version, Version::kHttp10);
  EXPECT_EQ(head.reason, "Not Found");
  EXPECT_EQ(head.headers.get(HeaderId::kServer), "x");
  ASSERT_EQ(parser.parse("HTTP/1.1 204\r\n\r\n"), Progress::kComplete);
  EXPECT_EQ(parser.take(Slice::literal("HTTP/1.1 204\r\n\r\n")).reason, "");
}

TEST(RequestParser, LeavesNoBlockBehind) {
  const std::size_t before = Block::live();
  {
    const RequestHead head = parse_request("GET http://a.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n");
  }
  EXPECT_EQ(Block::live(), before);
}

}  // namespace
}  // namespace outrigger::http
