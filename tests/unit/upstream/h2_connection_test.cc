#include "tests/unit/upstream/h2_connection_test.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace outrigger::upstream {
namespace {

TEST_F(H2ConnectionTest, CarriesManyExchangesAtOnce) {
  greet();
  std::vector<Call*> started;
  for (int i = 0; i < 30; ++i) started.push_back(&get());
  ASSERT_TRUE(run_until([&] { return peer->find(test::kHeaders, 59) != nullptr; }));
  EXPECT_EQ(connection->live(), 30U);
  for (std::int32_t id = 59; id > 0; id -= 2) {
    peer->headers(id, kOk);
    peer->send(frame(test::kData, test::kEndStream, id, "body " + std::to_string(id)));
  }
  for (std::size_t i = 0; i < started.size(); ++i) {
    ASSERT_TRUE(finished(*started[i]));
    EXPECT_EQ(started[i]->body, "body " + std::to_string(2 * i + 1));
    EXPECT_TRUE(started[i]->sending);
    EXPECT_EQ(started[i]->sent, 1);
  }
  EXPECT_EQ(connection->live(), 0U);
}

TEST_F(H2ConnectionTest, HandsOverASmallAnswerInWhole) {
  greet();
  Call& one = call();
  one.read_body = false;
  go(one);
  settle();
  peer->send(frame(test::kHeaders, test::kEndHeaders, 1, peer->reader.hpack.encode(kOk)) +
             frame(test::kData, test::kEndStream, 1, "small"));
  ASSERT_TRUE(answered(one));
  ASSERT_NE((*one.outcome)->body.whole(), nullptr);
  EXPECT_EQ((*one.outcome)->body.whole()->view(), "small");
}

TEST_F(H2ConnectionTest, LeavesABodyInMemoryForAnotherAttempt) {
  greet();
  Call& one = call("/", Body(Slice::copy("payload")));
  go(one);
  settle();
  EXPECT_EQ(peer->body(1), "payload");
  EXPECT_TRUE(peer->ended(1));
  peer->send(frame(test::kRstStream, 0, 1, test::big_endian(NGHTTP2_REFUSED_STREAM, 4)));
  ASSERT_TRUE(failed(one));
  EXPECT_EQ(one.error().phase, Phase::kNothingAccepted);
  ASSERT_NE(one.request.body.whole(), nullptr);
  EXPECT_EQ(one.request.body.whole()->view(), "payload");
}

TEST_F(H2ConnectionTest, DeliversInterimResponsesAndTrailers) {  // gRPC
  greet();
  Call& one = call();
  one.request.head.headers.add("te", "trailers");
  go(one);
  settle();
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field("te"), "trailers");
  peer->headers(1, {{":status", "103"}});
  peer->headers(1, kOk);
  peer->send(frame(test::kData, 0, 1, "x"));
  peer->headers(1, {{"grpc-status", "0"}}, kWhole);
  ASSERT_TRUE(finished(one));
  EXPECT_EQ(one.interim, std::vector<int>{103});
  ASSERT_NE((*one.outcome)->body.trailers(), nullptr);
  EXPECT_EQ((*one.outcome)->body.trailers()->find("grpc-status")->value, "0");
}

TEST_F(H2ConnectionTest, SendsABodyWhileItAwaitsTheAnswer) {
  greet();
  Feed& feed = feeds.emplace_back();
  Call& one = call("/", Body(std::make_unique<FedBody>(feed), std::nullopt));
  go(one);
  for (int i = 0; i < 3; ++i) {
    feed.bytes.push(Slice::copy("ab"));
    feed.signal.notify();
    settle();
  }
  EXPECT_EQ(peer->body(1), "ababab");
  EXPECT_EQ(one.sent, 0);
  peer->headers(1, kOk);  // early: the request goes on
  ASSERT_TRUE(answered(one));
  feed.bytes.push(Slice::copy("!"));
  feed.ended = true;
  feed.signal.notify();
  ASSERT_TRUE(run_until([&] { return peer->ended(1); }));
  EXPECT_EQ(peer->body(1), "ababab!");
  peer->send(frame(test::kData, test::kEndStream, 1, "done"));
  ASSERT_TRUE(finished(one));
  EXPECT_EQ(one.body, "done");
}

