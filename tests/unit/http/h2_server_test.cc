#include "proxy/http/h2_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/http/h2_peer.h"

namespace outrigger::http {
namespace {

using test::Fields;
using test::frame;

constexpr int kWhole = test::kEndHeaders | test::kEndStream;
const Fields kGet{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}};
const Fields kPost{{":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}};

using Serve = std::function<Task<void>(Request, ResponseSink&, CancelScope&)>;

// A body that a test feeds by hand.
class ScriptedBody final : public BodySource {
 public:
  struct Script {
    SliceQueue bytes;
    bool ended = false;
    bool broken = false;
    bool destroyed = false;
    std::size_t reads = 0;
    Headers trailers;
    Signal signal;
  };
  explicit ScriptedBody(Script& script) : script_(script) {}
  ~ScriptedBody() override { script_.destroyed = true; }
  Task<Result<Slice>> read(CancelScope& scope) override {
    ++script_.reads;
    while (!ready()) CO_TRY(co_await script_.signal.wait(scope));
    if (!script_.bytes.empty()) co_return script_.bytes.pop();
    if (script_.broken) co_return fail(Errc::kReset, Origin::kUpstream, "http_response_incomplete");
    co_return Slice{};
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !script_.bytes.empty() || script_.ended || script_.broken;
  }
  [[nodiscard]] const Headers* trailers() const noexcept override {
    return script_.trailers.empty() ? nullptr : &script_.trailers;
  }

 private:
  Script& script_;
};

class H2ServerTest : public testing::Test, public ExchangeHandler {
 protected:
  ~H2ServerTest() override = default;

  void start(Serve serve_one) {
    serve_one_ = std::move(serve_one);
    auto [ours, theirs] = test::socket_pair();
    peer.emplace(std::move(theirs));
    peer->acknowledges = acknowledges;
    stream = std::make_unique<Stream>(loop, std::move(ours), Origin::kClient);
    server = std::make_unique<H2Server>(*stream, settings, *this, client);
    tasks.emplace(loop);
    tasks->spawn(run());
    peer->hello();
  }

  void TearDown() override {
    if (peer) peer->close();
    if (tasks) EXPECT_TRUE(run_until([&] { return done; }));
    if (tasks) EXPECT_TRUE(run_until([&] { return tasks->empty(); }));
    tasks.reset();
    server.reset();
    stream.reset();
    peer.reset();
    EXPECT_EQ(loop.timers(), 0U);
    EXPECT_EQ(loop.watches(), 0U);
    EXPECT_EQ(FramePool::live(), 0U);
    serve_one_ = {};
  }

  bool run_until(const std::function<bool()>& what) { return test::run_until(loop, *peer, what); }
  void settle() { test::settle(loop, *peer); }
  bool ended(std::int32_t id) {
    return run_until([&] { return peer->ended(id); });
  }

  static Response answer(int status, std::string_view body) {
    Response response;
    response.head.status = status;
    if (!body.empty()) response.body = Body(Slice::copy(body));
    return response;
  }

  EventLoop loop;
  ServerSettings settings;
  ClientInfo client;
  CancelScope connection;
  std::optional<test::H2Peer> peer;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<H2Server> server;
  std::optional<TaskGroup> tasks;
  bool acknowledges = true;
  bool done = false;
  int served = 0;
  int cancelled = 0;
  std::vector<Delivery> deliveries;

 private:
  Task<void> run() {
    co_await server->run({}, connection);
    stream.reset();
    done = true;
  }
  Task<void> serve(Request request, ResponseSink& sink, const ClientInfo&, CancelScope& scope) override {
    ++served;
    co_await serve_one_(std::move(request), sink, scope);
    if (scope.cancelled()) ++cancelled;
  }
  Response refuse(int status, std::string_view code, std::string_view, const ClientInfo&) override {
    return answer(status, code);
  }
  Serve serve_one_;
};

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
    ASSERT_TRUE(run_until([&] { return peer->body(1).size() == 9U * static_cast<std::size_t>(i + 1); }));
  }
  script.ended = true;
  script.signal.notify();
  ASSERT_TRUE(ended(1));
}

TEST_F(H2ServerTest, CutsABodyThatFailsInsteadOfEndingIt) {  // DESIGN 1.3
  ScriptedBody::Script script;
  script.bytes.push(Slice::copy("half"));
  script.broken = true;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    Response response = answer(200, "");
    response.body = Body(std::make_unique<ScriptedBody>(script), std::nullopt);
    deliveries.push_back(co_await sink.send(std::move(response), scope));
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kRstStream, 1)->number(), NGHTTP2_INTERNAL_ERROR);
  EXPECT_FALSE(peer->ended(1));
  ASSERT_EQ(deliveries.size(), 1U);
  EXPECT_EQ(deliveries[0].status.error().origin, Origin::kUpstream);
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

