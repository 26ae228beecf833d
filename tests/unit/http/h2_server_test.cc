#include "tests/unit/http/h2_server_test.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace outrigger::http {
namespace {

TEST_F(H2ServerTest, AnswersManyRequestsSideBySide) {
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response = answer(200, request.head.target);
    response.head.headers.add("x-a", "b");
    deliveries.push_back(co_await sink.send(std::move(response), scope));
  });
  for (std::int32_t id = 1; id < 60; id += 2) {
    Fields fields = kGet;
    fields[2].second = "/" + std::to_string(id);
    peer->headers(id, fields, kWhole);
  }
  for (std::int32_t id = 1; id < 60; id += 2) {
    ASSERT_TRUE(ended(id)) << id;
    EXPECT_EQ(peer->body(id), "/" + std::to_string(id));
    EXPECT_EQ(peer->find(test::kHeaders, id)->field("x-a"), "b");
  }
  ASSERT_EQ(deliveries.size(), 30U);
  for (const Delivery& delivery : deliveries) {
    EXPECT_TRUE(delivery.status);
    EXPECT_EQ(delivery.http_status, 200);
  }
}

TEST_F(H2ServerTest, HandsOverASmallBodyInWhole) {
  bool whole = false;
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    whole = request.body.whole() != nullptr;
    Result<Slice> body = co_await request.body.read(scope);
    (void)co_await sink.send(answer(200, body->view()), scope);
  });
  peer->send(frame(test::kHeaders, test::kEndHeaders, 1, peer->reader.hpack.encode(kPost)) +
             frame(test::kData, test::kEndStream, 1, "ping"));
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->body(1), "ping");
  EXPECT_TRUE(whole);
}

TEST_F(H2ServerTest, StreamsARequestBodyWithItsTrailers) {
  std::string body;
  std::string trailer;
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    for (;;) {
      Result<Slice> bytes = co_await request.body.read(scope);
      if (!bytes || bytes->empty()) break;
      body += bytes->view();
    }
    if (request.body.trailers() != nullptr) trailer = request.body.trailers()->find("x-sum")->value;
    (void)co_await sink.send(answer(204, ""), scope);
  });
  peer->headers(1, kPost);
  for (int i = 0; i < 100; ++i) {
    peer->send(frame(test::kData, 0, 1, std::string(5000, static_cast<char>('a' + i % 26))));
    settle();
  }
  peer->headers(1, {{"x-sum", "7"}}, kWhole);
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(body.size(), 500'000U);
  EXPECT_EQ(trailer, "7");
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field(":status"), "204");
}

TEST_F(H2ServerTest, HoldsNoMoreOfAnUnreadBodyThanItsWindow) {  // back-pressure
  Signal go;
  std::size_t total = 0;
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    (void)co_await go.wait(scope);
    for (;;) {
      Result<Slice> bytes = co_await request.body.read(scope);
      if (!bytes || bytes->empty()) break;
      total += bytes->size();
    }
    (void)co_await sink.send(answer(200, "ok"), scope);
  });
  peer->headers(1, kPost);
  settle();
  constexpr std::size_t kWindow = 256 * 1024;
  for (std::size_t sent = 0; sent < kWindow; sent += 16384) {
    peer->send(frame(test::kData, 0, 1, std::string(16384, 'x')));
  }
  settle();
  EXPECT_EQ(peer->find(test::kWindowUpdate, 1), nullptr);
  go.notify();
  ASSERT_TRUE(run_until([&] { return peer->find(test::kWindowUpdate, 1) != nullptr; }));
  peer->send(frame(test::kData, test::kEndStream, 1, "end"));
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(total, kWindow + 3);
}

TEST_F(H2ServerTest, PullsNoMoreOfAResponseThanTheClientTakes) {  // back-pressure
  ScriptedBody::Script script;
  for (int i = 0; i < 1000; ++i) script.bytes.push(Slice::copy(std::string(10'000, 'x')));
  script.ended = true;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response = answer(200, "");
    response.body = Body(std::make_unique<ScriptedBody>(script), std::nullopt);
    deliveries.push_back(co_await sink.send(std::move(response), scope));
  });
  peer->headers(1, kGet, kWhole);
  settle();
  // The client's window is 65,535: beyond it only what may be queued is pulled.
  EXPECT_EQ(peer->body(1).size(), 65535U);
  EXPECT_GE(script.bytes.bytes(), 10'000'000U - 65535 - 64 * 1024 - 20'000);
  peer->send(frame(test::kWindowUpdate, 0, 0, test::big_endian(1 << 30, 4)));
  peer->send(frame(test::kWindowUpdate, 0, 1, test::big_endian(1 << 30, 4)));
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->body(1).size(), 10'000'000U);
  ASSERT_TRUE(run_until([&] { return deliveries.size() == 1; }));
  EXPECT_EQ(deliveries[0].body_bytes, 10'000'000U);
}

TEST_F(H2ServerTest, PassesEventsOnWithoutWaitingForMore) {  // server-sent events
  ScriptedBody::Script script;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response = answer(200, "");
    response.body = Body(std::make_unique<ScriptedBody>(script), std::nullopt);
    (void)co_await sink.send(std::move(response), scope);
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kHeaders, 1) != nullptr; }));
  for (int i = 0; i < 5; ++i) {
    script.bytes.push(Slice::copy("data: x\n\n"));
    script.signal.notify();
    ASSERT_TRUE(
        run_until([&] { return peer->body(1).size() == 9U * static_cast<std::size_t>(i + 1); }));
  }
  script.ended = true;
  script.signal.notify();
  ASSERT_TRUE(ended(1));
}

