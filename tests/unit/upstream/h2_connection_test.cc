#include "proxy/upstream/h2_connection.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/http/h2_peer.h"

namespace outrigger::upstream {
namespace {

using http::Body;
using http::HeaderId;
using http::Method;
using test::Fields;
using test::frame;

constexpr int kWhole = test::kEndHeaders | test::kEndStream;
const Fields kOk{{":status", "200"}};

// A request body that a test feeds by hand.
struct Feed {
  SliceQueue bytes;
  bool ended = false;
  bool broken = false;
  bool destroyed = false;
  std::size_t pulled = 0;
  Signal signal;
};
class FedBody final : public http::BodySource {
 public:
  explicit FedBody(Feed& feed) : feed_(feed) {}
  ~FedBody() override { feed_.destroyed = true; }
  Task<Result<Slice>> read(CancelScope& scope) override {
    while (!ready()) CO_TRY(co_await feed_.signal.wait(scope));
    if (feed_.broken) co_return fail(Errc::kReset, Origin::kClient, "client_gone");
    if (feed_.bytes.empty()) co_return Slice{};
    Slice bytes = feed_.bytes.pop();
    feed_.pulled += bytes.size();
    co_return bytes;
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !feed_.bytes.empty() || feed_.ended || feed_.broken;
  }

 private:
  Feed& feed_;
};

// One exchange as a test sees it.
struct Call final : RequestProgress {
  http::Request request;
  std::unique_ptr<CancelScope> scope = std::make_unique<CancelScope>();
  std::optional<Result<http::Response>> outcome;
  std::string body;
  std::optional<Status> body_status;
  bool read_body = true;
  bool sending = false;
  int sent = 0;
  std::vector<int> interim;

  void on_sending() override { sending = true; }
  void on_request_sent() override { ++sent; }
  Task<Status> on_interim(http::ResponseHead head) override {
    interim.push_back(head.status);
    co_return Status{};
  }
  [[nodiscard]] const Error& error() const { return outcome->error(); }
};

class H2ConnectionTest : public testing::Test {
 protected:
  void SetUp() override { connect(); }
  void connect() {
    auto [ours, theirs] = test::socket_pair();
    peer.emplace(std::move(theirs));
    peer->reader.skip_preface = true;
    connection = std::make_unique<H2Connection>(
        std::make_unique<Stream>(loop, std::move(ours), Origin::kUpstream), settings,
        [this] { ++closed, connection.reset(); });
  }
  void TearDown() override {
    calls.clear_responses();
    connection.reset();
    settle();
    calls.tasks.reset();
    calls.all.clear();
    EXPECT_EQ(loop.timers(), 0U);
    EXPECT_EQ(loop.watches(), 0U);
    EXPECT_EQ(FramePool::live(), 0U);
  }

  Call& call(std::string_view target = "/", Body body = {}) {
    calls.all.push_back(std::make_unique<Call>());
    Call& one = *calls.all.back();
    one.request.head.method = body.length() == std::uint64_t{0} ? Method::kGet : Method::kPost;
    one.request.head.method_text = one.request.head.method == Method::kGet ? "GET" : "POST";
    one.request.head.authority = "a.test";
    one.request.head.target = target;
    one.request.body = std::move(body);
    return one;
  }
  void go(Call& one) { calls.tasks->spawn(run(one)); }
  Call& get(std::string_view target = "/") {
    Call& one = call(target);
    go(one);
    return one;
  }
  Task<void> run(Call& one) {
    one.outcome = co_await connection->exchange(one.request, *one.scope, &one);
    if (!*one.outcome || !one.read_body || (*one.outcome)->tunnel != nullptr) co_return;
    for (;;) {
      Result<Slice> bytes = co_await (*one.outcome)->body.read(*one.scope);
      if (!bytes) one.body_status = std::unexpected(bytes.error());
      if (bytes && bytes->empty()) one.body_status = Status{};
      if (one.body_status) co_return;
      one.body += bytes->view();
    }
  }
  bool run_until(const std::function<bool()>& what) { return test::run_until(loop, *peer, what); }
  void settle() { test::settle(loop, *peer); }
  void greet(std::string_view entries = {}) {
    peer->send(frame(test::kSettings, 0, 0, entries));
    settle();
  }
  bool answered(const Call& one) {
    return run_until([&] { return one.outcome.has_value(); });
  }
  bool finished(const Call& one) {
    return run_until([&] { return one.body_status.has_value(); });
  }
  bool failed(const Call& one) { return answered(one) && !one.outcome->has_value(); }

