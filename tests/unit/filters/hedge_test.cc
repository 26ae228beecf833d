#include "filters/hedge/hedge.h"

#include <gtest/gtest.h>

#include "filters/hedge/latency_window.h"
#include "filters/rate_limit/rate_limit.h"
#include "tests/unit/filters/chain_fixture.h"
#include "tests/unit/filters/limit_policies.h"

namespace outrigger::filters {
namespace {

TEST(LatencyWindow, SaysNothingBeforeItHasSeenEnough) {
  LatencyWindow window;
  const TimePoint now = TimePoint{} + 1h;
  for (std::size_t i = 0; i + 1 < LatencyWindow::kLeast; ++i) window.add(1s, now);
  EXPECT_EQ(window.quantile(0.95, now), std::nullopt);
  window.add(1s, now);
  EXPECT_EQ(window.quantile(0.95, now), Duration(1s));
}

TEST(LatencyWindow, IsTheNearestRankOfTheLastSamples) {
  LatencyWindow window;
  const TimePoint now = TimePoint{} + 1h;
  for (int i = 1; i <= 100; ++i) window.add(std::chrono::milliseconds(i), now);
  EXPECT_EQ(window.quantile(0.95, now), Duration(95ms));
  EXPECT_EQ(window.quantile(0.5, now), Duration(50ms));
  EXPECT_EQ(window.quantile(1, now), Duration(100ms));
  for (std::size_t i = 0; i < LatencyWindow::kSize; ++i) window.add(7ms, now);
  EXPECT_EQ(window.quantile(0.99, now), Duration(7ms)) << "what is older than the window is gone";
}

TEST(LatencyWindow, ForgetsWhatIsOld) {
  LatencyWindow window;
  TimePoint now = TimePoint{} + 1h;
  for (int i = 0; i < 50; ++i) window.add(1s, now);
  now = now + LatencyWindow::kAge + 1s;
  EXPECT_EQ(window.quantile(0.95, now), std::nullopt);
}

TEST(SharedHedge, ExtraRequestsAreAPartOfAll) {
  SharedHedge hedge;
  const config::Hedge policy{.after = 1s, .budget = 0.05};
  int extra = 0;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(hedge.begin(policy, {}), Duration(1s));
    if (hedge.spend()) ++extra;
  }
  EXPECT_GE(extra, 50);
  EXPECT_LE(extra, 51) << "one is free";
}

TEST(SharedHedge, IsNeverLateBeforeTheLeastTime) {
  SharedHedge hedge;
  const config::Hedge policy{.after = {}, .min = 300ms};
  for (int i = 0; i < 50; ++i) hedge.learn(1ms, {});
  EXPECT_EQ(hedge.begin(policy, {}), Duration(300ms));
  for (int i = 0; i < 128; ++i) hedge.learn(2s, {});
  EXPECT_EQ(hedge.begin(policy, TimePoint{} + 5s), Duration(2s));
}

TEST(SharedHedges, ManyModelsOfOneRouteShareTheRest) {
  SharedHedges hedges;
  SharedHedge& first = hedges.of("r", "m0");
  for (int i = 1; i < 1000; ++i) (void)hedges.of("r", "m" + std::to_string(i));
  EXPECT_EQ(&hedges.of("r", "m0"), &first);
  EXPECT_EQ(&hedges.of("r", "m998"), &hedges.of("r", "m999"));
  EXPECT_NE(&hedges.of("r", "m999"), &first);
  EXPECT_NE(&hedges.of("other", "m0"), &first);
}

// An end that answers each request after a time of its own.
class HedgeTest : public ChainTest {
 protected:
  struct Script {
    Duration after{0};
    Verdict verdict = Verdict::kOk;
    bool fails = false;    // without an answer
    bool forbids = false;  // the client to come back
    std::optional<TokenUsage> usage = {};
    bool streams = false;  // its end and its usage come with the body's
  };
  class Stream final : public http::BodySource {
   public:
    Stream(Exchange& exchange, const Script& script) : exchange_(exchange), script_(script) {}
    Task<Result<Slice>> read(CancelScope&) override {
      note_usage(exchange_, script_);
      exchange_.conclude(exchange_.attempts.size() - 1, script_.verdict);
      co_return Slice{};
    }
    [[nodiscard]] bool ready() const noexcept override { return true; }

   private:
    Exchange& exchange_;
    const Script& script_;
  };
  static void note_usage(Exchange& exchange, const Script& script) {
    if (exchange.wants_usage) exchange.attempts.back().usage = script.usage;
  }
  ~HedgeTest() override { outcome_.reset(); }

