#include "proxy/http/h2_headers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace outrigger::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void feed(H2HeadBuilder& builder, const Pairs& pairs) {
  builder.begin();
  for (const auto& [name, value] : pairs) builder.add(name, value);
}

Pairs sent(const H2Fields& fields) {
  Pairs pairs;
  for (const nghttp2_nv& nv : fields) {
    pairs.emplace_back(std::string(reinterpret_cast<const char*>(nv.name), nv.namelen),
                       std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen));
  }
  return pairs;
}

Pairs get(const Pairs& more = {}) {
  Pairs pairs{
      {":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/x?y"}};
  pairs.insert(pairs.end(), more.begin(), more.end());
  return pairs;
}

TEST(H2Headers, ReadsARequest) {
  H2HeadBuilder builder({});
  feed(builder, get({{"accept", "*/*"}}));
  RequestHead head;
  ASSERT_FALSE(builder.take(head));
  EXPECT_EQ(head.method, Method::kGet);
  EXPECT_EQ(head.version, Version::kHttp2);
  EXPECT_EQ(head.form, TargetForm::kOrigin);
  EXPECT_EQ(head.scheme, "https");
  EXPECT_EQ(head.authority, "a.test");
  EXPECT_EQ(head.target, "/x?y");
  EXPECT_EQ(head.headers.size(), 1U);
  EXPECT_EQ(head.headers.get(HeaderId::kAccept), "*/*");
}

TEST(H2Headers, JudgesRequestsAsStrictlyAsHttp1) {
  struct Row {
    const char* source;
    Pairs pairs;
    int status;  // 0: taken
  };
  const std::string long_method(33, 'A');
  const Row rows[] = {
      {"RFC 9113 8.3.1 CONNECT", {{":method", "CONNECT"}, {":authority", "a.test:443"}}, 0},
      {"RFC 8441 4 extended CONNECT",
       {{":method", "CONNECT"},
        {":protocol", "websocket"},
        {":scheme", "https"},
        {":path", "/"},
        {":authority", "a.test"}},
       0},
      {"RFC 9113 8.3.1 OPTIONS *",
       {{":method", "OPTIONS"}, {":scheme", "https"}, {":path", "*"}, {":authority", "a.test"}},
       0},
      {"* only for OPTIONS",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "*"}, {":authority", "a.test"}},
       400},
      {"RFC 9113 8.3.1 Host without :authority",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", "a.test"}},
       0},
      {"Host equal, default port", get({{"host", "A.test:443"}}), 0},
      {"Host differs", get({{"host", "b.test"}}), 400},
      {"Host differs in port", get({{"host", "a.test:444"}}), 400},
      {"two Hosts", get({{"host", "a.test"}, {"host", "a.test"}}), 400},
      {"RFC 9113 8.3.1 user-info",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "u@a.test"}},
       400},
      {"architecture 8 Host with a path",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a.test/evil"}},
       400},
      {"architecture 8 fragment",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/a#b"}, {":authority", "a.test"}},
       400},
      {"architecture 8 0x80 in target",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/\x80"}, {":authority", "a.test"}},
       400},
      {"space in target",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "/a b"}, {":authority", "a.test"}},
       400},
      {"no path",
       {{":method", "GET"}, {":scheme", "https"}, {":path", ""}, {":authority", "a.test"}},
       400},
      {"absolute :path",
       {{":method", "GET"}, {":scheme", "https"}, {":path", "http://b/"}, {":authority", "a.test"}},
       400},
      {"scheme that we do not speak",
       {{":method", "GET"}, {":scheme", "ftp"}, {":path", "/"}, {":authority", "a.test"}},
       400},
      {"architecture 9.1 method length",
       {{":method", long_method}, {":scheme", "https"}, {":path", "/"}, {":authority", "a.test"}},
       501},
      {"architecture 9.5 underscore spelling", get({{"content_length", "5"}}), 400},
      {"other underscores pass", get({{"x_y", "5"}}), 0},
  };
  for (const Row& row : rows) {
    H2HeadBuilder builder({});
    feed(builder, row.pairs);
    RequestHead head;
    const std::optional<Refusal> refusal = builder.take(head);
    EXPECT_EQ(refusal ? refusal->status : 0, row.status) << row.source;
  }
}

TEST(H2Headers, BoundsFieldsAndBytes) {
  const HeadLimits limits{4096, 1024, 10};
  struct Row {
    const char* what;
    std::size_t fields, bytes_each;
    bool taken;
  };
  const Row rows[] = {{"ten fields", 10, 10, true},
                      {"eleven fields", 11, 10, false},
                      {"a field at its limit", 1, 1024, true},
                      {"a field beyond it", 1, 1025, false},
                      {"all together", 5, 900, false}};
  for (const Row& row : rows) {
    H2HeadBuilder builder(limits);
    Pairs pairs = get();
    for (std::size_t i = 0; i < row.fields; ++i)
      pairs.emplace_back("x", std::string(row.bytes_each - 1, 'v'));
    feed(builder, pairs);
    RequestHead head;
    const std::optional<Refusal> refusal = builder.take(head);
    EXPECT_EQ(refusal ? refusal->status : 0, row.taken ? 0 : 431) << row.what;
  }
}

