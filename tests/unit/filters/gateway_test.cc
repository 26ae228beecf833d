#include "filters/gateway/gateway.h"

#include "proxy/base/pseudonym.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {
namespace {

class GatewayTest : public ChainTest {
 protected:
  void send() {
    add(std::make_unique<Gateway>(policies_, pressure_));
    end_with([this](Exchange& seen) -> Task<Result<http::Response>> {
      reached_ = true;
      for (;;) {
        CO_TRY(const Slice bytes, co_await seen.request.body.read(*seen.scope));
        if (bytes.empty()) break;
        uploaded_ += bytes.view();
      }
      http::Response response;
      response.head.status = 200;
      co_return response;
    });
    exchange().routed.target = "/v1/models";
    start();
  }
  std::string_view sent(std::string_view name) {
    const http::Field* field = exchange().request.head.headers.find(name);
    return field == nullptr ? std::string_view("(absent)") : field->value;
  }

  config::Policies policies_;
  Pressure pressure_;
  bool reached_ = false;
  std::string uploaded_;
};

TEST_F(GatewayTest, SendsTheUpstreamsTargetAndLeavesTheAuthorityToTheEndpoint) {
  request_.head.target = "/openai/v1/models";
  request_.head.headers.add("Host", "127.0.0.1:4170");
  send();
  EXPECT_EQ(exchange().request.head.target, "/v1/models");
  EXPECT_EQ(sent("Host"), "(absent)");
}

TEST_F(GatewayTest, EndsHopByHopFieldsAndItsOwnHere) {
  request_.head.headers.add("Connection", "keep-alive, x-private");
  request_.head.headers.add("X-Private", "1");
  request_.head.headers.add("Outrigger-Execution", "run-7");
  request_.head.headers.add("Authorization", "Bearer t");
  send();
  EXPECT_EQ(sent("Connection"), "(absent)");
  EXPECT_EQ(sent("X-Private"), "(absent)");
  EXPECT_EQ(sent("Outrigger-Execution"), "(absent)");
  EXPECT_EQ(sent("Authorization"), "Bearer t");
}

// What is compressed cannot be watched as it streams by.
TEST_F(GatewayTest, AsksForStreamsWithoutACoding) {
  policies_.dialect = config::Dialect::kOpenai;
  request_.head.headers.add("accept-encoding", "gzip, br");
  send();
  EXPECT_EQ(sent("Accept-Encoding"), "identity");
}

TEST_F(GatewayTest, LeavesTheCodingToTheClientWhereNoStreamIsWatched) {
  policies_.dialect = config::Dialect::kJson;
  request_.head.headers.add("accept-encoding", "gzip, br");
  send();
  EXPECT_EQ(sent("Accept-Encoding"), "gzip, br");
}

TEST_F(GatewayTest, KeepsTheDeadlineThatACallerAsksFor) {
  request_.head.headers.add("outrigger-deadline", "30s");
  send();
  EXPECT_EQ(sent("Outrigger-Deadline"), "(absent)");
  EXPECT_EQ(exchange().deadline_asked, "30s");
}

TEST_F(GatewayTest, NamesItselfInViaBothWays) {
  send();
  const std::string via = "1.1 " + std::string(pseudonym());
  EXPECT_EQ(sent("Via"), via);
  ASSERT_TRUE(done() && outcome_->has_value());
  Gateway::mark_passed((*outcome_)->head);
  EXPECT_EQ((*outcome_)->head.headers.find("Via")->value, via);
}

TEST_F(GatewayTest, RefusesARequestThatHasPassedItBefore) {
  request_.head.headers.add("Via", "1.0 other, 1.1 " + std::string(pseudonym()));
  send();
  ASSERT_TRUE(done());
  ASSERT_FALSE(outcome_->has_value());
  EXPECT_EQ(outcome_->error().reason, "proxy_loop_detected");
  EXPECT_FALSE(reached_);
}

TEST_F(GatewayTest, PassesAChainOfOtherProxies) {
  request_.head.headers.add("Via", "1.1 outrigger-00000000x, 1.1 nginx");
  send();
  EXPECT_TRUE(outcome_->has_value());
}

TEST_F(GatewayTest, RefusesABodyThatSaysItIsTooLargeBeforeTheUpstreamSeesIt) {
  policies_.max_request_body = 4;
  request_.body = http::Body(Slice::literal("12345"));
  send();
  ASSERT_FALSE(outcome_->has_value());
  EXPECT_EQ(outcome_->error().reason, "body_too_large");
  EXPECT_FALSE(reached_);
}

TEST_F(GatewayTest, RefusesEverythingWhileTheProxyHasNoRoom) {
  pressure_.set(Resource::kMemory, Level::kHard);
  pressure_.set_retry_after(3s);
  send();
  ASSERT_FALSE(outcome_->has_value());
  EXPECT_EQ(outcome_->error().reason, "proxy_overloaded");
  EXPECT_EQ(exchange().retry_after, 3s);
  EXPECT_FALSE(reached_);
}

TEST_F(GatewayTest, RefusesNothingAtTheSoftMark) {
  pressure_.set(Resource::kMemory, Level::kSoft);
  pressure_.set(Resource::kDescriptors, Level::kHard);
  send();
  EXPECT_TRUE(reached_);
}

TEST_F(GatewayTest, CutsABodyThatProvesTooLarge) {
  policies_.max_request_body = 9;
  request_.body = http::Body(std::make_unique<PacedBody>(loop_, std::vector<Duration>{1s, 1s, 1s}),
                             std::nullopt);
  send();
  loop_.advance(5s);
  ASSERT_TRUE(done());
  ASSERT_FALSE(outcome_->has_value());
  EXPECT_EQ(outcome_->error().reason, "body_too_large");
  EXPECT_EQ(uploaded_, "piece");
}

TEST_F(GatewayTest, CountsWhatTheClientSent) {
  request_.body =
      http::Body(std::make_unique<PacedBody>(loop_, std::vector<Duration>{1s, 1s}), std::nullopt);
  send();
  loop_.advance(5s);
  EXPECT_EQ(exchange().request_bytes, 10u);
}

}  // namespace
}  // namespace outrigger::filters
