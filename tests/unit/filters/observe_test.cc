#include "filters/observe/observe.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/observe/answer.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {
namespace {

using http::HeaderId;

std::int64_t fixed_clock() noexcept {
  return 1'769'903'999'000'000;
}

class NoSink final : public http::ResponseSink {
 public:
  Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
};

// The rest of the chain: takes some time, then answers as told.
class Scripted final : public Filter {
 public:
  explicit Scripted(SimLoop& loop) : loop_(loop) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next) override {
    Attempt attempt;
    attempt.endpoint = "api.openai.com:443";
    attempt.started = loop_.now() + 1ms;
    attempt.ended = loop_.now() + 41ms;
    if (runs_on) {
      attempt.started = loop_.now();
      attempt.ended = {};
    }
    if (failure) {
      attempt.failed = true;
      attempt.code = failure->code;
      attempt.phase = failure->phase;
      attempt.reason = failure->reason;
      exchange.attempts.push_back(attempt);
      co_return std::unexpected(*failure);
    }
    attempt.status = recorded_status != 0 ? recorded_status : answer.head.status;
    if (verdict) {
      attempt.judged = true;
      attempt.verdict = *verdict;
      attempt.stop = "max_attempts";
      attempt.waited = 500ms;
    }
    exchange.attempts.push_back(attempt);
    co_return std::move(answer);
  }
  http::Response answer;
  std::optional<Error> failure;
  std::optional<Verdict> verdict;
  int recorded_status = 0;  // when it is not the answer's
  bool runs_on = false;     // behind a head that went out early

 private:
  SimLoop& loop_;
};

class ObserveTest : public testing::Test {
 protected:
  ObserveTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "observe-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    sink_ = std::move(*LogSink::open((folder_ / "access").string()));
    context_ = std::make_unique<ObserveContext>(registry_.add_shard(), &sink_->channel(),
                                                LogStyle::kJson, 1, WallClock(&fixed_clock));
    auto scripted = std::make_unique<Scripted>(loop_);
    rest_ = scripted.get();
    rest_->answer.head.status = 200;
    auto observe = std::make_unique<Observe>(*context_, "openai", kDefaultRoute);
    observe_ = observe.get();
    std::vector<std::unique_ptr<Filter>> filters;
    filters.push_back(std::move(observe));
    filters.push_back(std::move(scripted));
    chain_ = std::make_unique<Chain>(std::move(filters));
    loop_.advance(1s);
    client_.address = *SocketAddress::parse("127.0.0.1", 5000);
    http::Request request;
    request.head.method = http::Method::kPost;
    request.head.method_text = "POST";
    request.head.target = "/openai/v1/chat/completions";
    request.head.authority = "127.0.0.1:4170";
    request.head.headers.add("Authorization", "Bearer sk-secret");
    exchange_ = std::make_unique<Exchange>(loop_, std::move(request), no_sink_, client_, scope_);
    exchange_->routed.policies = &policies_;
  }
  ~ObserveTest() override {
    exchange_.reset();
    chain_.reset();
    sink_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Runs the chain; the answer, or nothing when there was an error.
  std::optional<http::Response> run() {
    std::optional<http::Response> answer;
    TaskGroup group(loop_);
    group.spawn([](ObserveTest& test, std::optional<http::Response>& out) -> Task<void> {
      Result<http::Response> outcome = co_await test.chain_->run(*test.exchange_);
      if (outcome) out = std::move(*outcome);
    }(*this, answer));
    loop_.advance(0ns);
    return answer;
  }
  void deliver(const http::Delivery& delivery) {
    for (DeliveryObserver* observer : exchange_->observers)
      observer->on_delivered(*exchange_, delivery);
  }
  [[nodiscard]] http::Delivery delivered(int status) const {
    http::Delivery delivery;
    delivery.http_status = status;
    delivery.body_bytes = 1000;
    delivery.chunks = 2;
    delivery.first_byte = exchange_->started + 42ms;
    return delivery;
  }
  std::string log() {
    sink_->flush();
    std::stringstream text;
    text << std::ifstream(folder_ / "access").rdbuf();
    return text.str();
  }
  std::uint64_t requests(std::string_view code, std::string_view source) {
    return registry_.total(Metric::kRequests, {"openai", "_default", "POST", code, source});
  }
  static std::string_view header(const http::Response& response, std::string_view name) {
    const http::Field* field = response.head.headers.find(name);
    return field == nullptr ? std::string_view{} : field->value;
  }

  std::filesystem::path folder_;
  std::unique_ptr<LogSink> sink_;
  MetricRegistry registry_;
  SimLoop loop_;
  std::unique_ptr<ObserveContext> context_;
  Scripted* rest_ = nullptr;
  Observe* observe_ = nullptr;
  std::unique_ptr<Chain> chain_;
  CancelScope scope_;
  NoSink no_sink_;
  http::ClientInfo client_;
  config::Policies policies_;
  std::unique_ptr<Exchange> exchange_;
};

