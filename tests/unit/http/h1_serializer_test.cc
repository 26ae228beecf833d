#include "proxy/http/h1_serializer.h"

#include <gtest/gtest.h>

#include <string>

namespace outrigger::http {
namespace {

using Kind = BodyFraming::Kind;
using Option = ConnectionOption;

RequestHead get() {
  RequestHead head;
  head.method_text = "GET";
  head.target = "/x?y";
  head.authority = "a.test:8080";
  return head;
}

std::string written(const RequestHead& head, BodyFraming framing = {},
                    Option option = Option::kKeepAlive) {
  Buffer out;
  const Status status = write_request(out, head, framing, option);
  if (!status) return "refused: " + std::string(status.error().reason);
  return std::string(out.view());
}

std::string written(const ResponseHead& head, BodyFraming framing,
                    Option option = Option::kKeepAlive, Version client = Version::kHttp11) {
  Buffer out;
  const Status status = write_response(out, head, framing, option, client);
  if (!status) return "refused: " + std::string(status.error().reason);
  return std::string(out.view());
}

ResponseHead answer(int code) {
  ResponseHead head;
  head.status = code;
  return head;
}

TEST(WriteRequest, PutsHostFirstUnlessTheFieldsHaveIt) {
  RequestHead head = get();
  head.headers.add("Accept", "*/*");
  EXPECT_EQ(written(head), "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\nAccept: */*\r\n\r\n");
  head.headers.add("host", "b.test");
  EXPECT_EQ(written(head), "GET /x?y HTTP/1.1\r\nAccept: */*\r\nhost: b.test\r\n\r\n");
}

TEST(WriteRequest, WritesOneLengthFromTheFraming) {
  RequestHead head = get();
  head.headers.add("content-length", "99");
  head.headers.add("X-A", "b");
  head.headers.add("Content-Length", "98");
  EXPECT_EQ(written(head, {Kind::kLength, 7}),
            "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\ncontent-length: 7\r\nX-A: b\r\n\r\n");
  EXPECT_EQ(written(head, {}), "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\nX-A: b\r\n\r\n");
  EXPECT_EQ(
      written(head, {Kind::kChunked, 0}),
      "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(written(get(), {Kind::kLength, 0}),
            "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\nContent-Length: 0\r\n\r\n");
}

TEST(WriteRequest, GeneratesConnectionFieldsAndCopiesNone) {
  RequestHead head = get();
  for (const char* name : {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding",
                           "Upgrade", "HTTP2-Settings", "Trailer"}) {
    head.headers.add(name, "x");
  }
  const std::string start = "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\n";
  EXPECT_EQ(written(head), start + "\r\n");
  EXPECT_EQ(written(head, {}, Option::kClose), start + "Connection: close\r\n\r\n");
  head.protocol = "websocket";
  EXPECT_EQ(written(head, {}, Option::kUpgrade),
            start + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  head.headers.add("te", "trailers");
  EXPECT_EQ(written(head), start + "te: trailers\r\nConnection: TE\r\n\r\n");
  EXPECT_EQ(written(head, {}, Option::kClose),
            start + "te: trailers\r\nConnection: close, TE\r\n\r\n");
}

TEST(WriteRequest, JoinsTheCookieCrumbsOfHttp2) {
  RequestHead head = get();
  head.version = Version::kHttp2;
  head.headers.add("cookie", "a=1");
  head.headers.add("X-A", "b");
  head.headers.add("cookie", "c=2");
  EXPECT_EQ(written(head),
            "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\ncookie: a=1; c=2\r\nX-A: b\r\n\r\n");
}

TEST(WriteRequest, PassesTheCookieFieldsOfHttp1AsTheyAre) {
  RequestHead head = get();
  head.headers.add("Cookie", "a=1");
  head.headers.add("cookie", "c=2");
  EXPECT_EQ(written(head),
            "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\nCookie: a=1\r\ncookie: c=2\r\n\r\n");
}

TEST(WriteRequest, LetsEmptyCookieCrumbsAddNothingToOthers) {
  RequestHead head = get();
  head.version = Version::kHttp2;
  for (const char* value : {"", "a=1", ""}) head.headers.add("Cookie", value);
  EXPECT_EQ(written(head), "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\nCookie: a=1\r\n\r\n");
  head = get();
  head.version = Version::kHttp2;
  head.headers.add("cookie", "");
  EXPECT_EQ(written(head), "GET /x?y HTTP/1.1\r\nHost: a.test:8080\r\ncookie: \r\n\r\n");
}

// architecture 9, rule 4: no filter and no configuration can split a message.
TEST(WriteRequest, RefusesWhateverWouldSplitTheMessage) {
  const std::string nul("a\0b", 3);
  struct Field {
    std::string name, value;
  };
  for (const auto& [name, value] :
       {Field{"X-A", "b\r\nX: y"}, Field{"X-A", "b\n"}, Field{"X-A", "b\rc"}, Field{"X-A", nul},
        Field{"X-A\r\nX", "b"}, Field{"X A", "b"}, Field{"", "b"}, Field{":path", "/"},
        Field{"X-A:", "b"}, Field{"Cookie", "a\r\nb"}, Field{"Host", "a\nb"}}) {
    RequestHead head = get();
    head.headers.add(name, value);
    EXPECT_EQ(written(head), "refused: unsafe_field") << name << " = " << value;
  }
  for (const std::string target :
       {"", "/a b", "/a\r\nX: y", "/\n", "/#f", "x", "http://a/", "/\x80"}) {
    RequestHead head = get();
    head.target = target;
    EXPECT_EQ(written(head), "refused: unsafe_field") << target;
  }
  for (const std::string method : {"", "G T", "GET\r\n"}) {
    RequestHead head = get();
    head.method_text = method;
    EXPECT_EQ(written(head), "refused: unsafe_field") << method;
  }
  RequestHead head = get();
  head.authority = "a\r\nb";
  EXPECT_EQ(written(head), "refused: unsafe_field");
  EXPECT_EQ(written(get(), {}, Option::kUpgrade), "refused: unsafe_field");
}

TEST(WriteRequest, RefusesAFieldThatHidesItsName) {
  RequestHead head = get();
  head.headers.add_view(HeaderId::kOther, "transfer-encoding", "chunked");
  EXPECT_EQ(written(head), "refused: unsafe_field");
}

TEST(WriteRequest, RefusesASecondHost) {
  RequestHead head = get();
  head.headers.add("Host", "a");
  head.headers.add("Host", "a");
  EXPECT_EQ(written(head), "refused: unsafe_field");
}

TEST(WriteRequest, LeavesTheBufferAsItWasWhenItRefuses) {
  Buffer out;
  out.append("before");
  RequestHead head = get();
  head.headers.add("X", "\n");
  EXPECT_FALSE(write_request(out, head, {}, Option::kKeepAlive));
  EXPECT_EQ(out.view(), "before");
}

TEST(WriteResponse, WritesStatusLineFieldsAndFraming) {
  ResponseHead head = answer(200);
  head.headers.add("content-length", "5");
  head.headers.add("Server", "x");
  EXPECT_EQ(written(head, {Kind::kLength, 5}),
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nServer: x\r\n\r\n");
  EXPECT_EQ(written(head, {Kind::kChunked, 0}),
            "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(written(head, {Kind::kUntilClose, 0}, Option::kClose),
            "HTTP/1.1 200 OK\r\nServer: x\r\nConnection: close\r\n\r\n");
}

TEST(WriteResponse, KeepsTheReasonOrTakesTheStandardOne) {
  ResponseHead head = answer(404);
  EXPECT_EQ(written(head, {}), "HTTP/1.1 404 Not Found\r\n\r\n");
  head.reason = "Gone fishing";
  EXPECT_EQ(written(head, {}), "HTTP/1.1 404 Gone fishing\r\n\r\n");
  EXPECT_EQ(written(answer(799), {}), "HTTP/1.1 799 \r\n\r\n");
}

TEST(WriteResponse, KeepsTheLengthOfAnAbsentBodyOnlyWhereItMeansSomething) {
  for (const auto& [status, kept] :
       {std::pair{200, true}, {304, true}, {204, false}, {103, false}}) {
    ResponseHead head = answer(status);
    head.reason = "x";
    head.headers.add("Content-Length", "5");
    const std::string line = "HTTP/1.1 " + std::to_string(status) + " x\r\n";
    EXPECT_EQ(written(head, {}), line + (kept ? "Content-Length: 5\r\n\r\n" : "\r\n")) << status;
  }
}

TEST(WriteResponse, TellsOldClientsAboutTheConnection) {
  EXPECT_EQ(written(answer(200), {Kind::kLength, 0}, Option::kKeepAlive, Version::kHttp10),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(written(answer(200), {Kind::kUntilClose, 0}, Option::kClose, Version::kHttp10),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(WriteResponse, NamesTheProtocolOfAnUpgrade) {
  ResponseHead head = answer(101);
  head.headers.add("Upgrade", "websocket");
  EXPECT_EQ(
      written(head, {}, Option::kUpgrade),
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(written(head, {}), "HTTP/1.1 101 Switching Protocols\r\n\r\n");
}

TEST(WriteResponse, RefusesWhateverWouldSplitTheMessage) {
  ResponseHead head = answer(200);
  head.reason = "OK\r\nX: y";
  EXPECT_EQ(written(head, {}), "refused: unsafe_field");
  EXPECT_EQ(written(answer(99), {}), "refused: unsafe_field");
  EXPECT_EQ(written(answer(1000), {}), "refused: unsafe_field");
  head = answer(200);
  head.headers.add("X-A", "b\r\n\r\n<html>");
  EXPECT_EQ(written(head, {}), "refused: unsafe_field");
  head = answer(200);
  head.headers.add("Content-Length", "5\r\nX: y");
  EXPECT_EQ(written(head, {}), "refused: unsafe_field");
}

TEST(WriteLastChunk, RefusesTrailersThatWouldSplitTheMessage) {
  Headers trailers;
  trailers.add("X-A", "b\r\n\r\nHTTP/1.1 200 OK");
  Buffer out;
  EXPECT_FALSE(write_last_chunk(out, &trailers));
  EXPECT_TRUE(out.empty());
  ASSERT_TRUE(write_last_chunk(out, nullptr));
  EXPECT_EQ(out.view(), kLastChunk);
}

}  // namespace
}  // namespace outrigger::http
