// Answers are as untrusted as requests (architecture 9.8): a broken one is a 502 with Proxy-Status,
// and the connection it came on is not used again.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

struct Row {
  const char* name;
  std::string bytes;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";

const std::vector<Row>& rows() {
  static const std::vector<Row> list{
      {"NotHttp", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
      {"Binary", std::string("\0\1\2\3\r\n\r\n", 8)},
      {"StatusOfTwoDigits", "HTTP/1.1 20 OK\r\n\r\n"},
      {"StatusOfFourDigits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"},
      {"StatusBelow100", "HTTP/1.1 099 X\r\nContent-Length: 0\r\n\r\n"},
      {"Http2InText", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"ClAndTe", kOk + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"TwoLengths", kOk + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345"},
      {"SignedLength", kOk + "Content-Length: +5\r\n\r\n12345"},
      {"UnknownCoding", kOk + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
      {"ObsFold", kOk + "X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n"},
      {"BareLf", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
      {"NulInValue", kOk + std::string("X-A: \0\r\n", 8) + "Content-Length: 0\r\n\r\n"},
      {"SpaceBeforeColon", kOk + "Content-Length : 0\r\n\r\n"},
      {"UnaskedUpgrade",
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"},
      {"HeadTooLarge", kOk + "X-A: " + std::string(100'000, 'a') + "\r\n\r\n"},
      {"TooManyInterimAnswers",
       [] {
         std::string many;
         for (int i = 0; i < 100; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
         return many + kOk + "Content-Length: 0\r\n\r\n";
       }()},
  };
  return list;
}

class BrokenAnswer : public OneUpstream, public ::testing::WithParamInterface<Row> {};

TEST_P(BrokenAnswer, IsABadGateway) {
  upstream.expect("GET /p").reply_raw(GetParam().bytes).hang();
  upstream.expect("GET /after").reply(200, "fine");
  TestProxy proxy(config().workers(1));
  Client client(proxy.port());
  expect_problem(client.fetch(get("/up/p")), 502);
  EXPECT_EQ(client.fetch(get("/up/after")).body, "fine");
  EXPECT_EQ(upstream.connections(), 2U);
}

INSTANTIATE_TEST_SUITE_P(All, BrokenAnswer, ::testing::ValuesIn(rows()),
                         [](const auto& info) { return info.param.name; });

using AnswerBoundary = OneUpstream;

TEST_F(AnswerBoundary, BytesAfterACompleteAnswerPoisonNoOtherRequest) {
  upstream.expect("GET /p").reply_raw(
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: "
      "6\r\n\r\npoison");
  upstream.expect("GET /q").reply(200, "clean");
  TestProxy proxy(config().workers(1));
  Client client(proxy.port());
  EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
  EXPECT_EQ(client.fetch(get("/up/q")).body, "clean");
}

TEST_F(AnswerBoundary, ABodyOfA204PoisonsNoOtherRequest) {
  upstream.expect("GET /p").reply_raw("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil");
  upstream.expect("GET /q").reply(200, "clean");
  TestProxy proxy(config().workers(1));
  Client client(proxy.port());
  const Response answer = client.fetch(get("/up/p"));
  EXPECT_TRUE(answer.status == 204 || answer.status == 502) << answer.status;
  EXPECT_EQ(client.fetch(get("/up/q")).body, "clean");
}

TEST_F(AnswerBoundary, BytesOnAnIdleConnectionEndIt) {
  upstream.expect("GET /p").run([](Exchange& exchange) {
    exchange.reply(response(200, "ok"));
    exchange.raw("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  });
  upstream.expect("GET /q").reply(200, "clean");
  TestProxy proxy(config().workers(1));
  Client client(proxy.port());
  EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
  // Until they have come nobody can tell that they will.
  EXPECT_TRUE(eventually([&] { return upstream.open_connections() == 0; }));
  EXPECT_EQ(client.fetch(get("/up/q")).body, "clean");
}

TEST_F(AnswerBoundary, AnAnswerUntilCloseIsComplete) {
  upstream.expect("GET /p").run([](Exchange& exchange) {
    exchange.start(200, {{"connection", "close"}});
    exchange.send("all of it");
    exchange.close();
  });
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/p"));
  EXPECT_EQ(answer.body, "all of it");
  EXPECT_TRUE(answer.complete) << answer.failure;
}

TEST_F(AnswerBoundary, BadChunksMidStreamAreSeenByTheClient) {
  upstream.expect("GET /p").manually();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(get("/up/p"));
  const Held served = upstream.accept();
  served->start(200, {});
  served->send("good");
  EXPECT_EQ(call->read_exactly(4), "good");
  served->raw("zz\r\nbad\r\n");
  EXPECT_FALSE(call->read_all().complete);
}

}  // namespace
}  // namespace outrigger::test