  EventLoop loop;
  H2ConnectionSettings settings;
  std::optional<test::H2Peer> peer;
  std::unique_ptr<H2Connection> connection;
  int closed = 0;
  std::deque<Feed> feeds;
  struct Calls {
    explicit Calls(EventLoop& its_loop) { tasks.emplace(its_loop); }
    void clear_responses() {
      tasks.reset();
      for (const auto& one : all) one->outcome.reset();
    }
    std::vector<std::unique_ptr<Call>> all;
    std::optional<TaskGroup> tasks;
  } calls{loop};
};

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

TEST_F(H2ConnectionTest, ResetsTheStreamOfACancelledExchange) {
  greet();
  Call& one = get();
  settle();
  one.scope->cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  ASSERT_TRUE(failed(one));
  EXPECT_EQ(one.error().code, Errc::kCancelled);
  EXPECT_EQ(one.error().origin, Origin::kClient);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kRstStream, 1)->number(), NGHTTP2_CANCEL);
}

TEST_F(H2ConnectionTest, ResetsTheStreamOfAnAbandonedBody) {
  greet();
  Call& one = call();
  one.read_body = false;
  go(one);
  settle();
  peer->headers(1, kOk);
  ASSERT_TRUE(answered(one));
  one.outcome.reset();
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_EQ(peer->find(test::kRstStream, 1)->number(), NGHTTP2_CANCEL);
  EXPECT_EQ(closed, 0);
}

TEST_F(H2ConnectionTest, FailsTheExchangeWhoseRequestBodyFails) {
  greet();
  Feed& feed = feeds.emplace_back();
  Call& one = call("/", Body(std::make_unique<FedBody>(feed), std::nullopt));
  go(one);
  settle();
  feed.broken = true;
  feed.signal.notify();
  ASSERT_TRUE(failed(one));
  EXPECT_EQ(one.error().origin, Origin::kClient);
  ASSERT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
  EXPECT_FALSE(peer->ended(1));
}

struct Failure {
  const char* name;
  bool has_body;                              // a body that never ends
  std::function<void(test::H2Peer&)> happens;
  Phase phase;
  std::string_view reason;
};

TEST_F(H2ConnectionTest, SaysHowFarAFailedRequestGot) {  // DESIGN 2
  const auto reset = [](std::uint32_t code) {
    return [code](test::H2Peer& p) { p.send(frame(test::kRstStream, 0, 1, test::big_endian(code, 4))); };
  };
  const auto goaway = [](test::H2Peer& p) {
    p.send(frame(test::kGoaway, 0, 0, test::big_endian(0, 4) + test::big_endian(0, 4)));
  };
  const auto close = [](test::H2Peer& p) { p.close(); };
  const Failure rows[] = {
      {"RFC 9113 8.7 REFUSED_STREAM", false, reset(7), Phase::kNothingAccepted, "stream_refused"},
      {"RFC 9113 6.8 GOAWAY below", false, goaway, Phase::kNothingAccepted, "stream_refused"},
      {"reset after all was sent", false, reset(2), Phase::kFullyWritten, "connection_terminated"},
      {"reset while the body is sent", true, reset(2), Phase::kPartlyWritten, "connection_terminated"},
      {"closed after all was sent", false, close, Phase::kFullyWritten, "connection_terminated"},
      {"closed while the body is sent", true, close, Phase::kPartlyWritten, "connection_terminated"},
  };
  for (const Failure& row : rows) {
    connect();
    greet();
    Feed& feed = feeds.emplace_back();
    Call& one = call("/", row.has_body ? Body(std::make_unique<FedBody>(feed), std::nullopt) : Body());
    go(one);
    settle();
    row.happens(*peer);
    ASSERT_TRUE(failed(one)) << row.name;
    EXPECT_EQ(one.error().phase, row.phase) << row.name;
    EXPECT_EQ(one.error().reason, row.reason) << row.name;
    EXPECT_EQ(one.error().origin, Origin::kUpstream) << row.name;
    one.request.body = Body();
    settle();
  }
}

