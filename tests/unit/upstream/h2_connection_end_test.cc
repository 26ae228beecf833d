// How exchanges and H2Connections end: resets, GOAWAY, dead peers, drain, tear-down in any order.
#include "tests/unit/upstream/h2_connection_test.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace outrigger::upstream {
namespace {

using H2ConnectionEndTest = H2ConnectionTest;

TEST_F(H2ConnectionEndTest, ResetsTheStreamOfACancelledExchange) {
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

TEST_F(H2ConnectionEndTest, ResetsTheStreamOfAnAbandonedBody) {
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

TEST_F(H2ConnectionEndTest, FailsTheExchangeWhoseRequestBodyFails) {
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
  bool has_body;  // a body that never ends
  std::function<void(test::H2Peer&)> happens;
  Phase phase;
  std::string_view reason;
};

TEST_F(H2ConnectionEndTest, SaysHowFarAFailedRequestGot) {  // DESIGN 2
  const auto reset = [](std::uint32_t code) {
    return [code](test::H2Peer& p) {
      p.send(frame(test::kRstStream, 0, 1, test::big_endian(code, 4)));
    };
  };
  const auto goaway = [](test::H2Peer& p) {
    p.send(frame(test::kGoaway, 0, 0, test::big_endian(0, 4) + test::big_endian(0, 4)));
  };
  const auto close = [](test::H2Peer& p) { p.close(); };
  const Failure rows[] = {
      {"RFC 9113 8.7 REFUSED_STREAM", false, reset(7), Phase::kNothingAccepted, "stream_refused"},
      {"RFC 9113 6.8 GOAWAY below", false, goaway, Phase::kNothingAccepted, "stream_refused"},
      {"reset after all was sent", false, reset(2), Phase::kFullyWritten, "connection_terminated"},
      {"reset while the body is sent", true, reset(2), Phase::kPartlyWritten,
       "connection_terminated"},
      {"closed after all was sent", false, close, Phase::kFullyWritten, "connection_terminated"},
      {"closed while the body is sent", true, close, Phase::kPartlyWritten,
       "connection_terminated"},
  };
  for (const Failure& row : rows) {
    connect();
    greet();
    Feed& feed = feeds.emplace_back();
    Call& one =
        call("/", row.has_body ? Body(std::make_unique<FedBody>(feed), std::nullopt) : Body());
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

TEST_F(H2ConnectionEndTest, FailsABodyThatIsCutShort) {  // DESIGN 1.3
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

// A reader of an answer with a length need not ask for its end: an HTTP/1 client has it all.
class H2ConnectionAnswerEndTest : public H2ConnectionTest {
 protected:
  // An answer of which all four bytes were read, and not its end.
  Call& read_to_its_length() {
    greet();
    Call& one = call();
    one.read_body = false;
    go(one);
    settle();
    peer->headers(1, {{":status", "200"}, {"content-length", "4"}});
    peer->send(frame(test::kData, 0, 1, "true"));
    EXPECT_TRUE(answered(one));
    calls.tasks->spawn([](Call& it) -> Task<void> {
      Result<Slice> bytes = co_await (*it.outcome)->body.read(*it.scope);
      it.body = bytes ? bytes->view() : "";
    }(one));
    EXPECT_TRUE(run_until([&] { return one.body == "true"; }));
    one.outcome.reset();
    return one;
  }
};

TEST_F(H2ConnectionAnswerEndTest, IsAwaitedBehindItsLength) {
  read_to_its_length();
  settle();
  EXPECT_EQ(peer->find(test::kRstStream, 1), nullptr);
  EXPECT_EQ(connection->live(), 1u);
  peer->send(frame(test::kData, test::kEndStream, 1, ""));
  EXPECT_TRUE(run_until([&] { return connection->live() == 0; }));
  EXPECT_EQ(peer->find(test::kRstStream, 1), nullptr);
}

TEST_F(H2ConnectionAnswerEndTest, IsNotAwaitedForEver) {
  settings.end_wait = 1ms;
  connect();
  read_to_its_length();
  EXPECT_TRUE(run_until([&] { return peer->find(test::kRstStream, 1) != nullptr; }));
}

TEST_F(H2ConnectionAnswerEndTest, IsAwaitedByNobodyWhenTheConnectionGoes) {
  read_to_its_length();
  connection.reset();
  settle();
}

// RFC 9113 8.7 speaks of streams that nothing was done with: after a head it would be a lie.
TEST_F(H2ConnectionEndTest, ARefusalAfterTheHeadIsNone) {
  greet();
  Call& one = get();
  settle();
  peer->headers(1, kOk);
  settle();
  peer->send(frame(test::kRstStream, 0, 1, test::big_endian(NGHTTP2_REFUSED_STREAM, 4)));
  ASSERT_TRUE(finished(one));
  ASSERT_FALSE(*one.body_status);
  EXPECT_EQ(one.body_status->error().reason, "http_response_incomplete");
  EXPECT_EQ(one.body_status->error().phase, Phase::kAnswered);
}

TEST_F(H2ConnectionEndTest, FinishesWhatRunsAfterAGoaway) {
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

TEST_F(H2ConnectionEndTest, ClosesWhenDrained) {
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

TEST_F(H2ConnectionEndTest, FailsExchangesAndBodiesThatOutliveIt) {
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

TEST_F(H2ConnectionEndTest, FindsADeadUpstream) {
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

TEST_F(H2ConnectionEndTest, KeepsAnUpstreamThatAnswersPings) {
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

TEST_F(H2ConnectionEndTest, FailsAnUpgradeWhoseUpstreamDiesBeforeItsSettings) {
  Call& one = call();
  one.request.head.protocol = "websocket";
  go(one);
  settle();
  peer->close();
  ASSERT_TRUE(failed(one));
  EXPECT_EQ(one.error().reason, "connection_terminated");
  EXPECT_EQ(one.error().phase, Phase::kNothingAccepted);
}

TEST_F(H2ConnectionEndTest, EndsOnAFloodOfTheUpstream) {
  greet();
  Call& one = get();
  settle();
  for (int i = 0; i < 1200; ++i) peer->send(frame(test::kPing, 0, 0, "12345678"));
  ASSERT_TRUE(failed(one));
  ASSERT_TRUE(run_until([&] { return closed == 1; }));
}

TEST_F(H2ConnectionEndTest, SurvivesOwnersThatLetGoInAnyOrder) {
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
