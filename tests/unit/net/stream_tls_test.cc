#include "proxy/net/stream.h"

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "tests/unit/net/net_test.h"
#include "tests/unit/net/tls_test.h"

namespace outrigger::test {
namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

Task<Result<std::string>> read_all(Stream& stream, CancelScope& scope) {
  std::string all;
  for (;;) {
    CO_TRY(const Slice piece, co_await stream.read(scope, 10s));
    if (piece.empty()) co_return all;
    all += piece.view();
  }
}

Task<Status> write_and_finish(Stream& stream, std::string_view bytes, CancelScope& scope) {
  CO_TRY(co_await stream.write(bytes, scope, 10s));
  co_return co_await stream.finish(scope);
}

class StreamTlsTest : public NetTest {
 protected:
  // Connects `client` and `server`, over sockets with buffers of the given size.
  void connect(int buffer_bytes = 0) {
    FdPair pair = tcp_pair(buffer_bytes);
    client.emplace(loop, std::move(pair.first), Origin::kUpstream);
    server.emplace(loop, std::move(pair.second), Origin::kClient);
  }
  void shake() {
    const auto answered = start(server->handshake(server_context->accept(), scope));
    const Status connected = run(client->handshake(client_context->connect(kHost), scope));
    ASSERT_TRUE(connected) << connected.error().detail;
    ASSERT_TRUE(await(answered));
  }
  void TearDown() override {
    client.reset();
    server.reset();
    NetTest::TearDown();
  }

  std::shared_ptr<TlsServerContext> server_context = load<TlsServerContext>(server_settings());
  std::shared_ptr<TlsClientContext> client_context = load<TlsClientContext>(client_settings());
  std::optional<Stream> client;
  std::optional<Stream> server;
};

TEST_F(StreamTlsTest, CarriesMuchBothWaysOverSmallBuffers) {
  connect(8192);
  shake();
  const std::string there = pattern(1'500'000);
  const std::string back = pattern(1'200'001);
  const auto at_server = start(read_all(*server, scope));
  const auto at_client = start(read_all(*client, scope));
  const auto wrote = start(write_and_finish(*client, there, scope));
  const auto answered = start(write_and_finish(*server, back, scope));
  EXPECT_EQ(await(at_server), there);
  EXPECT_EQ(await(at_client), back);
  EXPECT_TRUE(await(wrote));
  EXPECT_TRUE(await(answered));
}

TEST_F(StreamTlsTest, WritesAnyNumberOfPieces) {
  connect();
  shake();
  std::string expected;
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < 30; ++i) parts.push_back(pattern(i * 1009));
  std::vector<std::string_view> pieces;
  for (const std::string& part : parts) {
    expected += part;
    pieces.emplace_back(part);
  }
  const auto received = start(read_all(*server, scope));
  EXPECT_TRUE(run(client->write(std::span(pieces), scope)));
  EXPECT_TRUE(run(client->finish(scope)));
  EXPECT_EQ(await(received), expected);
}

TEST_F(StreamTlsTest, AnEndWithoutCloseNotifyIsTruncation) {
  connect();
  shake();
  ASSERT_TRUE(run(server->write("half an answer", scope)));
  server.reset();
  EXPECT_EQ(run(client->read(scope))->view(), "half an answer");
  const Result<Slice> end = run(client->read(scope));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, Errc::kClosed);
  EXPECT_EQ(end.error().reason, "connection_terminated");
}

TEST_F(StreamTlsTest, CloseNotifyIsTheEnd) {
  connect();
  shake();
  EXPECT_TRUE(run(write_and_finish(*server, "answer", scope)));
  EXPECT_EQ(run(read_all(*client, scope)), "answer");
}

TEST_F(StreamTlsTest, ResumesOnTheSecondConnection) {
  for (const bool resumed : {false, true}) {
    connect();
    shake();
    ASSERT_TRUE(run(server->write("x", scope)));
    EXPECT_EQ(run(client->read(scope))->view(), "x");
    EXPECT_EQ(client->tls()->resumed(), resumed);
  }
}

TEST_F(StreamTlsTest, BothSidesLearnWhyACertificateWasRefused) {
  connect();
  const auto answered = start(server->handshake(server_context->accept(), scope));
  const Status refused = run(client->handshake(client_context->connect("evil.example"), scope));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "tls_certificate_error");
  EXPECT_EQ(await(answered).error().reason, "tls_alert_received");
}

TEST_F(StreamTlsTest, AHangUpInTheHandshakeIsAnError) {
  connect();
  const auto connecting = start(client->handshake(client_context->connect(kHost), scope));
  turn();
  server.reset();
  const Status& status = await(connecting);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().origin, Origin::kUpstream);
}

TEST_F(StreamTlsTest, CancellationEndsAHandshake) {
  connect();
  CancelScope cancelled;
  const auto connecting = start(client->handshake(client_context->connect(kHost), cancelled));
  turn();
  cancelled.cancel({Errc::kTimeout, Origin::kProxy, "tls_timeout"});
  EXPECT_EQ(await(connecting).error().reason, "tls_timeout");
}

// A pooled connection gets session tickets while nobody reads; that is no reason to drop it.
TEST_F(StreamTlsTest, TicketsDoNotWakeAPoolButDataDoes) {
  connect();
  int told = 0;
  shake();
  client->observe(Stream::Watch::kAnyEvent, [&] { ++told; });
  run_until([&] { return client_context->sessions() > 0; });
  turn();
  EXPECT_EQ(told, 0);
  EXPECT_FALSE(client->readable());
  ASSERT_TRUE(run(server->write("unexpected", scope)));
  run_until([&] { return told > 0; });
  EXPECT_EQ(run(client->read(scope))->view(), "unexpected");
}

TEST_F(StreamTlsTest, CloseNotifyWakesAPool) {
  connect();
  shake();
  int told = 0;
  client->observe(Stream::Watch::kAnyEvent, [&] { ++told; });
  ASSERT_TRUE(run(server->finish(scope)));
  run_until([&] { return told > 0; });
}

// Bytes that were read before TLS was known of (a PROXY line, a sniffed first byte) belong to it.
TEST_F(StreamTlsTest, UnreadBytesGoIntoTheHandshake) {
  connect();
  const auto connecting = start(client->handshake(client_context->connect(kHost), scope));
  Result<Slice> first = run(server->read(scope));
  ASSERT_TRUE(first);
  server->unread(std::move(*first));
  EXPECT_TRUE(run(server->handshake(server_context->accept(), scope)));
  EXPECT_TRUE(await(connecting));
}

TEST_F(StreamTlsTest, AnIdleStreamHoldsNoBuffer) {
  connect();
  shake();
  ASSERT_TRUE(run(client->write(pattern(100'000), scope)));
  std::size_t received = 0;
  while (received < 100'000) received += run(server->read(scope))->size();
  EXPECT_LE(Block::live(), 1u) << "the loop's own read block is all there is";
}

}  // namespace
}  // namespace outrigger::test
