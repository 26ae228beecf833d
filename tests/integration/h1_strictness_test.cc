// Ambiguous and broken HTTP/1 messages (architecture 8 and 9): the right status, a closed
// connection, and an upstream that saw nothing.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

struct Row {
  const char* name;
  std::string bytes;
  int status;
  const char* source;
};

// A request with these field lines and this body; the Host is there already.
std::string with(const std::string& lines, const std::string& body = {},
                 const std::string& method = "POST") {
  return method + " /up/p HTTP/1.1\r\nHost: h\r\n" + lines + "\r\n" + body;
}

std::string chunked(const std::string& body) {
  return with("Transfer-Encoding: chunked\r\n", body);
}

std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: h\r\n\r\n";
}

const std::vector<Row>& framing_rows() {
  static const std::string smuggled = "GET /up/smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  static const std::vector<Row> rows{
      {"ClTe", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled),
       400, "RFC 9112 6.3"},
      {"TeCl", with("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + smuggled),
       400, "RFC 9112 6.3"},
      {"DuplicateEqualCl", with("Content-Length: 5\r\nContent-Length: 5\r\n", "12345"), 400,
       "architecture 8"},
      {"DuplicateDifferentCl", with("Content-Length: 5\r\nContent-Length: 6\r\n", "12345"), 400,
       "RFC 9112 6.3"},
      {"ListedCl", with("Content-Length: 5, 5\r\n", "12345"), 400, "architecture 8"},
      {"SignedCl", with("Content-Length: +5\r\n", "12345"), 400, "RFC 9110 8.6"},
      {"NegativeCl", with("Content-Length: -1\r\n", "12345"), 400, "RFC 9110 8.6"},
      {"HexCl", with("Content-Length: 0x5\r\n", "12345"), 400, "RFC 9110 8.6"},
      {"UnderscoredCl", with("Content-Length: 0_5\r\n", "12345"), 400, "RFC 9110 8.6"},
      {"HugeCl", with("Content-Length: 18446744073709551621\r\n", "12345"), 400,
       "architecture 9.2"},
      {"EmptyCl", with("Content-Length: \r\n", "12345"), 400, "RFC 9110 8.6"},
      {"TeIdentity", with("Transfer-Encoding: identity\r\n"), 501, "architecture 8"},
      {"TeGzipChunked", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501,
       "architecture 8"},
      {"TeTwoLines",
       with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
       "architecture 8"},
      {"TeVerticalTab",
       with("Transfer-Encoding: \x0b"
            "chunked\r\n",
            "0\r\n\r\n"),
       400, "architecture 8"},
      {"TeSpaceBeforeColon", with("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400,
       "RFC 9112 5.1"},
      {"TeFolded", with("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400, "RFC 9112 5.2"},
      {"TeOnHttp10",
       "POST /up/p HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       "RFC 9112 6.1"},
      {"ClSpaceBeforeColon", with("Content-Length : 5\r\n", "12345"), 400, "RFC 9112 5.1"},
      {"UnderscoreInAGuardedName", with("Content_Length: 5\r\n"), 400, "architecture 9.5"},
  };
  return rows;
}

const std::vector<Row>& grammar_rows() {
  static const std::vector<Row> rows{
      {"ObsFold", with("X-A: 1\r\n 2\r\n"), 400, "RFC 9112 5.2"},
      {"SpaceBeforeColon", with("X-A : 1\r\n"), 400, "RFC 9112 5.1"},
      {"FirstFieldIndented", "GET /up/p HTTP/1.1\r\n Host: h\r\n\r\n", 400, "RFC 9112 2.2"},
      {"BareLf", "GET /up/p HTTP/1.1\nHost: h\n\n", 400, "architecture 9.1"},
      {"BareLfInFields", with("X-A: 1\nX-B: 2\r\n"), 400, "architecture 9.1"},
      {"BareCrInValue", with("X-A: 1\r2\r\n"), 400, "RFC 9110 5.5"},
      {"NulInValue",
       with(std::string("X-A: 1\0"
                        "2\r\n",
                        9)),
       400, "RFC 9110 5.5"},
      {"ControlInValue", with("X-A: \x01\r\n"), 400, "RFC 9110 5.5"},
      {"ParenthesesInName", with("X(A): 1\r\n"), 400, "RFC 9110 5.1"},
      {"EmptyName", with(": 1\r\n"), 400, "RFC 9110 5.1"},
      {"NoColon", with("X-A\r\n"), 400, "RFC 9112 5"},
      {"TwoSpacesInRequestLine", line("GET  /up/p HTTP/1.1"), 400, "RFC 9112 3"},
      {"TabInRequestLine", line("GET\t/up/p HTTP/1.1"), 400, "RFC 9112 3"},
      {"TrailingSpaceInRequestLine", line("GET /up/p HTTP/1.1 "), 400, "RFC 9112 3"},
      {"Http12", line("GET /up/p HTTP/1.2"), 505, "architecture 8"},
      {"Http20InText", line("GET /up/p HTTP/2.0"), 505, "architecture 8"},
      {"LowerCaseVersion", line("GET /up/p http/1.1"), 400, "RFC 9112 2.3"},
      {"Http09", "GET /up/p\r\n\r\n", 400, "architecture 8"},
      {"FragmentInTarget", line("GET /up/p#x HTTP/1.1"), 400, "RFC 9112 3.2"},
      {"ByteAbove7fInTarget", line("GET /up/\x80 HTTP/1.1"), 400, "architecture 8"},
      {"BackslashInTarget", line("GET /up\\p HTTP/1.1"), 400, "architecture 9.1"},
      {"TwoLeadingEmptyLines", "\r\n\r\n" + line("GET /up/p HTTP/1.1"), 400, "architecture 8"},
      {"NoHost", "GET /up/p HTTP/1.1\r\n\r\n", 400, "RFC 9112 3.2"},
      {"TwoHosts", "GET /up/p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "RFC 9112 3.2"},
      {"TwoEqualHosts", "GET /up/p HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "RFC 9112 3.2"},
      {"HostWithPath", "GET /up/p HTTP/1.1\r\nHost: a.test/evil @b\r\n\r\n", 400,
       "architecture 9.5"},
      {"HostWithUserInfo", "GET /up/p HTTP/1.1\r\nHost: u@a.test\r\n\r\n", 400, "architecture 9.5"},
      {"AbsoluteFormDiffersFromHost", "GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n", 400,
       "architecture 8"},
      {"UnknownExpect", with("Expect: 200-maybe\r\nContent-Length: 0\r\n"), 417, "RFC 9110 10.1.1"},
      {"ConnectionNamesHost", with("Connection: Host\r\nContent-Length: 0\r\n"), 400,
       "architecture 9.5"},
      {"ConnectionNamesAuthorization",
       with("Connection: Authorization\r\nAuthorization: Bearer k\r\nContent-Length: 0\r\n"), 400,
       "architecture 9.5"},
      {"TlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400,
       "operability 5"},
      {"Garbage", std::string("\0\1\2\3 garbage\r\n\r\n", 16), 400, "RFC 9112 3"},
  };
  return rows;
}

const std::vector<Row>& chunk_rows() {
  static const std::vector<Row> rows{
      {"SizeTrailingSpace", chunked("5 \r\nabcde\r\n0\r\n\r\n"), 400, "architecture 8"},
      {"SizeLeadingSpace", chunked(" 5\r\nabcde\r\n0\r\n\r\n"), 400, "architecture 8"},
      {"SizeHexPrefix", chunked("0x5\r\nabcde\r\n0\r\n\r\n"), 400, "RFC 9112 7.1"},
      {"SizeSigned", chunked("+5\r\nabcde\r\n0\r\n\r\n"), 400, "RFC 9112 7.1"},
      {"SizeOverflow", chunked("10000000000000005\r\nabcde\r\n0\r\n\r\n"), 400, "architecture 8"},
      {"SizeManyZeros", chunked(std::string(40, '0') + "5\r\nabcde\r\n0\r\n\r\n"), 400,
       "architecture 8"},
      {"SizeEmpty", chunked("\r\nabcde\r\n0\r\n\r\n"), 400, "RFC 9112 7.1"},
      {"LinesEndedByLf", chunked("5\nabcde\n0\n\n"), 400, "architecture 8"},
      {"ExtensionEndedByLf", chunked("5;a=b\nabcde\r\n0\r\n\r\n"), 400, "architecture 8"},
      {"ExtensionTooLong", chunked("5;" + std::string(300, 'a') + "\r\nabcde\r\n0\r\n\r\n"), 400,
       "architecture 8"},
      {"NoCrlfAfterData", chunked("5\r\nabcdeX\r\n0\r\n\r\n"), 400, "RFC 9112 7.1"},
      {"ContentLengthAsTrailer", chunked("5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\n"), 400,
       "architecture 9.5"},
      {"AuthorizationAsTrailer", chunked("5\r\nabcde\r\n0\r\nAuthorization: Bearer k\r\n\r\n"), 400,
       "architecture 9.5"},
      {"TrailerObsFold", chunked("5\r\nabcde\r\n0\r\nX-A: 1\r\n 2\r\n\r\n"), 400, "RFC 9112 7.1.2"},
  };
  return rows;
}

std::string row_name(const ::testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

// Keeps GoogleTest from printing the bytes of a row.
void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name << " (" << row.source << ")";
}

class H1Refuses : public OneUpstream, public ::testing::WithParamInterface<Row> {};

TEST_P(H1Refuses, BeforeTheUpstreamSeesAnything) {
  const Row& row = GetParam();
  TestProxy proxy(config());
  Client client(proxy.port());
  client.send_raw(row.bytes);
  const Response answer = client.await_answer("GET")->read_all();
  EXPECT_EQ(answer.status, row.status) << row.source << "\n" << answer.raw_head;
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(value_of(answer.headers, "connection"), "close");
  EXPECT_TRUE(client.closed_by_peer()) << "the connection stays open after a refused message";
  EXPECT_EQ(upstream.connections(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Framing, H1Refuses, ::testing::ValuesIn(framing_rows()), row_name);
INSTANTIATE_TEST_SUITE_P(Grammar, H1Refuses, ::testing::ValuesIn(grammar_rows()), row_name);

// A bad chunk is found when the head has gone upstream already: the request must not end cleanly
// there.
class H1RefusesChunks : public OneUpstream, public ::testing::WithParamInterface<Row> {};

TEST_P(H1RefusesChunks, WithoutACompleteRequestUpstream) {
  const Row& row = GetParam();
  upstream.expect("POST /p").always().run([](Exchange& exchange) {
    if (exchange.request.complete) exchange.reply(response(200, "smuggled"));
  });
  TestProxy proxy(config());
  Client client(proxy.port());
  client.send_raw(row.bytes);
  const Response answer = client.await_answer("POST")->read_all();
  EXPECT_EQ(answer.status, row.status) << row.source << "\n" << answer.body;
  EXPECT_TRUE(client.closed_by_peer()) << "the connection stays open after a refused message";
  upstream.drop_connections();
  for (const Request& request : upstream.requests()) EXPECT_FALSE(request.complete);
}

INSTANTIATE_TEST_SUITE_P(Chunks, H1RefusesChunks, ::testing::ValuesIn(chunk_rows()), row_name);

using H1Accepts = OneUpstream;

TEST_F(H1Accepts, OneEmptyLineBeforeARequest) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  client.send_raw("\r\nGET /up/p HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.await_answer("GET")->read_all().body, "ok");
}

TEST_F(H1Accepts, ShortChunkExtensionsAndDropsThem) {
  upstream.expect("POST /p").reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  client.send_raw(chunked("5;a=b\r\nabcde\r\n0\r\n\r\n"));
  EXPECT_EQ(client.await_answer("POST")->read_all().body, "ok");
  EXPECT_EQ(upstream.requests().at(0).body, "abcde");
}

TEST_F(H1Accepts, ObsTextAndUnderscores) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/p", {{"X_A", "\x80\xff"}}));
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(value_of(upstream.requests().at(0).headers, "x_a"), "\x80\xff");
}

TEST_F(H1Accepts, NothingAfterARefusedMessage) {
  TestProxy proxy(config());
  Client client(proxy.port());
  client.send_raw(
      "GET /up/p HTTP/1.1\r\nHost: h\r\nBad Name: 1\r\n\r\n"
      "GET /up/second HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.await_answer("GET")->read_all().status, 400);
  EXPECT_EQ(client.await_answer("GET")->read_all().status, 0);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(H1Accepts, NoPrefaceOfHttp2InsideAnHttp1Connection) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
  client.send_raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const Response answer = client.await_answer("GET")->read_all();
  EXPECT_GE(answer.status, 400);
  EXPECT_TRUE(client.closed_by_peer());
}

}  // namespace
}  // namespace outrigger::test