  void serve(std::vector<Script> scripts, config::Hedge hedge = {.after = 100ms}) {
    scripts_ = std::move(scripts);
    policies_.hedge = hedge;
    add(std::make_unique<Hedge>(hedges_, cooldowns_, policies_, metrics_.add_shard(), "up",
                                "_default"));
    end_with([this](Exchange& exchange) { return answer(exchange); });
  }
  Task<Result<http::Response>> answer(Exchange& exchange) {
    const std::size_t mine = begun_++;
    seen_.push_back(exchange.request.body.whole() != nullptr
                        ? std::string(exchange.request.body.whole()->view())
                        : "streamed");
    Attempt attempt;
    attempt.endpoint_index = static_cast<std::uint16_t>(mine);
    attempt.started = loop_.now();
    exchange.attempts.push_back(attempt);
    avoided_.push_back(exchange.avoid);
    const Script& script = scripts_.at(mine);
    const Status slept = co_await SleepFor(loop_, *exchange.scope, script.after);
    Attempt& done = exchange.attempts.back();
    done.ended = loop_.now();
    done.judged = true;
    if (!slept) {
      ++cancelled_;
      done.failed = true;
      exchange.conclude(exchange.attempts.size() - 1, Verdict::kCancelled);
      co_return std::unexpected(slept.error());
    }
    done.status = 200;
    done.phase = Phase::kAnswered;
    if (script.streams) {
      done.verdict = Verdict::kOk;
      http::Response response;
      response.body = http::Body(std::make_unique<Stream>(exchange, script), std::nullopt);
      co_return response;
    }
    note_usage(exchange, script);
    exchange.conclude(exchange.attempts.size() - 1, script.verdict);
    if (script.fails) {
      co_return fail(Errc::kClosed, Origin::kUpstream, "connection_terminated");
    }
    http::Response response;
    response.head.status = script.verdict == Verdict::kOk ? 200 : 500;
    response.head.headers.add("x-from", std::to_string(mine));
    if (script.forbids) response.head.headers.add("x-should-retry", "false");
    std::vector<Duration> pieces(1, 10ms);
    response.body = http::Body(std::make_unique<PacedBody>(loop_, pieces), std::nullopt);
    co_return response;
  }
  void limit_tokens(std::uint64_t a_minute) {
    upstream_.name = "up";
    upstream_.policies.rate_limit = rates({}, config::Rate{a_minute, 60s}, 60s);
    add(std::make_unique<RateLimit>(limits_, upstream_, nullptr, metrics_.add_shard(), clock_,
                                    loop_.now()));
  }
  [[nodiscard]] bool lets_pass(double tokens) {
    const auto limits = limits_.of(upstream_, nullptr, LimitKind::kRate, loop_.now());
    return limits->of({}, loop_.now())->take({.requests = 1, .prompt_tokens = tokens}, loop_.now());
  }
  void ask(std::string body = "prompt") {
    request_.head.method = http::Method::kGet;
    request_.body = http::Body(Slice::copy(body));
    start();
  }
  std::string from() const {
    return outcome_ && *outcome_ ? std::string((*outcome_)->head.headers.find("x-from")->value)
                                 : "none";
  }
  std::uint64_t count(std::string_view result) {
    return metrics_.total(Metric::kHedges, {"up", result});
  }

  MetricRegistry metrics_;
  SharedHedges hedges_;
  SharedCooldowns cooldowns_;
  config::Policies policies_;
  config::Upstream upstream_;
  SharedLimits limits_;
  WallClock clock_{[]() noexcept { return std::int64_t{1'772'000'000'000'000}; }};
  std::vector<Script> scripts_;
  std::size_t begun_ = 0;
  int cancelled_ = 0;
  std::vector<std::string> seen_;
  std::vector<std::uint64_t> avoided_;
};

TEST_F(HedgeTest, AFastAnswerSendsNoSecondRequest) {
  serve({{50ms}});
  ask();
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "0");
  EXPECT_EQ(begun_, 1u);
  EXPECT_EQ(exchange().attempts.size(), 1u);
}

TEST_F(HedgeTest, ALateOneIsOvertakenAndCancelled) {
  serve({{10s}, {50ms}});
  ask("the prompt");
  loop_.advance(99ms);
  EXPECT_EQ(begun_, 1u);
  loop_.advance(52ms);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "1");
  EXPECT_EQ(cancelled_, 1);
  EXPECT_EQ(count("won"), 1u);
  EXPECT_EQ(seen_, (std::vector<std::string>{"the prompt", "the prompt"}));
  EXPECT_EQ(avoided_, (std::vector<std::uint64_t>{0, 1})) << "away from the endpoint in use";
  ASSERT_EQ(exchange().attempts.size(), 2u);
  EXPECT_EQ(exchange().attempts[0].verdict, Verdict::kCancelled);
  EXPECT_EQ(exchange().attempts[1].verdict, Verdict::kOk) << "the one that answered comes last";
  read_body();
  loop_.advance(20ms);
  EXPECT_TRUE(body_ended_);
  EXPECT_EQ(body_, "piece");
}

TEST_F(HedgeTest, OfTwoGoodAnswersOnlyTheFirstIsRead) {
  serve({{150ms}, {60ms}});
  ask();
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "0");
  EXPECT_EQ(cancelled_, 1);
  EXPECT_EQ(count("lost"), 1u);
  EXPECT_EQ(exchange().attempts.back().verdict, Verdict::kOk);
}

TEST_F(HedgeTest, AFailureWhileTheOtherRunsWaitsForThat) {
  serve({{120ms, Verdict::kTransient, true}, {100ms}});
  ask();
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "1");
  EXPECT_EQ(cancelled_, 0);
}