TEST_F(ObserveTest, StampsTheAnswerAndRecordsTheDelivery) {
  rest_->answer.head.headers.add("x-request-id", "req_42");
  rest_->answer.head.headers.add("Outrigger-Source", "cache");  // not the upstream's to say
  const auto answer = run();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header(*answer, "outrigger-request-id"), exchange_->id());
  EXPECT_EQ(header(*answer, "outrigger-source"), "upstream");
  EXPECT_EQ(header(*answer, "x-request-id"), "req_42");
  EXPECT_EQ(header(*answer, "outrigger-attempts"), "");
  EXPECT_EQ(registry_.total(Metric::kRequestsInFlight, {"openai"}), 1U);

  deliver(delivered(200));
  const std::string line = log();
  EXPECT_NE(line.find("\"request_id\":\"" + std::string(exchange_->id())), std::string::npos)
      << line;
  EXPECT_NE(line.find(R"("upstream_request_id":"req_42")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("ttfb_ms":42.000,"overhead_ms":2.000)"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("auth_present":true)"), std::string::npos) << line;
  EXPECT_EQ(line.find("sk-secret"), std::string::npos) << line;
  EXPECT_EQ(line.find("\"why\""), std::string::npos) << line;
  EXPECT_EQ(requests("200", "upstream"), 1U);
  EXPECT_EQ(registry_.total(Metric::kRequestsInFlight, {"openai"}), 0U);
  EXPECT_EQ(registry_.total(Metric::kResponseBytes, {"openai"}), 1000U);
  EXPECT_EQ(registry_.total(Metric::kProxyOverhead, {"openai"}), 1U);
  EXPECT_EQ(registry_.total(Metric::kUpstreamAttempts, {"openai", "success", "200"}), 1U);
}

TEST_F(ObserveTest, TurnsAFailureIntoAnAnswerInTheUpstreamsFormat) {
  policies_.error_format = config::ErrorFormat::kAnthropic;
  rest_->failure = Error{Errc::kConnect, Origin::kUpstream, Phase::kNoConnection,
                         "connection_refused", "nobody listens on 10.0.0.1:443"};
  const auto answer = run();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->head.status, 502);
  EXPECT_EQ(header(*answer, "outrigger-source"), "proxy");
  EXPECT_EQ(answer->head.headers.count(HeaderId::kProxyStatus), 1U);
  EXPECT_EQ(header(*answer, "proxy-status"),
            "outrigger; error=connection_refused; next-hop=\"api.openai.com:443\"; "
            "details=\"The upstream refused the connection\"");
  const std::string_view body = answer->body.whole()->view();
  EXPECT_TRUE(body.starts_with(R"({"type":"error","error":{"type":"api_error",)")) << body;
  EXPECT_NE(body.find("nobody listens on 10.0.0.1:443"), std::string_view::npos) << body;

  deliver(delivered(502));
  const std::string line = log();
  EXPECT_NE(line.find(R"("status":502,"source":"proxy","why":"connection_refused")"),
            std::string::npos)
      << line;
  EXPECT_EQ(requests("502", "proxy"), 1U);
  EXPECT_EQ(registry_.total(Metric::kUpstreamErrors, {"openai", "connection_refused"}), 1U);
  EXPECT_EQ(registry_.total(Metric::kUpstreamAttempts, {"openai", "retryable", "0"}), 1U);
  // The stamps of the problem itself and of the filter are one.
  int stamps = 0;
  for (const http::Field& field : answer->head.headers)
    stamps += http::is_own_header(field.name) ? 1 : 0;
  EXPECT_EQ(stamps, 2);
}

