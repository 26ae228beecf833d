// concurrency in simulated time: slots, who waits for them, and that every one comes back.
#include "filters/concurrency/concurrency.h"

#include "filters/limits/export_limits.h"
#include "tests/unit/filters/limit_policies.h"
#include "tests/unit/filters/limits_fixture.h"

namespace outrigger::filters {
namespace {

class ConcurrencyTest : public LimitsTest {
 protected:
  ConcurrencyTest() {
    upstream_.policies.concurrency = at_a_time(2, 1, 2);
    upstream_does_ = answers(Verdict::kOk, 1s);
  }
  ~ConcurrencyTest() override {
    for (auto& call : calls_) call->scope.cancel({});
    loop_.advance(0s);
    calls_.clear();
    for (const auto& group : limits_.all()) {
      for (const PinnedLimit& limit : group->all()) EXPECT_TRUE(limit->idle(loop_.now()));
    }
  }
  config::Concurrency& policy() { return *upstream_.policies.concurrency; }
  std::uint32_t limit() { return *limits_.all()[0]->of({}, loop_.now())->at_a_time(); }
};

TEST_F(ConcurrencyTest, SendsNoMoreAtATimeThanTheLimit) {
  for (int i = 0; i < 5; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 2);
  loop_.advance(1s);
  EXPECT_EQ(sent_, 4);
  loop_.advance(1s);
  EXPECT_EQ(sent_, 5);
  loop_.advance(1s);
  EXPECT_EQ(calls_.back()->exchange.queued, 2s);
  EXPECT_EQ(queued(), 3u);
}

TEST_F(ConcurrencyTest, HoldsASlotUntilTheEndOfTheStream) {
  upstream_does_ = streams();
  Call& first = call();
  Call& second = call();
  Call& third = call();
  loop_.advance(10s);
  EXPECT_TRUE(first.ok());
  EXPECT_FALSE(third.reached);
  first.exchange.conclude(0, Verdict::kTruncated);
  loop_.advance(0s);
  EXPECT_TRUE(third.reached);
  second.exchange.conclude(0, Verdict::kOk);
  third.exchange.conclude(0, Verdict::kOk);
}

TEST_F(ConcurrencyTest, AStreamThatIsDroppedGivesItsSlotBack) {
  upstream_does_ = streams();
  call();
  call();
  Call& third = call();
  loop_.advance(0s);
  calls_.pop_front();  // the exchange ends: nobody waited for the rest
  loop_.advance(0s);
  EXPECT_TRUE(third.reached);
}

TEST_F(ConcurrencyTest, ACancelledCallGivesItsSlotBack) {
  Call& first = call();
  call();
  Call& third = call();
  loop_.advance(100ms);
  first.scope.cancel({});
  calls_.pop_front();
  loop_.advance(0s);
  EXPECT_TRUE(third.reached);
  loop_.advance(2s);
}

TEST_F(ConcurrencyTest, WhatIsRefusedBehindItGivesItsSlotBack) {
  upstream_does_ = never_sends();
  for (int i = 0; i < 50; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 50);
}

TEST_F(ConcurrencyTest, ATryWithManyAttemptsHoldsOneSlotUntilTheLastHasEnded) {
  upstream_does_ = [this](Call& call) -> Task<Result<http::Response>> {
    begin_attempt(call.exchange);
    begin_attempt(call.exchange);  // a hedge
    co_return http::Response{};
  };
  Call& hedged = call();
  call();
  Call& third = call();
  loop_.advance(0s);
  hedged.exchange.conclude(0, Verdict::kCancelled);
  loop_.advance(0s);
  EXPECT_FALSE(third.reached);
  hedged.exchange.conclude(1, Verdict::kOk);
  loop_.advance(0s);
  EXPECT_TRUE(third.reached);
}

TEST_F(ConcurrencyTest, FallsWhenTheUpstreamSaysThatThereAreTooMany) {
  policy() = at_a_time(10, 1, 20);
  upstream_does_ = answers(Verdict::kOverloaded, 1s);
  for (int i = 0; i < 10; ++i) call();
  loop_.advance(1s);
  EXPECT_EQ(limit(), 7u);
}

TEST_F(ConcurrencyTest, RefusesWhatWaitedForTooLong) {
  policy().queue.wait = 3s;
  upstream_does_ = streams();
  call();
  call();
  Call& third = call();
  loop_.advance(2999ms);
  EXPECT_EQ(third.error(), "waits");
  loop_.advance(1ms);
  EXPECT_EQ(third.error(), "concurrency_limited");
  EXPECT_EQ(third.exchange.retry_after, 1s);
  EXPECT_EQ(third.exchange.queued, 3s);
  EXPECT_EQ(third.outcome->error().detail,
            "the limit of requests at a time of llm is reached, and its turn did not come in time");
}

TEST_F(ConcurrencyTest, RefusesAtOnceWhereTheEndsOfCallsShowThatItIsInVain) {
  for (int i = 0; i < 24; ++i) call();
  loop_.advance(11s);  // a slot comes back every half second, two at a time
  Call& hasty = call({.execution = "other", .deadline = 100ms});
  loop_.advance(0s);
  EXPECT_EQ(hasty.error(), "concurrency_limited");
  Call& patient = call({.execution = "other", .deadline = 60s});
  loop_.advance(0s);
  EXPECT_EQ(patient.error(), "waits");
  loop_.advance(10s);
}

TEST_F(ConcurrencyTest, InShadowHoldsNobodyUp) {
  upstream_.policies.shadow = {config::Shadowed::kConcurrency};
  for (int i = 0; i < 5; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 5);
  EXPECT_TRUE(calls_.front()->exchange.would_have.empty());
  EXPECT_EQ(calls_.back()->exchange.would_have[0].what, "wait");
  loop_.advance(1s);
}

TEST_F(ConcurrencyTest, IsShownAsMetrics) {
  policy().key = {config::LimitKey::kModel};
  for (int i = 0; i < 5; ++i) call();
  call({.model = "small"});
  loop_.advance(0s);
  export_limits(limits_, registry_);
  const std::string page = registry_.expose(Exposition::kPrometheus);
  EXPECT_NE(page.find("outrigger_queue_depth{upstream=\"llm\"} 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("outrigger_concurrency_limit{upstream=\"llm\"} 2\n"), std::string::npos);
  loop_.advance(3s);
}

TEST_F(ConcurrencyTest, ANewConfigurationWithMoreSlotsLetsThoseWhoWaitPass) {
  upstream_does_ = streams();
  for (int i = 0; i < 4; ++i) call();
  loop_.advance(0s);
  EXPECT_EQ(sent_, 2);
  config::Upstream changed = upstream_;
  changed.policies.concurrency = at_a_time(4, 4, 4);
  const auto group = limits_.of(changed, nullptr, LimitKind::kConcurrency, loop_.now());
  loop_.advance(0s);
  EXPECT_EQ(sent_, 4);
}

// A request waits for its rate first, so that no slot is held by one that may not be sent.
TEST_F(ConcurrencyTest, NoSlotIsHeldByWhoWaitsForARate) {
  upstream_.policies.rate_limit = rates(config::Rate{60, 60s}, {}, 1s);
  policy() = at_a_time(1, 1, 1);
  upstream_does_ = answers(Verdict::kOk, 100ms);
  for (int i = 0; i < 3; ++i) call();
  loop_.advance(150ms);
  EXPECT_TRUE(limits_.all()[1]->of({}, loop_.now())->idle(loop_.now()));
  loop_.advance(3s);
  EXPECT_EQ(sent_, 3);
}

}  // namespace
}  // namespace outrigger::filters
