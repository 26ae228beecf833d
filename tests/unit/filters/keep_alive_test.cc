#include "filters/keep_alive/keep_alive.h"

#include <string>

#include <gtest/gtest.h>

#include "filters/keep_alive/asked_stream.h"
#include "proxy/http/dialect_error.h"
#include "proxy/http/problem.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kComment = ": outrigger keeps the connection alive\n\n";

class KeepAliveTest : public ChainTest {
 protected:
  KeepAliveTest() {
    policies_.commit.keep_alive = 10s;
    policies_.dialect = config::Dialect::kOpenai;
    request_.head.method = http::Method::kPost;
    request_.head.target = "/v1/chat/completions";
    request_.body = http::Body(Slice::literal("{\"model\":\"m\",\"stream\":true}"));
  }
  // The rest of the chain answers after a time.
  void answer_after(Duration time, int status, std::string_view type, std::string_view body) {
    add(std::make_unique<KeepAlive>(policies_));
    end_with([=, this](Exchange& exchange) -> Task<Result<http::Response>> {
      CO_TRY(co_await SleepFor(loop_, *exchange.scope, time));
      http::Response response;
      response.head.status = status;
      response.head.headers.add("Content-Type", type);
      response.body = http::Body(Slice::copy(body));
      co_return response;
    });
    start();
  }
  void fail_after(Duration time, std::string_view reason) {
    add(std::make_unique<KeepAlive>(policies_));
    end_with([=, this](Exchange& exchange) -> Task<Result<http::Response>> {
      CO_TRY(co_await SleepFor(loop_, *exchange.scope, time));
      co_return fail(Errc::kTimeout, Origin::kUpstream, reason);
    });
    start();
  }

  config::Policies policies_;
};

TEST_F(KeepAliveTest, ReturnsAnAnswerThatComesInTimeAsItIs) {
  answer_after(5s, 429, "application/json", "{}");
  loop_.advance(5s);
  ASSERT_TRUE(done());
  EXPECT_EQ((*outcome_)->head.status, 429);
}

TEST_F(KeepAliveTest, SendsCommentsUntilTheAnswerComes) {
  answer_after(35s, 200, "text/event-stream", "data: [DONE]\n\n");
  loop_.advance(9s);
  EXPECT_FALSE(done());
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_EQ((*outcome_)->head.status, 200);
  EXPECT_EQ((*outcome_)->head.headers.get(http::HeaderId::kContentType), "text/event-stream");
  read_body();
  loop_.advance(24s);
  EXPECT_EQ(body_, std::string(kComment) + std::string(kComment));
  loop_.advance(2s);
  EXPECT_EQ(body_, std::string(kComment) + std::string(kComment) + "data: [DONE]\n\n");
  EXPECT_TRUE(body_ended_);
}

TEST_F(KeepAliveTest, TellsOfAFailureInTheDialectOfTheRequest) {
  fail_after(15s, "http_response_timeout");
  loop_.advance(10s);
  ASSERT_TRUE(done());
  read_body();
  loop_.advance(10s);
  const http::ProblemKind* kind = http::find_problem_kind("http_response_timeout");
  EXPECT_EQ(body_, http::error_event(http::Dialect::kChat, kind->code, kind->title, 0));
  ASSERT_TRUE(body_error_);
  EXPECT_EQ(body_error_->reason, "http_response_timeout");
}

TEST_F(KeepAliveTest, TellsOfAnAnswerThatIsNoStream) {
  answer_after(15s, 503, "application/json", "{}");
  loop_.advance(10s);
  ASSERT_TRUE(done());
  read_body();
  loop_.advance(10s);
  EXPECT_TRUE(body_.contains("The upstream answered with status 503"));
  EXPECT_TRUE(body_error_);
}

TEST_F(KeepAliveTest, EndsWhatRunsWhenTheClientLeaves) {
  answer_after(1h, 200, "text/event-stream", "");
  loop_.advance(10s);
  ASSERT_TRUE(done());
  read_body();
  loop_.advance(15s);
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  loop_.advance(0s);
  ASSERT_TRUE(body_error_);
  EXPECT_EQ(body_error_->reason, "client_gone");
  outcome_.reset();  // and nothing runs on: the fixture looks
}

TEST_F(KeepAliveTest, LeavesAloneWhoAskedForNoStream) {
  request_.body = http::Body(Slice::literal("{\"stream\":false}"));
  answer_after(1min, 200, "application/json", "{}");
  loop_.advance(59s);
  EXPECT_FALSE(done());
  loop_.advance(1s);
  EXPECT_TRUE(done());
}

TEST(AskedStream, IsSeenInTheHeadOrTheBody) {
  const auto asks = [](std::string_view target, std::string_view accept, std::string_view body) {
    http::RequestHead head;
    head.target = target;
    if (!accept.empty()) head.headers.add("Accept", accept);
    return asks_for_stream(head, body);
  };
  EXPECT_TRUE(asks("/v1/x", "text/event-stream, */*", ""));
  EXPECT_TRUE(asks("/v1/x", "", R"({"a":{"stream":false},"stream": true})"));
  EXPECT_TRUE(asks("/v1beta/models/g:streamGenerateContent?alt=sse", "", "{}"));
  EXPECT_FALSE(asks("/v1beta/models/g:streamGenerateContent", "", "{}"));
  EXPECT_FALSE(asks("/v1/x", "application/json", R"({"messages":[{"stream":true}]})"));
  EXPECT_FALSE(asks("/v1/x", "", R"({"stream":"true"})"));
}

TEST(AskedStream, HasTheDialectOfTheRouteOrOfThePath) {
  using http::Dialect;
  EXPECT_EQ(asked_dialect(config::Dialect::kOpenai, "/v1/responses"), Dialect::kResponses);
  EXPECT_EQ(asked_dialect(config::Dialect::kOpenai, "/v1/chat/completions"), Dialect::kChat);
  EXPECT_EQ(asked_dialect(config::Dialect::kAuto, "/v1/messages"), Dialect::kAnthropic);
  EXPECT_EQ(asked_dialect(config::Dialect::kAuto, "/v1/chat/completions"), Dialect::kChat);
  EXPECT_EQ(asked_dialect(config::Dialect::kGemini, "/x"), Dialect::kGemini);
  EXPECT_EQ(asked_dialect(config::Dialect::kAuto, "/events"), Dialect::kSse);
}

}  // namespace
}  // namespace outrigger::filters
