#include "filters/attempt_timers/attempt_timers.h"

#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {
namespace {

config::Timeouts timeouts() {
  config::Timeouts timeouts;
  timeouts.connect = 5s;
  timeouts.tls = 3s;
  timeouts.headers = 60s;
  timeouts.gap = 30s;
  timeouts.total.reset();
  return timeouts;
}

class AttemptTimersTest : public ChainTest {
 protected:
  // An upstream that stays in one stage for good, until the attempt is cancelled.
  void hang_in(AttemptStage stage) {
    add(std::make_unique<AttemptTimers>(limits_));
    end_with([this, stage](Exchange& exchange) -> Task<Result<http::Response>> {
      exchange.progress->on_stage(stage);
      CO_TRY(co_await SleepFor(loop_, *exchange.scope, 24h));
      co_return http::Response{};
    });
    start();
  }
  // An upstream that answers at once, with a body of its own pace.
  void answer_with(std::vector<Duration> delays, std::string_view type = "application/json") {
    add(std::make_unique<AttemptTimers>(limits_));
    end_with([this, delays, type](Exchange& exchange) -> Task<Result<http::Response>> {
      exchange.progress->on_stage(AttemptStage::kAnswered);
      http::Response response;
      response.head.status = 200;
      response.head.headers.add("Content-Type", type);
      response.body = http::Body(std::make_unique<PacedBody>(loop_, delays), std::nullopt);
      co_return response;
    });
    start();
  }
  void expect_late_after(Duration limit, std::string_view reason) {
    loop_.advance(limit - 1ms);
    EXPECT_FALSE(done());
    loop_.advance(1ms);
    ASSERT_TRUE(done());
    ASSERT_FALSE(outcome_->has_value());
    EXPECT_EQ(outcome_->error().code, Errc::kTimeout);
    EXPECT_EQ(outcome_->error().origin, Origin::kUpstream);
    EXPECT_EQ(outcome_->error().reason, reason);
  }

  config::Timeouts limits_ = timeouts();
};

TEST_F(AttemptTimersTest, BoundsConnecting) {
  hang_in(AttemptStage::kConnecting);
  expect_late_after(5s, "connection_timeout");
}

TEST_F(AttemptTimersTest, BoundsTheTlsHandshake) {
  hang_in(AttemptStage::kHandshaking);
  expect_late_after(3s, "tls_timeout");
}

TEST_F(AttemptTimersTest, BoundsTheWaitForTheResponseHead) {
  hang_in(AttemptStage::kWaiting);
  expect_late_after(60s, "http_response_timeout");
}

TEST_F(AttemptTimersTest, LeavesSendingToTheWriteTimeout) {
  hang_in(AttemptStage::kSending);
  loop_.advance(10h);
  EXPECT_FALSE(done());
  scope_.cancel({});
}

TEST_F(AttemptTimersTest, ATotalBoundsTheAttemptWhateverItsStage) {
  limits_.total = 7s;
  hang_in(AttemptStage::kWaiting);
  expect_late_after(7s, "total_timeout");
}

TEST_F(AttemptTimersTest, NothingIsBoundedWhereNothingIsConfigured) {
  limits_ = {};
  limits_.connect.reset();
  hang_in(AttemptStage::kConnecting);
  loop_.advance(20h);
  EXPECT_FALSE(done());
  scope_.cancel({});
}

TEST_F(AttemptTimersTest, ABodyThatKeepsComingIsNeverLate) {
  answer_with({29s, 29s, 29s, 29s});
  ASSERT_TRUE(done());
  read_body();
  loop_.advance(2min);
  EXPECT_TRUE(body_ended_);
  EXPECT_EQ(body_, "piecepiecepiecepiece");
}

TEST_F(AttemptTimersTest, ABodyThatFallsSilentFails) {
  answer_with({1s, 31s});
  read_body();
  loop_.advance(1s);
  EXPECT_EQ(body_, "piece");
  loop_.advance(30s);
  ASSERT_TRUE(body_error_.has_value());
  EXPECT_EQ(body_error_->reason, "connection_read_timeout");
  EXPECT_EQ(body_error_->phase, Phase::kAnswered);
}

TEST_F(AttemptTimersTest, ATotalBoundsTheBodyToo) {
  limits_.total = 10s;
  answer_with({4s, 4s, 4s});
  read_body();
  loop_.advance(10s);
  ASSERT_TRUE(body_error_.has_value());
  EXPECT_EQ(body_error_->reason, "total_timeout");
  EXPECT_EQ(body_, "piecepiece");
}

TEST_F(AttemptTimersTest, AStreamHasNoTotal) {
  limits_.total = 10s;
  answer_with({9s, 9s, 9s}, "text/event-stream; charset=utf-8");
  read_body();
  loop_.advance(27s);
  EXPECT_TRUE(body_ended_);
}

TEST_F(AttemptTimersTest, IsMorePatientWithAnAttemptThatFollowsATimeOut) {
  exchange().patience = 2;
  hang_in(AttemptStage::kWaiting);
  expect_late_after(120s, "http_response_timeout");
}

TEST(FirstEventLimit, GrowsWithTheRequestAndThePatience) {
  config::Timeouts timeouts;
  EXPECT_EQ(first_event_limit(timeouts, 1 << 20, 2), std::nullopt);
  timeouts.first_event_per_mib = 10s;  // of nothing
  EXPECT_EQ(first_event_limit(timeouts, 1 << 20, 2), std::nullopt);
  timeouts.first_event = 30s;
  EXPECT_EQ(first_event_limit(timeouts, 0, 1), Duration{30s});
  EXPECT_EQ(first_event_limit(timeouts, 1 << 19, 1), Duration{35s});
  EXPECT_EQ(first_event_limit(timeouts, 4 << 20, 1), Duration{70s});
  EXPECT_EQ(first_event_limit(timeouts, 4 << 20, 2), Duration{140s});
  timeouts.first_event_per_mib.reset();
  EXPECT_EQ(first_event_limit(timeouts, 4 << 20, 1), Duration{30s});
}

}  // namespace
}  // namespace outrigger::filters
