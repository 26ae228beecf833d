// How connections and exchanges of an H2Server end: by the client, by limits, by drain, by
// tear-down.
#include "tests/unit/http/h2_server_test.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace outrigger::http {
namespace {

using H2ServerEndTest = H2ServerTest;

TEST_F(H2ServerEndTest, CancelsTheExchangeOfAClientThatResets) {
  start(&wait_for_ever);
  peer->headers(1, kGet, kWhole);
  peer->headers(3, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return served == 2; }));
  peer->send(frame(test::kRstStream, 0, 1, test::big_endian(8, 4)));
  ASSERT_TRUE(run_until([&] { return cancelled == 1; }));
  settle();
  EXPECT_EQ(cancelled, 1);
  EXPECT_EQ(server->live(), 1U);
}

TEST_F(H2ServerEndTest, CancelsEveryExchangeWhenTheClientLeaves) {
  start(&wait_for_ever);
  for (std::int32_t id = 1; id < 20; id += 2) peer->headers(id, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return served == 10; }));
  peer->close();
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_EQ(cancelled, 10);
}

TEST_F(H2ServerEndTest, EndsWhenItsConnectionIsCancelled) {
  start(&wait_for_ever);
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return served == 1; }));
  connection.cancel({Errc::kCancelled, Origin::kProxy, "shutdown"});
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_EQ(cancelled, 1);
}

TEST_F(H2ServerEndTest, TearsDownWhileEverythingWaits) {
  ScriptedBody::Script script;
  script.bytes.push(Slice::copy("x"));
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    if (request.head.method == Method::kPost) (void)co_await request.body.read(scope);
    Response response = answer(200, "");
    response.body = Body(std::make_unique<ScriptedBody>(script), std::nullopt);
    (void)co_await sink.send(std::move(response), scope);
  });
  peer->headers(1, kGet, kWhole);
  peer->headers(3, kPost);
  ASSERT_TRUE(run_until([&] { return served == 2; }));
  tasks.reset();  // the frames go while suspended
  server.reset();
  EXPECT_TRUE(script.destroyed);
  settle();
}

TEST_F(H2ServerEndTest, FinishesRunningStreamsWhenDrained) {  // RFC 9113 6.8
  Signal go;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    (void)co_await go.wait(scope);
    (void)co_await sink.send(answer(200, "late"), scope);
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return served == 1; }));
  server->drain();
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(), 0x7fffffffU);
  ASSERT_TRUE(run_until([&] {
    return peer->reader.frames.back().type == test::kGoaway &&
           peer->reader.frames.back().number() == 1;
  }));
  EXPECT_FALSE(done);
  go.notify();
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->body(1), "late");
  ASSERT_TRUE(run_until([&] { return peer->closed; }));
  peer->close();
  ASSERT_TRUE(run_until([&] { return done; }));
}

TEST_F(H2ServerEndTest, ClosesIdleConnections) {
  settings.first_request_idle = 20ms;
  start(&wait_for_ever);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(4), NGHTTP2_NO_ERROR);
  ASSERT_TRUE(run_until([&] { return peer->closed; }));
}

TEST_F(H2ServerEndTest, EndsAConnectionThatNeverAcknowledgesItsSettings) {  // RFC 9113 6.5.3
  settings.head_time = 20ms;
  acknowledges = false;
  start(&wait_for_ever);
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(4), NGHTTP2_SETTINGS_TIMEOUT);
}

TEST_F(H2ServerEndTest, EndsAConnectionThatTricklesAHead) {  // architecture 10, Slowloris
  settings.head_time = 20ms;
  start(&wait_for_ever);
  settle();
  peer->send(frame(test::kHeaders, 0, 1, peer->reader.hpack.encode(kGet)));
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(4), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(H2ServerEndTest, FailsABodyThatCrawls) {
  settings.body_rate_window = 1s;
  settings.body_rate_bytes = 100;
  std::string reason;
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    for (;;) {
      Result<Slice> bytes = co_await request.body.read(scope);
      if (bytes && !bytes->empty()) continue;
      if (!bytes) reason = bytes.error().reason;
      break;
    }
    (void)co_await sink.send(answer(408, "slow"), scope);
  });
  peer->headers(1, kPost);
  peer->send(frame(test::kData, 0, 1, "x"));
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(reason, "body_too_slow");
}

TEST_F(H2ServerEndTest, GivesUpOnAWindowThatStaysShut) {  // zero-window hold
  settings.write_stall = 20ms;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    deliveries.push_back(co_await sink.send(answer(200, std::string(100'000, 'x')), scope));
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(deliveries[0].status.error().code, Errc::kTimeout);
}

TEST_F(H2ServerEndTest, GivesUpOnASocketThatIsNotRead) {
  settings.write_stall = 20ms;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    deliveries.push_back(co_await sink.send(answer(200, std::string(4'000'000, 'x')), scope));
  });
  peer->send(frame(test::kSettings, 0, 0, test::setting(4, 0x7fffffff)) +
             frame(test::kWindowUpdate, 0, 0, test::big_endian(1 << 30, 4)));
  peer->reading = false;
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return done; }));
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_FALSE(deliveries[0].status);
}

TEST_F(H2ServerEndTest, LeavesAFloodUnreadWhileExchangesAreCancelled) {
  settings.streams_per_connection = 5;
  int waiting = 0;
  start([&](Request, ResponseSink&, CancelScope&) -> Task<void> {
    ++waiting;  // deaf to its cancellation
    CancelScope never;
    (void)co_await SleepFor(loop, never, 50ms);
    --waiting;
  });
  int most = 0;
  for (std::int32_t id = 1; id < 200; id += 2) {
    peer->headers(id, kGet, kWhole);
    settle();
    peer->send(frame(test::kRstStream, 0, id, test::big_endian(8, 4)));
    settle();
    most = std::max(most, waiting);
  }
  EXPECT_LE(most, 11);
  peer->close();
  ASSERT_TRUE(run_until([&] { return done && waiting == 0; }));
}

}  // namespace
}  // namespace outrigger::http