TEST(H2Headers, JoinsCookieCrumbsWhereTheFirstStood) {  // RFC 9113 8.2.3
  H2HeadBuilder builder({});
  feed(builder, get({{"cookie", "a=1"}, {"accept", "x"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  RequestHead head;
  ASSERT_FALSE(builder.take(head));
  ASSERT_EQ(head.headers.size(), 2U);
  EXPECT_EQ(head.headers.begin()->value, "a=1; b=2; c=3");
}

TEST(H2Headers, RefusesTrailersThatFrameOrAuthenticate) {  // architecture 9.5
  for (const char* name : {"content-length", "host", "authorization", "transfer-encoding",
                           "outrigger-x", "content_length", "connection"}) {
    H2HeadBuilder builder({});
    feed(builder, {{"grpc-status", "0"}, {name, "1"}});
    Headers trailers;
    EXPECT_TRUE(builder.take_trailers(trailers)) << name;
  }
  H2HeadBuilder builder({});
  feed(builder, {{"grpc-status", "0"}, {"grpc-message", ""}});
  Headers trailers;
  EXPECT_FALSE(builder.take_trailers(trailers));
  EXPECT_EQ(trailers.size(), 2U);
}

TEST(H2Headers, RefusesResponsesWithoutAValidStatus) {
  for (const char* status : {"", "20", "2000", "099", "600", "101", "2x0"}) {
    H2HeadBuilder builder({});
    feed(builder, {{":status", status}});
    ResponseHead head;
    EXPECT_TRUE(builder.take(head)) << status;
  }
}

RequestHead request() {
  RequestHead head;
  head.method = Method::kPost;
  head.method_text = "POST";
  head.authority = "a.test";
  head.target = "/p";
  return head;
}

TEST(H2Headers, LeavesConnectionFieldsBehind) {  // RFC 9113 8.2.2
  RequestHead head = request();
  head.headers.add("Host", "a.test");
  head.headers.add("Connection", "keep-alive");
  head.headers.add("Keep-Alive", "5");
  head.headers.add("Transfer-Encoding", "chunked");
  head.headers.add("Upgrade", "h2c");
  head.headers.add("HTTP2-Settings", "AA");
  head.headers.add("Proxy-Connection", "close");
  head.headers.add("TE", "gzip");
  head.headers.add("X-A", "1");
  H2Fields fields;
  ASSERT_TRUE(request_fields(head, "http", fields));
  const Pairs expected{{":method", "POST"},
                       {":scheme", "http"},
                       {":path", "/p"},
                       {":authority", "a.test"},
                       {"X-A", "1"}};
  EXPECT_EQ(sent(fields), expected);
}

TEST(H2Headers, SendsTeTrailersForGrpc) {
  RequestHead head = request();
  head.headers.add("te", "trailers");
  H2Fields fields;
  ASSERT_TRUE(request_fields(head, "http", fields));
  EXPECT_EQ(sent(fields).back(), (std::pair<std::string, std::string>("te", "trailers")));
}

TEST(H2Headers, NeverIndexesSecrets) {  // RFC 7541 7.1.3
  RequestHead head = request();
  for (const char* name : {"Authorization", "x-api-key", "Cookie", "Proxy-Authorization"}) {
    head.headers.add(name, "secret");
  }
  head.headers.add("accept", "x");
  H2Fields fields;
  ASSERT_TRUE(request_fields(head, "http", fields));
  for (std::size_t i = 4; i < 8; ++i) EXPECT_EQ(fields[i].flags, NGHTTP2_NV_FLAG_NO_INDEX) << i;
  EXPECT_EQ(fields[8].flags, NGHTTP2_NV_FLAG_NONE);
}

TEST(H2Headers, RefusesToSendWhatCouldSplitAMessage) {  // architecture 9.4
  for (const std::string& value :
       {std::string("a\rb"), std::string("a\nb"), std::string("a\0b", 3)}) {
    RequestHead head = request();
    head.headers.add("x", value);
    H2Fields fields;
    EXPECT_FALSE(request_fields(head, "http", fields));
  }
  ResponseHead head;
  head.status = 200;
  head.headers.add("bad name", "v");
  char status[3];
  H2Fields fields;
  EXPECT_FALSE(response_fields(head, status, fields));
}

TEST(H2Headers, TurnsAnUpgradeIntoExtendedConnectAndBack) {  // RFC 8441 5
  RequestHead head = request();
  head.method = Method::kGet;
  head.method_text = "GET";
  head.protocol = "websocket";
  head.headers.add("Sec-WebSocket-Key", "k");
  head.headers.add("Sec-WebSocket-Version", "13");
  H2Fields fields;
  ASSERT_TRUE(request_fields(head, "https", fields));
  const Pairs expected{{":method", "CONNECT"},   {":protocol", "websocket"},
                       {":scheme", "https"},     {":path", "/p"},
                       {":authority", "a.test"}, {"Sec-WebSocket-Version", "13"}};
  EXPECT_EQ(sent(fields), expected);

  ResponseHead response;
  response.status = 101;
  response.headers.add("Upgrade", "websocket");
  response.headers.add("Sec-WebSocket-Accept", "a");
  char status[3];
  ASSERT_TRUE(response_fields(response, status, fields));
  EXPECT_EQ(sent(fields), (Pairs{{":status", "200"}}));
}

TEST(H2Headers, ReadsContentLengthOnlyWhenItIsOne) {
  const std::pair<const char*, std::optional<std::uint64_t>> rows[] = {
      {"0", 0},
      {"12", 12},
      {"", std::nullopt},
      {"1x", std::nullopt},
      {"-1", std::nullopt},
      {"18446744073709551616", std::nullopt}};
  for (const auto& [text, length] : rows) {
    Headers headers;
    headers.add("content-length", text);
    EXPECT_EQ(h2_content_length(headers), length) << text;
  }
}

}  // namespace
}  // namespace outrigger::http