TEST_F(H2ConnectionTest, PullsNoMoreOfARequestThanTheUpstreamTakes) {  // back-pressure
  greet();
  Feed& feed = feeds.emplace_back();
  for (int i = 0; i < 1000; ++i) feed.bytes.push(Slice::copy(std::string(10'000, 'x')));
  feed.ended = true;
  Call& one = call("/", Body(std::make_unique<FedBody>(feed), std::nullopt));
  go(one);
  settle();
  EXPECT_EQ(peer->body(1).size(), 65535U);
  EXPECT_LE(feed.pulled, 65535U + 64 * 1024 + 20'000);
}

TEST_F(H2ConnectionTest, TakesNoMoreOfAnAnswerThanItsWindow) {  // back-pressure
  greet();
  Call& one = call();
  one.read_body = false;
  go(one);
  settle();
  peer->headers(1, kOk);
  for (int i = 0; i < 16; ++i) peer->send(frame(test::kData, 0, 1, std::string(16384, 'x')));
  ASSERT_TRUE(answered(one));
  settle();
  EXPECT_EQ(peer->find(test::kWindowUpdate, 1), nullptr);
  CancelScope scope;
  std::size_t read = 0;
  calls.tasks->spawn([](Body& body, CancelScope& s, std::size_t& n) -> Task<void> {
    while (n < 200'000) {
      Result<Slice> bytes = co_await body.read(s);
      n += bytes->size();
    }
  }((*one.outcome)->body, scope, read));
  ASSERT_TRUE(run_until([&] { return peer->find(test::kWindowUpdate, 1) != nullptr; }));
}

TEST_F(H2ConnectionTest, HonoursTheLimitOfTheUpstream) {
  greet(test::setting(3, 2));
  get();
  EXPECT_TRUE(connection->can_take());
  get();
  EXPECT_FALSE(connection->can_take());
  int room = 0;
  connection->on_room([&] { ++room; });
  settle();
  peer->headers(1, kOk, kWhole);
  ASSERT_TRUE(run_until([&] { return room == 1; }));
  EXPECT_TRUE(connection->can_take());
}

TEST_F(H2ConnectionTest, SendsAWebSocketUpgradeAsExtendedConnect) {  // RFC 8441, RFC 6455 1.3
  peer->reading = false;  // so that the first frame of the upstream is not an acknowledgement
  Call& one = call();
  one.request.head.protocol = "websocket";
  one.request.head.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  go(one);
  settle();
  EXPECT_EQ(connection->live(), 0U);  // not before the upstream says that it takes it
  peer->reading = true;
  greet(test::setting(8, 1));
  ASSERT_TRUE(run_until([&] { return peer->find(test::kHeaders, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field(":protocol"), "websocket");
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field("sec-websocket-key"), "");
  peer->headers(1, kOk);
  ASSERT_TRUE(answered(one));
  const http::Response& response = **one.outcome;
  EXPECT_EQ(response.head.status, 101);
  EXPECT_EQ(response.head.headers.find("sec-websocket-accept")->value,
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  ASSERT_NE(response.tunnel, nullptr);
  calls.tasks->spawn([](http::Tunnel& tunnel, CancelScope& scope) -> Task<void> {
    (void)co_await tunnel.write(Slice::copy("frame"), scope);
    (void)co_await tunnel.finish(scope);
  }(*response.tunnel, *one.scope));
  ASSERT_TRUE(run_until([&] { return peer->ended(1); }));
  EXPECT_EQ(peer->body(1), "frame");
}

TEST_F(H2ConnectionTest, SaysWhenAnUpgradeIsNotTaken) {
  greet();
  Call& one = call();
  one.request.head.protocol = "websocket";
  go(one);
  ASSERT_TRUE(failed(one));
  EXPECT_EQ(one.error().reason, "http_upgrade_failed");
  EXPECT_EQ(one.error().phase, Phase::kNothingAccepted);
}

}  // namespace
}  // namespace outrigger::upstream