TEST_F(H2ConnectionTest, FailsABodyThatIsCutShort) {  // DESIGN 1.3
  greet();
  Call& one = get();
  settle();
  peer->headers(1, kOk);
  peer->send(frame(test::kData, 0, 1, "half"));
  settle();
  peer->close();
  ASSERT_TRUE(finished(one));
  EXPECT_EQ(one.body, "half");
  ASSERT_FALSE(*one.body_status);
  EXPECT_EQ(one.body_status->error().reason, "http_response_incomplete");
  EXPECT_EQ(one.body_status->error().phase, Phase::kAnswered);
  ASSERT_TRUE(run_until([&] { return closed == 1; }));
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

TEST_F(H2ConnectionTest, FinishesWhatRunsAfterAGoaway) {
  greet();
  Call& one = get();
  settle();
  peer->send(frame(test::kGoaway, 0, 0, test::big_endian(1, 4) + test::big_endian(0, 4)));
  ASSERT_TRUE(run_until([&] { return connection->closing(); }));
  EXPECT_FALSE(connection->can_take());
  peer->headers(1, kOk);
  peer->send(frame(test::kData, test::kEndStream, 1, "fine"));
  ASSERT_TRUE(finished(one));
  EXPECT_EQ(one.body, "fine");
  ASSERT_TRUE(run_until([&] { return closed == 1; }));
}

TEST_F(H2ConnectionTest, ClosesWhenDrained) {
  greet();
  Call& one = get();
  settle();
  connection->drain();
  settle();
  EXPECT_EQ(closed, 0);
  peer->headers(1, kOk, kWhole);
  ASSERT_TRUE(answered(one));
  ASSERT_TRUE(run_until([&] { return closed == 1; }));
}

TEST_F(H2ConnectionTest, FailsExchangesAndBodiesThatOutliveIt) {
  greet();
  Call& waiting = get();
  Call& reading = get();
  settle();
  peer->headers(3, kOk);
  ASSERT_TRUE(answered(reading));
  connection.reset();
  ASSERT_TRUE(failed(waiting));
  ASSERT_TRUE(finished(reading));
  EXPECT_FALSE(*reading.body_status);
  EXPECT_EQ(closed, 0);
}

TEST_F(H2ConnectionTest, FindsADeadUpstream) {
  connection.reset();
  settings.ping_after = 10ms;
  settings.ping_wait = 10ms;
  connect();
  peer->acknowledges = false;
  greet();
  Call& one = get();
  ASSERT_TRUE(failed(one));
  EXPECT_NE(peer->find(test::kPing, 0), nullptr);
  EXPECT_EQ(one.error().reason, "connection_read_timeout");
}

TEST_F(H2ConnectionTest, KeepsAnUpstreamThatAnswersPings) {
  connection.reset();
  settings.ping_after = 5ms;
  settings.ping_wait = 5ms;
  settings.ping_again = 10ms;
  connect();
  greet();
  Call& one = get();
  const auto pings = [&] {
    int n = 0;
    for (const test::Frame& f : peer->reader.frames) n += f.type == test::kPing ? 1 : 0;
    return n;
  };
  ASSERT_TRUE(run_until([&] { return pings() >= 3; }));
  peer->headers(1, kOk, kWhole);
  ASSERT_TRUE(answered(one));
  EXPECT_TRUE(*one.outcome);
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
  EXPECT_EQ(response.head.headers.find("sec-websocket-accept")->value, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
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

TEST_F(H2ConnectionTest, FailsAnUpgradeWhoseUpstreamDiesBeforeItsSettings) {
  Call& one = call();
  one.request.head.protocol = "websocket";
  go(one);
  settle();
  peer->close();
  ASSERT_TRUE(failed(one));
  EXPECT_EQ(one.error().reason, "connection_terminated");
  EXPECT_EQ(one.error().phase, Phase::kNothingAccepted);
}

TEST_F(H2ConnectionTest, EndsOnAFloodOfTheUpstream) {
  greet();
  Call& one = get();
  settle();
  for (int i = 0; i < 1200; ++i) peer->send(frame(test::kPing, 0, 0, "12345678"));
  ASSERT_TRUE(failed(one));
  ASSERT_TRUE(run_until([&] { return closed == 1; }));
}

TEST_F(H2ConnectionTest, SurvivesOwnersThatLetGoInAnyOrder) {
  for (int order = 0; order < 6; ++order) {
    connection.reset();
    connect();
    greet();
    Feed& feed = feeds.emplace_back();
    Call& one = call("/", Body(std::make_unique<FedBody>(feed), std::nullopt));
    one.read_body = false;
    go(one);
    settle();
    if (order % 2 == 0) {
      peer->headers(1, kOk);
      peer->send(frame(test::kData, 0, 1, "x"));
      ASSERT_TRUE(answered(one));
    }
    if (order / 2 == 0) connection.reset();
    if (order / 2 == 1) peer->close();
    if (order / 2 == 2) one.outcome.reset();
    if (order / 2 != 2) settle();
    one.scope->cancel({});
    connection.reset();
    one.outcome.reset();
    settle();
    one.request.body = Body();
    EXPECT_TRUE(feed.destroyed);
  }
}

}  // namespace
}  // namespace outrigger::upstream