TEST_F(HedgeTest, AnEarlyFailureIsForTheRetryToDealWith) {
  serve({{50ms, Verdict::kTransient, true}});
  ask();
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_FALSE(*outcome_);
  EXPECT_EQ(begun_, 1u);
}

TEST_F(HedgeTest, WhenAllFailTheFirstsFailureIsTheOutcome) {
  serve({{150ms, Verdict::kTransient, true}, {100ms, Verdict::kOverloaded}});
  ask();
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_FALSE(*outcome_);
  EXPECT_EQ(exchange().attempts.back().verdict, Verdict::kTransient);
}

TEST_F(HedgeTest, AFinalRefusalIsTheOutcomeWhateverElseRuns) {
  serve({{10s}, {100ms, Verdict::kClientError}});
  ask();
  loop_.advance(300ms);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "1");
  EXPECT_EQ(cancelled_, 1);
  EXPECT_EQ(count("failed"), 1u);
}

TEST_F(HedgeTest, AnUpstreamsWordNotToComeBackEndsIt) {
  serve({{10s}, {.after = 100ms, .verdict = Verdict::kOverloaded, .forbids = true}});
  ask();
  loop_.advance(300ms);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "1");
  EXPECT_EQ(cancelled_, 1);
}

TEST_F(HedgeTest, AnUpstreamThatAskedForAPauseGetsNoSecondRequest) {
  serve({{1s}});
  ask();
  cooldowns_.extend({"up", "", 0}, Verdict::kThrottled, 1min, loop_.now());
  loop_.advance(2s);
  ASSERT_TRUE(done());
  EXPECT_EQ(begun_, 1u);
  EXPECT_EQ(count("cooldown"), 1u);
}

TEST_F(HedgeTest, BeyondTheBudgetThereIsOnlyTheFirst) {
  serve({{1s}}, {.after = 100ms, .budget = 0});
  ASSERT_TRUE(hedges_.of("up _default", "").spend()) << "the free one";
  ask();
  loop_.advance(2s);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "0");
  EXPECT_EQ(begun_, 1u);
  EXPECT_EQ(count("budget"), 1u);
}

TEST_F(HedgeTest, AWriteIsNeverSentTwice) {
  serve({{1s}});
  request_.head.method = http::Method::kPost;
  request_.body = http::Body(Slice::copy("amount=1"));
  start();
  loop_.advance(2s);
  ASSERT_TRUE(done());
  EXPECT_EQ(begun_, 1u);
}

TEST_F(HedgeTest, AClientThatLeavesEndsBoth) {
  serve({{10s}, {10s}});
  ask();
  loop_.advance(200ms);
  EXPECT_EQ(begun_, 2u);
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  loop_.advance(1ms);
  ASSERT_TRUE(done());
  EXPECT_FALSE(*outcome_);
  EXPECT_EQ(cancelled_, 2);
  EXPECT_EQ(exchange().attempts.size(), 2u);
}

TEST_F(HedgeTest, WhatIsLateIsLearntFromTheAnswersBefore) {
  serve({{10s}, {10ms}}, {.after = {}, .quantile = 0.9, .min = 20ms});
  for (int i = 0; i < 30; ++i) hedges_.of("up _default", "").learn(200ms, loop_.now());
  ask();
  loop_.advance(199ms);
  EXPECT_EQ(begun_, 1u);
  loop_.advance(20ms);
  EXPECT_EQ(begun_, 2u);
  ASSERT_TRUE(done());
  EXPECT_EQ(from(), "1");
}

TEST_F(HedgeTest, ALimitOfTokensCountsWhatTheAnswerTook) {
  limit_tokens(1000);
  serve({{.after = 10ms, .usage = TokenUsage{50, 900}}});
  ask();
  loop_.advance(10ms);
  ASSERT_TRUE(done());
  EXPECT_FALSE(lets_pass(60));
  EXPECT_TRUE(lets_pass(40));
}

TEST_F(HedgeTest, ALimitOfTokensCountsWhatAStreamTookAtItsEnd) {
  limit_tokens(1000);
  serve({{.after = 10s}, {.after = 10ms, .usage = TokenUsage{50, 900}, .streams = true}});
  ask();
  loop_.advance(200ms);
  ASSERT_TRUE(done());
  read_body();
  loop_.advance(0s);
  ASSERT_TRUE(body_ended_);
  EXPECT_FALSE(lets_pass(60));
}

TEST_F(HedgeTest, InShadowItOnlySaysWhatItWouldHaveDone) {
  policies_.shadow = {config::Shadowed::kHedge};
  serve({{1s}});
  ask();
  loop_.advance(2s);
  ASSERT_TRUE(done());
  EXPECT_EQ(begun_, 1u);
  ASSERT_EQ(exchange().would_have.size(), 1u);
  EXPECT_EQ(exchange().would_have[0].what, "hedge");
}

}  // namespace
}  // namespace outrigger::filters
