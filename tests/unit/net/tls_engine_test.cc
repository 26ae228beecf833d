#include "proxy/net/tls_engine.h"

#include <vector>

#include "tests/unit/net/tls_test.h"

namespace outrigger::test {
namespace {

class TlsEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pair = make_pair(*client_context, *server_context);
    pair.handshake();
    ASSERT_TRUE(pair.open());
  }
  void TearDown() override {
    pair = {};
    EXPECT_EQ(Block::live(), 0u);
  }
  std::string decrypt_all(TlsEngine& engine) {
    std::string all;
    std::string room(5000, '\0');
    while (engine.pending()) {
      const Result<std::size_t> n = engine.decrypt(room);
      EXPECT_TRUE(n);
      if (!n || *n == 0) break;
      all.append(room.data(), *n);
    }
    return all;
  }
  Status encrypt(TlsEngine& engine, std::string_view text) {
    return engine.encrypt(std::span(&text, 1));
  }

  std::shared_ptr<TlsServerContext> server_context = load<TlsServerContext>(server_settings());
  std::shared_ptr<TlsClientContext> client_context = load<TlsClientContext>(client_settings());
  TlsPair pair;
};

TEST_F(TlsEngineTest, AgreesOnTheNewestProtocolAndTellsWhatWasAgreed) {
  for (const TlsEngine* engine : {pair.client.get(), pair.server.get()}) {
    EXPECT_EQ(engine->version(), "TLSv1.3");
    EXPECT_EQ(engine->alpn(), "h2");
    EXPECT_FALSE(engine->resumed());
  }
  EXPECT_EQ(pair.server->sni(), kHost);
  EXPECT_EQ(pair.client->peer_subject(), "CN=api.example.com");
  EXPECT_EQ(pair.server->peer_subject(), "");
}

TEST_F(TlsEngineTest, HandshakesWhateverTheSplit) {
  for (const std::size_t piece : {1U, 3U, 100U}) {
    TlsPair split = make_pair(*client_context, *server_context);
    split.handshake(piece);
    EXPECT_TRUE(split.open()) << piece;
  }
}

TEST_F(TlsEngineTest, CarriesBytesBothWays) {
  ASSERT_TRUE(encrypt(*pair.client, "question"));
  ASSERT_TRUE(encrypt(*pair.server, "answer"));
  pair.pump();
  EXPECT_EQ(decrypt_all(*pair.server), "question");
  EXPECT_EQ(decrypt_all(*pair.client), "answer");
}

TEST_F(TlsEngineTest, JoinsSmallPiecesIntoOneRecord) {
  std::vector<std::string_view> pieces = {"HTTP/1.1 200 OK\r\n", "", "\r\n", "body"};
  ASSERT_TRUE(pair.server->encrypt(pieces));
  const std::string_view output = pair.server->output();
  // One record: its length field (RFC 8446 5.1) spans all of the output.
  const std::size_t length =
      static_cast<unsigned char>(output[3]) * 256U + static_cast<unsigned char>(output[4]);
  EXPECT_EQ(output.size(), 5 + length);
  pair.pump();
  EXPECT_EQ(decrypt_all(*pair.client), "HTTP/1.1 200 OK\r\n\r\nbody");
}

TEST_F(TlsEngineTest, StopsAtItsOutputBoundAndGoesOnWhenSent) {
  const std::string much(1'000'000, 'x');
  std::vector<std::string_view> pieces = {"head", much, "tail"};
  std::string received;
  int rounds = 0;
  while (!pieces.back().empty()) {
    ASSERT_TRUE(pair.client->encrypt(pieces));
    EXPECT_LT(pair.client->output().size(), TlsEngine::kOutputBytes + 32768);
    pair.pump();
    received += decrypt_all(*pair.server);
    ++rounds;
  }
  EXPECT_EQ(received, "head" + much + "tail");
  EXPECT_GT(rounds, 10);
}

TEST_F(TlsEngineTest, KeepsNoBufferWhenIdle) {
  ASSERT_TRUE(encrypt(*pair.client, std::string(20000, 'x')));
  pair.pump();
  decrypt_all(*pair.server);
  EXPECT_EQ(Block::live(), 0u);
}

TEST_F(TlsEngineTest, TellsARightSizedRoomForWhatIsPending) {
  ASSERT_TRUE(encrypt(*pair.client, std::string(40000, 'x')));
  pair.pump();
  const std::size_t room = pair.server->pending_bytes();
  std::string into(room, '\0');
  EXPECT_EQ(*pair.server->decrypt(into), 40000u);
  EXPECT_FALSE(pair.server->pending());
}

TEST_F(TlsEngineTest, CloseNotifyIsACleanEnd) {
  ASSERT_TRUE(encrypt(*pair.server, "last"));
  ASSERT_TRUE(pair.server->close());
  ASSERT_TRUE(pair.server->close()) << "saying it twice is harmless";
  pair.pump();
  EXPECT_FALSE(pair.client->peer_closed()) << "not before what came first was read";
  EXPECT_EQ(decrypt_all(*pair.client), "last");
  pair.client->settle();
  EXPECT_TRUE(pair.client->peer_closed());
  EXPECT_EQ(pair.client->state(), TlsEngine::State::kClosed);
  EXPECT_TRUE(encrypt(*pair.client, "we may go on")) << "RFC 8446 6.1: each direction closes alone";
}

TEST_F(TlsEngineTest, AForgedRecordIsAnErrorThatStays) {
  ASSERT_TRUE(encrypt(*pair.client, "question"));
  std::string forged(pair.client->output());
  forged.back() = static_cast<char>(forged.back() ^ 1);
  ASSERT_TRUE(pair.server->ingest(Slice::copy(forged)));
  std::string into(100, '\0');
  for (int i = 0; i < 2; ++i) {
    const Result<std::size_t> n = pair.server->decrypt(into);
    ASSERT_FALSE(n);
    EXPECT_EQ(n.error().code, Errc::kTls);
    EXPECT_EQ(n.error().origin, Origin::kClient);
    EXPECT_EQ(n.error().reason, "tls_protocol_error");
  }
  EXPECT_FALSE(pair.server->output().empty()) << "an alert tells the peer";
  EXPECT_FALSE(encrypt(*pair.server, "x"));
  pair.client->consume_output(forged.size());
}

TEST_F(TlsEngineTest, PlainHttpOnATlsPortIsNamed) {
  const std::unique_ptr<TlsEngine> server = server_context->accept();
  const Status status = server->ingest(Slice::literal("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().detail.find("plain HTTP"), std::string::npos) << status.error().detail;
}

TEST_F(TlsEngineTest, APeerThatSpeaksNoTlsIsNamed) {
  const std::unique_ptr<TlsEngine> client = client_context->connect(kHost);
  ASSERT_TRUE(client->ingest({}));
  const Status status = client->ingest(Slice::literal("HTTP/1.1 400 Bad Request\r\n\r\n"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().reason, "tls_protocol_error");
  EXPECT_EQ(status.error().origin, Origin::kUpstream);
  EXPECT_NE(status.error().detail.find("may not speak TLS"), std::string::npos)
      << status.error().detail;
}

TEST_F(TlsEngineTest, OutlivesItsContextsOwner) {
  TlsPair late = make_pair(*client_context, *server_context);
  client_context.reset();
  server_context.reset();
  late.handshake();
  EXPECT_TRUE(late.open());
}

}  // namespace
}  // namespace outrigger::test