TEST_F(H2ServerTest, CutsABodyThatFailsInsteadOfEndingIt) {  // DESIGN 1.3
  ScriptedBody::Script script;
  script.bytes.push(Slice::copy("half"));
  script.broken = true;
  Signal afterwards;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response = answer(200, "");
    response.body = Body(std::make_unique<ScriptedBody>(script), std::nullopt);
    deliveries.push_back(co_await sink.send(std::move(response), scope));
    (void)co_await afterwards.wait(scope);  // the client must not wait for this
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kRstStream, 1)->number(), NGHTTP2_INTERNAL_ERROR);
  EXPECT_FALSE(peer->ended(1));
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].status.error().origin, Origin::kUpstream);
  afterwards.notify();
}

TEST_F(H2ServerTest, SendsTrailersAndInterimResponses) {
  ScriptedBody::Script script;
  script.trailers.add("grpc-status", "0");
  script.bytes.push(Slice::copy("x"));
  script.ended = true;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    ResponseHead hint;
    hint.status = 103;
    (void)co_await sink.interim(std::move(hint), scope);
    Response response = answer(200, "");
    response.body = Body(std::make_unique<ScriptedBody>(script), std::nullopt);
    (void)co_await sink.send(std::move(response), scope);
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field(":status"), "103");
  EXPECT_EQ(peer->find(test::kHeaders, 1, test::kEndStream)->field("grpc-status"), "0");
}

TEST_F(H2ServerTest, AnswersHeadWithoutABody) {
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response = answer(200, "never sent");
    response.head.headers.add("content-length", "10");
    deliveries.push_back(co_await sink.send(std::move(response), scope));
  });
  Fields head = kGet;
  head[0].second = "HEAD";
  peer->headers(1, head, kWhole);
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->body(1), "");
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field("content-length"), "10");
}

TEST_F(H2ServerTest, TellsAWaitingClientToGoOnWhenTheBodyIsRead) {  // RFC 9110 10.1.1
  bool forwarded = false;
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    forwarded = request.head.headers.find(HeaderId::kExpect) != nullptr;
    Result<Slice> body = co_await request.body.read(scope);
    (void)co_await sink.send(answer(200, body->view()), scope);
  });
  Fields fields = kPost;
  fields.emplace_back("expect", "100-continue");
  peer->headers(1, fields);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kHeaders, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field(":status"), "100");
  peer->send(frame(test::kData, test::kEndStream, 1, "x"));
  ASSERT_TRUE(ended(1));
  EXPECT_FALSE(forwarded);
}

TEST_F(H2ServerTest, AsksAClientToStopOnceItIsAnswered) {  // RFC 9113 8.1
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    (void)co_await sink.send(answer(413, "no"), scope);
  });
  peer->headers(1, kPost);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_TRUE(peer->ended(1));
  EXPECT_EQ(peer->find(test::kRstStream, 1)->number(), NGHTTP2_NO_ERROR);
}

TEST_F(H2ServerTest, ResetsAStreamWhoseHandlerSaysNothing) {
  start([&](Request, ResponseSink&, CancelScope&) -> Task<void> { co_return; });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kRstStream, 1)->number(), NGHTTP2_INTERNAL_ERROR);
}

TEST_F(H2ServerTest, RefusesWithAnAnswerThatTheClientCanRead) {
  start([&](Request, ResponseSink&, CancelScope&) -> Task<void> { co_return; });
  Fields fields = kGet;
  fields.emplace_back("host", "b.test");
  peer->headers(1, fields, kWhole);
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->find(test::kHeaders, 1)->field(":status"), "400");
  EXPECT_EQ(peer->body(1), "authority_mismatch");
  EXPECT_EQ(served, 0);
}

class EchoTunnel final : public Tunnel {
 public:
  Task<Result<Slice>> read(CancelScope& scope) override {
    while (bytes_.empty() && !finished_) CO_TRY(co_await signal_.wait(scope));
    if (bytes_.empty()) co_return Slice{};
    co_return bytes_.pop();
  }
  Task<Status> write(Slice bytes, CancelScope&) override {
    bytes_.push(std::move(bytes));
    signal_.notify();
    co_return Status{};
  }
  Task<Status> finish(CancelScope&) override {
    finished_ = true;
    signal_.notify();
    co_return Status{};
  }

 private:
  SliceQueue bytes_;
  bool finished_ = false;
  Signal signal_;
};

TEST_F(H2ServerTest, TunnelsConnectAndExtendedConnect) {  // RFC 9113 8.5, RFC 8441
  start([&](Request request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response;
    response.head.status = request.head.protocol.empty() ? 200 : 101;
    response.tunnel = std::make_unique<EchoTunnel>();
    deliveries.push_back(co_await sink.send(std::move(response), scope));
  });
  peer->headers(1, {{":method", "CONNECT"}, {":authority", "a.test:443"}});
  peer->headers(3, {{":method", "CONNECT"},
                    {":protocol", "websocket"},
                    {":scheme", "http"},
                    {":path", "/"},
                    {":authority", "a.test"}});
  for (const std::int32_t id : {1, 3}) {
    ASSERT_TRUE(run_until([&] { return peer->find(test::kHeaders, id) != nullptr; }));
    EXPECT_EQ(peer->find(test::kHeaders, id)->field(":status"), "200");
    peer->send(frame(test::kData, 0, id, "hello"));
    ASSERT_TRUE(run_until([&] { return peer->body(id) == "hello"; }));
    peer->send(frame(test::kData, test::kEndStream, id, "!"));
    ASSERT_TRUE(ended(id));
    EXPECT_EQ(peer->body(id), "hello!");
  }
  ASSERT_TRUE(run_until([&] { return deliveries.size() == 2; }));
  EXPECT_TRUE(deliveries[0].status && deliveries[1].status);
}

}  // namespace
}  // namespace outrigger::http