TEST_F(ObserveTest, AnswersNobodyWhenTheClientHasLeft) {
  rest_->failure =
      Error{Errc::kCancelled, Origin::kClient, Phase::kFullyWritten, "client_gone", {}};
  EXPECT_FALSE(run());
  http::Delivery delivery;
  delivery.status = std::unexpected(*rest_->failure);
  deliver(delivery);
  const std::string line = log();
  EXPECT_NE(line.find(R"("status":0)"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("client_aborted":true)"), std::string::npos) << line;
  EXPECT_EQ(registry_.total(Metric::kClientAborts, {"openai", "headers"}), 1U);
  EXPECT_EQ(registry_.total(Metric::kUpstreamAttempts, {"openai", "aborted", "0"}), 1U);
  EXPECT_EQ(requests("0", "proxy"), 1U);
}

TEST_F(ObserveTest, SaysWhyAStreamBrokeThatHadBegun) {
  rest_->answer.head.headers.add("Content-Type", "text/event-stream; charset=utf-8");
  const auto answer = run();
  EXPECT_EQ(header(*answer, "x-accel-buffering"), "no");
  http::Delivery delivery = delivered(200);
  delivery.status =
      std::unexpected(Error{Errc::kReset, Origin::kUpstream, Phase::kCommitted, "", {}});
  deliver(delivery);
  const std::string line = log();
  EXPECT_NE(line.find(R"("why":"http_response_incomplete")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("stream":true,"chunks":2)"), std::string::npos) << line;
  EXPECT_EQ(line.find("client_aborted"), std::string::npos) << line;
}

TEST_F(ObserveTest, TellsMoreInFull) {
  policies_.headers = config::DecisionHeaders::kFull;
  const auto answer = run();
  EXPECT_EQ(header(*answer, "outrigger-attempts"), "1");
  EXPECT_EQ(header(*answer, "outrigger-upstream"), "openai");
  EXPECT_EQ(header(*answer, "proxy-status"),
            "outrigger; next-hop=\"api.openai.com:443\"; received-status=200");
  EXPECT_EQ(header(*answer, "server-timing"), "outrigger;dur=0.000, attempt1;dur=40.000");
}

TEST_F(ObserveTest, AnAttemptThatRunsOnBehindItsHeadHasTakenNoMoreThanSoFar) {
  policies_.headers = config::DecisionHeaders::kFull;
  rest_->runs_on = true;
  const auto answer = run();
  ASSERT_TRUE(answer);
  EXPECT_EQ(header(*answer, "server-timing"), "outrigger;dur=0.000, attempt1;dur=0.000");
  deliver(delivered(200));
  EXPECT_THAT(log(), testing::HasSubstr(R"("ttfb_ms":42.000,"overhead_ms":0.000)"));
}

TEST_F(ObserveTest, TellsTheSameWordsInItsHeaders) {
  policies_.headers = config::DecisionHeaders::kFull;
  rest_->verdict = Verdict::kOverloaded;
  rest_->answer.head.status = 503;
  const auto answer = run();
  EXPECT_EQ(header(*answer, "proxy-status"),
            "outrigger; next-hop=\"api.openai.com:443\"; received-status=503; "
            "details=\"overloaded, not retried: max_attempts\"");
  EXPECT_EQ(header(*answer, "server-timing"),
            "outrigger;dur=0.000, attempt1;dur=40.000;desc=\"overloaded\", wait1;dur=500.000");
}

TEST_F(ObserveTest, TellsWhatPoliciesInShadowWouldHaveDone) {
  policies_.headers = config::DecisionHeaders::kFull;
  rest_->answer.head.headers.add("Outrigger-Would-Have", "retry; retry");  // not ours
  using config::Shadowed;
  for (const Would& would : std::initializer_list<Would>{{Shadowed::kCircuitBreaker, "refuse"},
                                                         {Shadowed::kRetry, "wait"},
                                                         {Shadowed::kCircuitBreaker, "refuse"},
                                                         {Shadowed::kRetry, "retry"}}) {
    exchange_->would_have.push_back(would);
  }
  const auto answer = run();
  EXPECT_EQ(header(*answer, "outrigger-would-have"),
            "circuit_breaker; refuse, retry; wait, retry; retry");
  EXPECT_EQ(answer->head.headers.find("x-should-retry"), nullptr);
  EXPECT_EQ(registry_.total(Metric::kWouldHave, {"openai", "retry"}), 0u) << "not yet delivered";
  deliver(delivered(200));
  EXPECT_NE(log().find(R"("would_have":[{"policy":"circuit_breaker","what":"refuse"},)"
                       R"({"policy":"retry","what":"wait"},{"policy":"retry","what":"retry"}])"),
            std::string::npos)
      << log();
  EXPECT_EQ(registry_.total(Metric::kWouldHave, {"openai", "circuit_breaker"}), 1u);
  EXPECT_EQ(registry_.total(Metric::kWouldHave, {"openai", "retry"}), 1u);
}

TEST_F(ObserveTest, SaysNothingOfShadowsThatAgreeWithWhatHappened) {
  policies_.headers = config::DecisionHeaders::kFull;
  rest_->answer.head.headers.add("Outrigger-Would-Have", "retry; retry");
  const auto answer = run();
  EXPECT_EQ(answer->head.headers.find("outrigger-would-have"), nullptr);
  deliver(delivered(200));
  EXPECT_EQ(log().find("would_have"), std::string::npos) << log();
}

TEST_F(ObserveTest, AStatusThatTookThePlaceOfTheUpstreamsIsTold) {
  rest_->verdict = Verdict::kOverloaded;
  rest_->recorded_status = 503;
  rest_->answer.head.status = 424;
  const auto answer = run();
  EXPECT_EQ(header(*answer, "proxy-status"),
            "outrigger; next-hop=\"api.openai.com:443\"; received-status=503; "
            "details=\"overloaded, not retried: max_attempts\"");
}

TEST_F(ObserveTest, AProblemSaysWhenToComeBackAndWithWhichStatusWeGiveUp) {
  rest_->failure =
      Error{Errc::kOverload, Origin::kProxy, Phase::kNoConnection, "cooling_down", "for 12 s"};
  exchange_->retry_after = 11'500ms;
  exchange_->give_up_status = 424;
  const auto answer = run();
  EXPECT_EQ(answer->head.status, 424);
  EXPECT_EQ(header(*answer, "retry-after"), "12");
  EXPECT_EQ(header(*answer, "retry-after-ms"), "11500");
  EXPECT_EQ(header(*answer, "x-should-retry"), "false");
}

TEST_F(ObserveTest, IdentifiersOfOneWorkerGrow) {
  observe_->begin(*exchange_);
  const std::string first(exchange_->id());
  observe_->begin(*exchange_);
  EXPECT_LT(first, exchange_->id());
}

TEST(Answer, ARefusedMessageNamesTheRule) {
  const http::Response answer = answer_refusal(400, "bare_lf", "a line ends in LF without CR");
  EXPECT_EQ(answer.head.status, 400);
  const std::string_view body = answer.body.whole()->view();
  EXPECT_NE(body.find("a line ends in LF without CR (bare_lf)"), std::string_view::npos) << body;
  EXPECT_NE(body.find("urn:outrigger:error:bad_request"), std::string_view::npos) << body;
  EXPECT_EQ(answer_refusal(408, "request_head_timeout", "x").head.status, 408);
}

}  // namespace
}  // namespace outrigger::filters
