#include "proxy/http/h1_framing.h"

#include <gtest/gtest.h>

#include <string>

#include "proxy/http/h1_parser.h"

namespace outrigger::http {
namespace {

using Kind = BodyFraming::Kind;

RequestHead request(const std::string& line, const std::string& fields) {
  const std::string bytes = line + "\r\nHost: a.test\r\n" + fields + "\r\n";
  RequestParser parser({});
  EXPECT_EQ(parser.parse(bytes), Progress::kComplete) << parser.refusal().code;
  return parser.take(Slice::copy(bytes));
}

ResponseHead response(const std::string& line, const std::string& fields) {
  const std::string bytes = line + "\r\n" + fields + "\r\n";
  ResponseParser parser({});
  EXPECT_EQ(parser.parse(bytes), Progress::kComplete) << parser.refusal().code;
  return parser.take(Slice::copy(bytes));
}

TEST(RequestFraming, FollowsTheFieldsAndNothingElse) {
  const auto framing = [](const std::string& fields) {
    return *request_framing(request("POST / HTTP/1.1", fields));
  };
  EXPECT_EQ(framing(""), (BodyFraming{Kind::kNone, 0}));
  EXPECT_EQ(framing("Content-Length: 0\r\n"), (BodyFraming{Kind::kLength, 0}));
  EXPECT_EQ(framing("Content-Length: 007\r\n"), (BodyFraming{Kind::kLength, 7}));
  EXPECT_EQ(framing("Transfer-Encoding: Chunked\r\n"), (BodyFraming{Kind::kChunked, 0}));
}

TEST(ResponseFraming, FollowsTheRequestThenTheStatusThenTheFields) {
  struct Row {
    const char* line;
    const char* fields;
    Method method;
    BodyFraming expected;
    const char* source;
  };
  const char* length = "Content-Length: 5\r\n";
  const char* chunked = "Transfer-Encoding: chunked\r\n";
  const Row rows[] = {
      {"HTTP/1.1 200 OK", length, Method::kGet, {Kind::kLength, 5}, "RFC 9112 6.3, 6"},
      {"HTTP/1.1 200 OK", chunked, Method::kGet, {Kind::kChunked, 0}, "RFC 9112 6.3, 4"},
      {"HTTP/1.1 200 OK", "", Method::kGet, {Kind::kUntilClose, 0}, "RFC 9112 6.3, 8"},
      {"HTTP/1.0 200 OK", "", Method::kGet, {Kind::kUntilClose, 0}, "RFC 9112 6.3, 8"},
      {"HTTP/1.1 205 Reset Content", "", Method::kGet, {Kind::kUntilClose, 0}, "RFC 9110 15.3.6"},
      {"HTTP/1.1 200 OK", length, Method::kHead, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 200 OK", chunked, Method::kHead, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 200 OK", "", Method::kHead, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 204 No Content", "", Method::kGet, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 204 No Content", length, Method::kGet, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 204 No Content", chunked, Method::kGet, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 304 Not Modified", length, Method::kGet, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 304 Not Modified", chunked, Method::kGet, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 100 Continue", "", Method::kPost, {}, "RFC 9112 6.3, 1"},
      {"HTTP/1.1 101 Switching Protocols", "", Method::kGet, {}, "RFC 9110 15.2.2"},
      {"HTTP/1.1 200 OK", length, Method::kConnect, {}, "RFC 9112 6.3, 2"},
      {"HTTP/1.1 299 OK", chunked, Method::kConnect, {}, "RFC 9112 6.3, 2"},
      {"HTTP/1.1 403 Forbidden", length, Method::kConnect, {Kind::kLength, 5}, "RFC 9110 9.3.6"},
  };
  for (const Row& row : rows) {
    const auto framing = response_framing(response(row.line, row.fields), row.method);
    ASSERT_TRUE(framing) << row.line << " " << row.fields;
    EXPECT_EQ(*framing, row.expected) << row.line << " " << row.fields << row.source;
  }
}

TEST(ResponseFraming, IsCheckedEvenWhereThereIsNoBody) {
  const std::string both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
  EXPECT_EQ(response_framing(response("HTTP/1.1 304 x", both), Method::kGet).error().status, 502);
  EXPECT_EQ(response_framing(response("HTTP/1.1 200 x", both), Method::kHead).error().status, 502);
  EXPECT_TRUE(response_framing(response("HTTP/1.1 200 x", both), Method::kConnect));
}

TEST(KeepAlive, OfARequestFollowsVersionAndConnection) {
  const auto keeps = [](const std::string& version, const std::string& fields) {
    return keep_alive(request("GET / " + version, fields));
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: X-A, CLOSE\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_TRUE(keeps("HTTP/1.1", "Connection: closed\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive, close\r\n"));
}

TEST(KeepAlive, OfAResponseNeedsAnEndThatIsSure) {
  const BodyFraming length{Kind::kLength, 5};
  EXPECT_TRUE(keep_alive(response("HTTP/1.1 200 OK", ""), length));
  EXPECT_FALSE(keep_alive(response("HTTP/1.1 200 OK", ""), {Kind::kUntilClose, 0}));
  EXPECT_FALSE(keep_alive(response("HTTP/1.1 200 OK", "Connection: close\r\n"), length));
  EXPECT_FALSE(keep_alive(response("HTTP/1.0 200 OK", ""), length));
  EXPECT_TRUE(keep_alive(response("HTTP/1.0 200 OK", "Connection: keep-alive\r\n"), length));
  EXPECT_TRUE(keep_alive(response("HTTP/1.1 204 x", "Content-Length: 0\r\n"), {}));
  EXPECT_FALSE(keep_alive(response("HTTP/1.1 204 x", "Content-Length: 5\r\n"), {}));
  EXPECT_FALSE(keep_alive(response("HTTP/1.1 204 x", "Transfer-Encoding: chunked\r\n"), {}));
  EXPECT_TRUE(keep_alive(response("HTTP/1.1 304 x", "Content-Length: 5\r\n"), {}));
}

TEST(Expectation, IsOnlyForClientsThatKnowInterimAnswers) {
  EXPECT_TRUE(expects_continue(request("POST / HTTP/1.1", "Expect: 100-Continue\r\n")));
  EXPECT_FALSE(expects_continue(request("POST / HTTP/1.0", "Expect: 100-continue\r\n")));
  EXPECT_FALSE(expects_continue(request("POST / HTTP/1.1", "")));
}

}  // namespace
}  // namespace outrigger::http