Task<void> wait_for_ever(Request, ResponseSink&, CancelScope& scope) {
  Signal never;
  (void)co_await never.wait(scope);
}

TEST_F(H2ServerTest, CancelsTheExchangeOfAClientThatResets) {
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

TEST_F(H2ServerTest, CancelsEveryExchangeWhenTheClientLeaves) {
  start(&wait_for_ever);
  for (std::int32_t id = 1; id < 20; id += 2) peer->headers(id, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return served == 10; }));
  peer->close();
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_EQ(cancelled, 10);
}

TEST_F(H2ServerTest, EndsWhenItsConnectionIsCancelled) {
  start(&wait_for_ever);
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return served == 1; }));
  connection.cancel({Errc::kCancelled, Origin::kProxy, "shutdown"});
  ASSERT_TRUE(run_until([&] { return done; }));
  EXPECT_EQ(cancelled, 1);
}

TEST_F(H2ServerTest, TearsDownWhileEverythingWaits) {
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

TEST_F(H2ServerTest, FinishesRunningStreamsWhenDrained) {  // RFC 9113 6.8
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
  ASSERT_TRUE(run_until([&] { return peer->reader.frames.back().type == test::kGoaway &&
                                     peer->reader.frames.back().number() == 1; }));
  EXPECT_FALSE(done);
  go.notify();
  ASSERT_TRUE(ended(1));
  EXPECT_EQ(peer->body(1), "late");
  ASSERT_TRUE(run_until([&] { return peer->closed; }));
  peer->close();
  ASSERT_TRUE(run_until([&] { return done; }));
}

TEST_F(H2ServerTest, ClosesIdleConnections) {
  settings.first_request_idle = 20ms;
  start(&wait_for_ever);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(4), NGHTTP2_NO_ERROR);
  ASSERT_TRUE(run_until([&] { return peer->closed; }));
}

TEST_F(H2ServerTest, EndsAConnectionThatNeverAcknowledgesItsSettings) {  // RFC 9113 6.5.3
  settings.head_time = 20ms;
  acknowledges = false;
  start(&wait_for_ever);
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(4), NGHTTP2_SETTINGS_TIMEOUT);
}

TEST_F(H2ServerTest, EndsAConnectionThatTricklesAHead) {  // architecture 10, Slowloris
  settings.head_time = 20ms;
  start(&wait_for_ever);
  settle();
  peer->send(frame(test::kHeaders, 0, 1, peer->reader.hpack.encode(kGet)));
  ASSERT_TRUE(run_until([&] { return peer->find(test::kGoaway, 0) != nullptr; }));
  EXPECT_EQ(peer->find(test::kGoaway, 0)->number(4), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(H2ServerTest, FailsABodyThatCrawls) {
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

TEST_F(H2ServerTest, GivesUpOnAWindowThatStaysShut) {  // zero-window hold
  settings.write_stall = 20ms;
  start([&](Request, ResponseSink& sink, CancelScope& scope) -> Task<void> {
    deliveries.push_back(co_await sink.send(answer(200, std::string(100'000, 'x')), scope));
  });
  peer->headers(1, kGet, kWhole);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(deliveries[0].status.error().code, Errc::kTimeout);
}

TEST_F(H2ServerTest, GivesUpOnASocketThatIsNotRead) {
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
  peer->headers(3, {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"},
                    {":path", "/"}, {":authority", "a.test"}});
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

TEST_F(H2ServerTest, LeavesAFloodUnreadWhileExchangesAreCancelled) {
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
    peer->send(frame(test::kRstStream, 0, id, test::big_endian(8, 4)));
    settle();
    most = std::max(most, waiting);
  }
  EXPECT_LE(most, 11);
}

}  // namespace
}  // namespace outrigger::http
