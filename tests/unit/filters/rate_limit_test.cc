// rate_limit in simulated time: who waits, how long, for what, and who is refused.
#include "filters/rate_limit/rate_limit.h"

#include <cmath>

#include "tests/unit/filters/limit_policies.h"
#include "tests/unit/filters/limits_fixture.h"

namespace outrigger::filters {
namespace {

class RateLimitTest : public LimitsTest {
 protected:
  RateLimitTest() { upstream_.policies.rate_limit = rates(config::Rate{60, 60s}); }
  config::RateLimit& policy() { return *upstream_.policies.rate_limit; }
  void tokens_only(std::uint64_t a_minute) {
    policy().requests.reset();
    policy().tokens = config::Rate{a_minute, 60s};
  }
};

TEST_F(RateLimitTest, SendsItsBurstAtOnceAndTheRestAtTheRate) {
  for (int i = 0; i < 6; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 2);
  for (int i = 3; i <= 6; ++i) {
    loop_.advance(999ms);
    EXPECT_EQ(sent_, i - 1);
    loop_.advance(1ms);
    EXPECT_EQ(sent_, i);
  }
  EXPECT_EQ(queued(), 4u);
  EXPECT_EQ(counted(Metric::kRateLimited, "local"), 4u);
  EXPECT_EQ(calls_.back()->exchange.queued, 4s);
  EXPECT_EQ(calls_.front()->exchange.queued, 0s);
}

TEST_F(RateLimitTest, KeepsLimitsApartByTheirKey) {
  policy().key = {config::LimitKey::kModel, config::LimitKey::kCredential};
  for (int i = 0; i < 3; ++i) {
    call({.credential = 1});
    call({.credential = 2});
    call({.credential = 1, .model = "small"});
  }
  loop_.advance(0s);
  EXPECT_EQ(sent_, 6);
}

TEST_F(RateLimitTest, WithoutAKeyAllCallsAreOne) {
  for (int i = 0; i < 3; ++i) call({.credential = static_cast<std::uint64_t>(i)});
  loop_.advance(0s);
  EXPECT_EQ(sent_, 2);
  loop_.advance(1s);
}

TEST_F(RateLimitTest, RefusesAtOnceWhatWouldWaitTooLongAndSaysWhenToComeBack) {
  policy().queue.wait = 3s;
  for (int i = 0; i < 5; ++i) call();
  Call& late = call();
  loop_.advance(0s);
  EXPECT_EQ(late.error(), "rate_limited");
  EXPECT_EQ(late.outcome->error().code, Errc::kOverload);
  EXPECT_EQ(late.outcome->error().origin, Origin::kProxy);
  EXPECT_EQ(late.exchange.retry_after, 4s);
  EXPECT_TRUE(late.exchange.attempts.empty());
  EXPECT_EQ(late.outcome->error().detail,
            "the rate limit of llm is reached, and its turn would come in 4.0 s");
  loop_.advance(3s);
  EXPECT_EQ(sent_, 5);
}

TEST_F(RateLimitTest, RefusesAtOnceWhatWouldMissItsDeadline) {
  call();
  call();
  Call& tight = call({.deadline = 500ms});
  Call& loose = call({.deadline = 2s});
  loop_.advance(0s);
  EXPECT_EQ(tight.error(), "rate_limited");
  EXPECT_EQ(loose.error(), "waits");
  loop_.advance(1s);
  EXPECT_TRUE(loose.ok());
}

TEST_F(RateLimitTest, RefusesWhatFindsTheQueueFull) {
  policy().queue.size = 2;
  for (int i = 0; i < 4; ++i) call();
  Call& fifth = call();
  loop_.advance(0s);
  EXPECT_EQ(fifth.error(), "rate_limited");
  EXPECT_NE(fifth.outcome->error().detail.find("as many requests wait as may"), std::string::npos);
  loop_.advance(2s);
  EXPECT_EQ(sent_, 4);
}

TEST_F(RateLimitTest, NobodyWaitsInAQueueOfNone) {
  policy().queue.size = 0;
  for (int i = 0; i < 2; ++i) call();
  Call& third = call();
  loop_.advance(0s);
  EXPECT_EQ(third.error(), "rate_limited");
  EXPECT_EQ(third.exchange.retry_after, 1s);
}

TEST_F(RateLimitTest, CallersTakeTurnsWhateverEachHasSent) {
  for (int i = 0; i < 8; ++i) call({.execution = "greedy"});
  Call& other = call({.execution = "modest"});
  loop_.advance(2s);
  EXPECT_TRUE(other.ok());
  EXPECT_EQ(sent_, 4);
  loop_.advance(10s);
}

TEST_F(RateLimitTest, ACallerIsTheClientsAddressWhereThereIsNoOtherName) {
  const auto at = [this](const char* ip, std::uint16_t port) {
    client_.address = *SocketAddress::parse(ip, port);
    const http::ClientInfo client = client_;
    CancelScope scope;
    Exchange exchange(loop_, {}, sink_, client, scope);
    return caller_of(exchange);
  };
  EXPECT_EQ(at("10.0.0.1", 1000), at("10.0.0.1", 2000));
  EXPECT_NE(at("10.0.0.1", 1000), at("10.0.0.2", 1000));
}

TEST_F(RateLimitTest, OfOneCallerTheNextDeadlineGoesFirst) {
  call();
  call();
  Call& patient = call();
  Call& hasty = call({.deadline = 20s});
  loop_.advance(1s);
  EXPECT_TRUE(hasty.ok());
  EXPECT_EQ(patient.error(), "waits");
  loop_.advance(1s);
  EXPECT_TRUE(patient.ok());
}

TEST_F(RateLimitTest, AClientThatLeavesTheQueueLeavesItsTurnToTheNext) {
  for (int i = 0; i < 2; ++i) call();
  Call& gone = call();
  Call& next = call();
  loop_.advance(500ms);
  gone.scope.cancel({});
  loop_.advance(500ms);
  EXPECT_TRUE(next.ok());
  EXPECT_FALSE(gone.reached);
  EXPECT_EQ(gone.exchange.queued, 500ms);
}

TEST_F(RateLimitTest, WhoIsCancelledInTheMomentOfItsTurnGivesItBack) {
  for (int i = 0; i < 2; ++i) call();
  Call& gone = call();
  Call& next = call();
  const PinnedLimit limit = limits_.all()[0]->of({}, loop_.now());
  loop_.advance(0s);
  // Another worker gives the turn; before this loop hears of it, the client has gone.
  limit->conclude({.taken = {.requests = 1}, .started = loop_.now()}, loop_.now());
  gone.scope.cancel({});
  loop_.advance(0s);
  EXPECT_FALSE(gone.reached);
  EXPECT_TRUE(next.ok());
  EXPECT_EQ(sent_, 3);
}

TEST_F(RateLimitTest, WhatWasNeverSentIsGivenBack) {
  upstream_does_ = never_sends();
  for (int i = 0; i < 100; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 100);
  EXPECT_EQ(queued(), 0u);
}

TEST_F(RateLimitTest, WhatFoundNoConnectionIsGivenBack) {
  upstream_does_ = [this](Call& call) -> Task<Result<http::Response>> {
    begin_attempt(call.exchange);
    Attempt& made = call.exchange.attempts.back();
    made.status = 0;
    made.failed = true;
    made.phase = Phase::kNoConnection;
    call.exchange.conclude(0, Verdict::kRefusedUnsent);
    co_return fail(Errc::kConnect, Origin::kUpstream, "connection_refused");
  };
  for (int i = 0; i < 100; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 100);
}

// ---- tokens ----

TEST_F(RateLimitTest, ReservesTheEstimateAndSettlesWithWhatWasUsed) {
  tokens_only(60000);  // 2000 at once
  upstream_does_ = answers(Verdict::kOk, 0s, TokenUsage{100, 400});
  const With thousand{.body = R"({"max_tokens":990})"};
  for (int i = 0; i < 4; ++i) call(thousand);
  loop_.advance(0s);
  EXPECT_EQ(sent_, 3);  // as much fits beside twice 500, not beside three times
  loop_.advance(1s);
  EXPECT_EQ(sent_, 4);
}

TEST_F(RateLimitTest, EstimatesAPromptByItsBytes) {
  tokens_only(60000);
  upstream_does_ = answers(Verdict::kOk);
  call({.body = std::string(4000, ' ')});
  call({.body = std::string(4000, ' ')});
  Call& third = call({.body = std::string(4, ' ')});
  loop_.advance(0s);
  EXPECT_EQ(third.error(), "waits");
  loop_.advance(1ms);
  EXPECT_TRUE(third.ok());
}

TEST_F(RateLimitTest, HoldsTheReservationOfAStreamUntilItsEnd) {
  tokens_only(60000);
  upstream_does_ = streams();
  Call& stream = call({.body = R"({"max_tokens":1999})"});
  loop_.advance(0s);
  ASSERT_TRUE(stream.ok());
  Call& next = call({.body = R"({"max_tokens":1000})"});
  loop_.advance(100ms);
  EXPECT_EQ(next.error(), "waits");
  stream.exchange.attempts[0].usage = TokenUsage{100, 300};
  stream.exchange.conclude(0, Verdict::kOk);
  loop_.advance(0s);
  EXPECT_TRUE(next.ok());
}

TEST_F(RateLimitTest, ASmallRequestNeedNotWaitForAHugeOne) {
  tokens_only(60000);
  call({.body = std::string(8000, ' '), .execution = "other"});  // all there is
  const std::string large(120000, ' ');                          // 30 s of the rate
  Call& huge = call({.body = large, .execution = "huge"});
  loop_.advance(0s);
  std::vector<Call*> small;
  for (int i = 0; i < 10; ++i) {
    small.push_back(&call({.body = std::string(400, ' '), .execution = "small"}));
    loop_.advance(500ms);
  }
  loop_.advance(1s);
  for (const Call* one : small) {
    EXPECT_TRUE(one->ok());
    EXPECT_LE(one->exchange.queued, 500ms);
  }
  loop_.advance(60s);
  EXPECT_TRUE(huge.ok());
}

TEST_F(RateLimitTest, AHugeRequestIsNotStarvedBySmallOnes) {
  tokens_only(60000);
  call({.body = std::string(8000, ' '), .execution = "other"});
  Call& huge = call({.body = std::string(8000, ' '), .execution = "huge"});  // needs all of 2000
  Duration done{0};
  for (int i = 0; i < 3000 && !huge.ok(); ++i) {
    call({.body = std::string(200, ' '), .execution = "small"});
    loop_.advance(10ms);
    done += 10ms;
  }
  EXPECT_TRUE(huge.ok());
  // Small ones that ask for five times the rate get no more than the huge one while it waits.
  EXPECT_LE(done, 7s);
  loop_.advance(10min);
}

// ---- what is learnt ----

class LearntRateTest : public RateLimitTest {
 protected:
  LearntRateTest() { policy().requests.reset(); }
  void says(int limit, int remaining, std::string_view reset) {
    headers_ = {{"x-ratelimit-limit-requests", std::to_string(limit)},
                {"x-ratelimit-remaining-requests", std::to_string(remaining)},
                {"x-ratelimit-reset-requests", std::string(reset)}};
  }
};

TEST_F(LearntRateTest, LimitsNothingBeforeTheProviderHasSaidAnything) {
  for (int i = 0; i < 500; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 500);
}

TEST_F(LearntRateTest, SendsWhatTheProviderSaysIsLeftAndThenItsRate) {
  says(60, 3, "57s");
  call();
  loop_.advance(0s);
  headers_.clear();
  for (int i = 0; i < 6; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 1 + 3);
  loop_.advance(1s);
  EXPECT_EQ(sent_, 5);
  loop_.advance(2s);
  EXPECT_EQ(sent_, 7);
}

TEST_F(LearntRateTest, AThrottledAnswerStopsTheOthersBeforeTheySend) {
  says(60, 0, "60s");
  upstream_does_ = answers(Verdict::kThrottled);
  call();
  loop_.advance(0s);
  EXPECT_EQ(counted(Metric::kRateLimited, "upstream"), 1u);
  Call& next = call();
  loop_.advance(0s);
  EXPECT_FALSE(next.reached);
  loop_.advance(1s);
  EXPECT_TRUE(next.reached);
}

TEST_F(LearntRateTest, IsCorrectedUpwardsToo) {
  says(60, 0, "60s");
  call();
  loop_.advance(0s);
  Call& first = call();
  Call& second = call();
  says(60, 40, "20s");
  loop_.advance(1s);
  EXPECT_TRUE(first.ok());
  EXPECT_TRUE(second.ok()) << "the answer to the first said that there are 40";
}

TEST_F(LearntRateTest, IsNotHeardWhereItIsNotWanted) {
  policy().learn = false;
  says(60, 0, "60s");
  for (int i = 0; i < 10; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 10);
}

TEST_F(LearntRateTest, LooksIntoBodiesOnlyOnceTokensAreCounted) {
  call();
  loop_.advance(0s);
  EXPECT_FALSE(calls_.back()->exchange.wants_usage);
  headers_ = {{"x-ratelimit-limit-tokens", "1000"}, {"x-ratelimit-remaining-tokens", "900"}};
  call();
  call();
  loop_.advance(0s);
  EXPECT_TRUE(calls_.back()->exchange.wants_usage);
}

// ---- shadow, reload ----

TEST_F(RateLimitTest, InShadowSaysWhatItWouldHaveDoneAndDoesNothing) {
  upstream_.policies.shadow = {config::Shadowed::kRateLimit};
  policy().queue.wait = 2s;
  for (int i = 0; i < 6; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 6);
  std::string would;
  for (const auto& it : calls_) {
    for (const Would& one : it->exchange.would_have) {
      EXPECT_EQ(one.policy, config::Shadowed::kRateLimit);
      would += std::string(one.what) + " ";
    }
  }
  EXPECT_EQ(would, "wait wait refuse refuse ");
}

TEST_F(RateLimitTest, ANewConfigurationServesThoseWhoWaitAtItsOwnRate) {
  for (int i = 0; i < 12; ++i) call();
  loop_.advance(1s);
  EXPECT_EQ(sent_, 3);
  config::Upstream changed = upstream_;
  changed.policies.rate_limit->requests = config::Rate{600, 60s};
  const auto group = limits_.of(changed, nullptr, LimitKind::kRate, loop_.now());
  loop_.advance(1s);
  EXPECT_EQ(sent_, 12);
}

TEST_F(RateLimitTest, WhatWasTakenOutlivesAReload) {
  for (int i = 0; i < 2; ++i) call();
  loop_.advance(0s);
  chain_.reset();
  call();
  loop_.advance(500ms);
  EXPECT_EQ(sent_, 2);
  loop_.advance(500ms);
  EXPECT_EQ(sent_, 3);
}

}  // namespace
}  // namespace outrigger::filters
