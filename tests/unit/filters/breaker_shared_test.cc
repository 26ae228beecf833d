// The breakers that all workers share: keys, bounds, reload, the derived verdict, and many threads.
#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "filters/circuit_breaker/export_circuits.h"
#include "filters/circuit_breaker/shared_breakers.h"
#include "filters/exchange.h"
#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

config::CircuitBreaker policy_by_model() {
  config::CircuitBreaker policy;
  policy.failures_in_a_row = 2;
  policy.open = {.first = 5s, .factor = 2, .max = 20s, .jitter = 0};
  policy.half_open = {.probes = 1, .lease = 60s, .successes = 1};
  policy.ramp.reset();
  policy.key = {config::BreakerKey::kModel, config::BreakerKey::kCredential};
  return policy;
}

Attempt ended(Verdict verdict) {
  Attempt attempt;
  attempt.verdict = verdict;
  attempt.status = verdict == Verdict::kOk ? 200 : 500;
  attempt.phase = Phase::kAnswered;
  return attempt;
}

class BreakerSharedTest : public ::testing::Test {
 protected:
  BreakerSharedTest() { group_ = breakers_.of("llm", {}, policy_, now_); }

  static KeyView key(std::string_view model, std::uint64_t credential = 1) {
    return {.model = model, .credential = credential, .endpoint = {}};
  }
  BreakerState state(std::string_view model, std::uint64_t credential = 1) {
    return group_->of(key(model, credential), now_)->state();
  }
  std::expected<Permit, Refused> ask(std::string_view model, std::uint64_t credential = 1) {
    return group_->ask(key(model, credential), now_);
  }
  void end(const Permit& permit, Verdict verdict) {
    permit.breaker->end(permit.pass, ended(verdict), now_);
  }
  void call(std::string_view model, Verdict verdict, std::uint64_t credential = 1) {
    const auto permit = ask(model, credential);
    ASSERT_TRUE(permit.has_value());
    end(*permit, verdict);
  }
  void trip(std::string_view model, std::uint64_t credential = 1) {
    call(model, Verdict::kTransient, credential);
    call(model, Verdict::kTransient, credential);
    ASSERT_EQ(state(model, credential), BreakerState::kOpen);
  }
  void wait(Duration d) {
    now_ = now_ + d;
    group_->tick(now_);
  }
  void change_policy() { breakers_.of("llm", {}, policy_, now_); }

  TimePoint now_{1000s};
  config::CircuitBreaker policy_ = policy_by_model();
  std::vector<std::string> told_;
  SharedBreakers breakers_{
      {.listener =
           [this](const Transition& it) {
             told_.push_back(fmt::format("{} {} {}: {} to {}, {}", it.upstream, to_string(it.kind),
                                         it.key.model, to_string(it.change.from),
                                         to_string(it.change.to), it.change.because));
           },
       .seed = 1,
       .keys_per_upstream = 64}};
  std::shared_ptr<UpstreamBreakers> group_;
};

TEST_F(BreakerSharedTest, OneModelOpensAndItsSiblingsDoNot) {
  trip("big");
  EXPECT_EQ(ask("big").error().why, Refusal::kOpen);
  EXPECT_EQ(state("small"), BreakerState::kClosed);
  EXPECT_EQ(state("big", 2), BreakerState::kClosed) << "another credential is another key";
  EXPECT_EQ(group_->host().state(), BreakerState::kClosed);
}

TEST_F(BreakerSharedTest, ARefusalTellsWhyAndUntilWhen) {
  trip("big");
  const Refused refused = ask("big").error();
  EXPECT_EQ(refused.state, BreakerState::kOpen);
  EXPECT_EQ(refused.kind, BreakerKind::kKey);
  EXPECT_EQ(refused.because, "failures_in_a_row");
  EXPECT_EQ(refused.retry_after, 5s);
}

TEST_F(BreakerSharedTest, TheUpstreamIsOpenWhileSoManyModelsAre) {
  policy_.upstream_opens_at = 2;
  change_policy();
  trip("a", 1);
  trip("a", 2);
  EXPECT_EQ(group_->opened_by_keys(now_), std::nullopt) << "two keys of one model";
  wait(2s);
  trip("b");
  EXPECT_EQ(group_->opened_by_keys(now_), 3s) << "until the first of them wants a probe";
  wait(3s);
  EXPECT_EQ(group_->opened_by_keys(now_), std::nullopt);
}

TEST_F(BreakerSharedTest, ADerivedVerdictEndsByTimeThoughNobodyProbes) {
  policy_.upstream_opens_at = 2;
  change_policy();
  trip("a");
  trip("b");
  ASSERT_TRUE(group_->opened_by_keys(now_).has_value());
  EXPECT_EQ(group_->opened_by_keys(now_ + 5s), std::nullopt);
}

TEST_F(BreakerSharedTest, WithoutModelsInTheKeyEveryOpenKeyCounts) {
  policy_.upstream_opens_at = 2;
  policy_.key = {config::BreakerKey::kCredential};
  change_policy();
  trip("", 1);
  trip("", 2);
  EXPECT_EQ(group_->opened_by_keys(now_), 5s);
}

TEST_F(BreakerSharedTest, TheUpstreamIsOpenUntilFewerModelsAreThanThat) {
  policy_.upstream_opens_at = 2;
  change_policy();
  for (const char* model : {"a", "b", "c"}) {
    trip(model);
    wait(1s);
  }
  EXPECT_EQ(group_->opened_by_keys(now_), 3s) << "until b ends; c alone is not enough";
}

TEST_F(BreakerSharedTest, OnlyKeysThatAreOpenOpenTheUpstream) {
  trip("a");
  trip("b");
  EXPECT_EQ(group_->opened_by_keys(now_), std::nullopt) << "not where the policy does not say so";
  policy_.upstream_opens_at = 2;
  change_policy();
  EXPECT_EQ(group_->opened_by_keys(now_), 5s) << "and at once where it does";
  now_ = now_ + 5s;  // without a tick: it is the probes that open them halfway
  ASSERT_TRUE(ask("a").has_value()) << "a probe is out";
  ASSERT_TRUE(ask("b").has_value());
  trip("c");
  EXPECT_EQ(group_->opened_by_keys(now_), std::nullopt) << "a and b are half-open";
  Attempt lost = ended(Verdict::kRefusedUnsent);
  lost.phase = Phase::kNoConnection;
  lost.status = 0;
  for (int i = 0; i < 2; ++i) {
    const auto permit = group_->host().ask(now_);
    group_->host().end(permit->pass, lost, now_);
  }
  ASSERT_EQ(group_->host().state(), BreakerState::kOpen);
  EXPECT_EQ(group_->opened_by_keys(now_), std::nullopt) << "the host is no key";
}

TEST_F(BreakerSharedTest, ByHandAllBreakersAreMoved) {
  policy_.key = {};
  change_policy();
  ASSERT_TRUE(breakers_.force_close("llm", now_));
  EXPECT_EQ(group_->whole().state(), BreakerState::kDisabled);
  EXPECT_EQ(group_->host().state(), BreakerState::kDisabled);
  ASSERT_TRUE(breakers_.reset("llm", now_));
  EXPECT_EQ(group_->whole().state(), BreakerState::kClosed);
  EXPECT_EQ(state("to come"), BreakerState::kClosed);
  ASSERT_TRUE(breakers_.reset("llm", now_));
  EXPECT_EQ(group_->counts(now_).transitions[0][0], 0u) << "from closed to closed is no change";
}

TEST_F(BreakerSharedTest, AReloadKeepsStateAndHandsTheNewPolicyOn) {
  trip("big");
  policy_.failures_in_a_row = 3;
  policy_.open.max = 4s;
  EXPECT_EQ(breakers_.of("llm", {}, policy_, now_), group_);
  EXPECT_EQ(ask("big").error().retry_after, 4s);
  call("small", Verdict::kTransient);
  call("small", Verdict::kTransient);
  EXPECT_EQ(state("small"), BreakerState::kClosed);
  call("small", Verdict::kTransient);
  EXPECT_EQ(state("small"), BreakerState::kOpen);
}

TEST_F(BreakerSharedTest, ARouteOfItsOwnHasBreakersOfItsOwn) {
  trip("big");
  const auto route = breakers_.of("llm", "batch", policy_, now_);
  EXPECT_NE(route, group_);
  EXPECT_EQ(route->of(key("big"), now_)->state(), BreakerState::kClosed);
  EXPECT_NE(breakers_.of("other", {}, policy_, now_), group_);
}

TEST_F(BreakerSharedTest, KeysThatComeAndGoAreForgottenFirstAskedFirst) {
  for (int i = 0; i < 1000; ++i) call(fmt::format("m{}", i), Verdict::kOk);
  EXPECT_LE(group_->keys(), 64u);
  EXPECT_GE(group_->keys(), 56u);
}

TEST_F(BreakerSharedTest, ChurnForgetsNoOpenKeyAndNoneWithAPermitOut) {
  trip("open");
  const auto busy = ask("busy");
  call("busy", Verdict::kTransient);
  for (int i = 0; i < 1000; ++i) call(fmt::format("m{}", i), Verdict::kOk);
  EXPECT_EQ(ask("open").error().why, Refusal::kOpen);
  wait(5s);
  for (int i = 0; i < 1000; ++i) call(fmt::format("n{}", i), Verdict::kOk);
  EXPECT_EQ(state("open"), BreakerState::kHalfOpen);
  end(*busy, Verdict::kTransient);
  EXPECT_EQ(state("busy"), BreakerState::kOpen) << "both failures were remembered";
}

TEST_F(BreakerSharedTest, WhereNoKeyCanGoNewOnesShareOneBreaker) {
  std::vector<Permit> permits;
  bool overflowed = false;
  for (int i = 0; i < 200; ++i) {
    permits.push_back(*ask(fmt::format("m{}", i)));
    overflowed |= permits.back().breaker->kind() == BreakerKind::kOverflow;
  }
  EXPECT_LE(group_->keys(), 64u);
  EXPECT_TRUE(overflowed);
  for (const Permit& permit : permits) end(permit, Verdict::kOk);
  for (int i = 0; i < 200; ++i) {
    const auto permit = ask(fmt::format("x{}", i));
    EXPECT_EQ(permit->breaker->kind(), BreakerKind::kKey) << "there is room again";
    end(*permit, Verdict::kOk);
  }
}

TEST_F(BreakerSharedTest, AHalfOpenKeyThatNobodyAsksForLongIsForgotten) {
  trip("gone");
  wait(5s);
  EXPECT_EQ(breakers_.reports(now_).back().status.state, BreakerState::kHalfOpen);
  wait(UpstreamBreakers::kForgetAfter - 6s);
  EXPECT_EQ(group_->keys(), 1u);
  wait(2s);
  EXPECT_EQ(group_->keys(), 0u);
  EXPECT_EQ(group_->all().size(), 3u) << "host, whole and overflow";
}

TEST_F(BreakerSharedTest, ALongModelNameIsCut) {
  const std::string longest(UpstreamBreakers::kLongestModel, 'm');
  trip(longest + "and more");
  EXPECT_EQ(state(longest), BreakerState::kOpen);
}

TEST_F(BreakerSharedTest, TransitionsAreToldWithTheirReason) {
  trip("big");
  wait(5s);
  call("big", Verdict::kOk);
  EXPECT_EQ(told_, (std::vector<std::string>{
                       "llm key big: closed to open, failures_in_a_row",
                       "llm key big: open to half_open, open_time_over",
                       "llm key big: half_open to closed, probes_passed",
                   }));
}

TEST_F(BreakerSharedTest, ForceOpenRefusesAllCallsForItsTime) {
  EXPECT_FALSE(breakers_.force_open("unknown", now_, 10min));
  ASSERT_TRUE(breakers_.force_open("llm", now_, 10min));
  EXPECT_EQ(group_->host().ask(now_).error().why, Refusal::kForced);
  wait(10min);
  EXPECT_EQ(group_->host().state(), BreakerState::kClosed);
  ASSERT_TRUE(breakers_.force_open("llm", now_, std::nullopt));
  ASSERT_TRUE(breakers_.release("llm", now_));
  EXPECT_EQ(group_->host().state(), BreakerState::kClosed);
}

TEST_F(BreakerSharedTest, ForceCloseHoldsForKeysToComeToo) {
  trip("big");
  ASSERT_TRUE(breakers_.force_close("llm", now_));
  for (int i = 0; i < 5; ++i) {
    call("big", Verdict::kTransient);
    call("new", Verdict::kTransient);
  }
  EXPECT_EQ(state("new"), BreakerState::kDisabled);
  ASSERT_TRUE(breakers_.release("llm", now_));
  EXPECT_EQ(state("big"), BreakerState::kClosed);
  trip("new");
  ASSERT_TRUE(breakers_.reset("llm", now_));
  EXPECT_EQ(state("new"), BreakerState::kClosed);
}

TEST_F(BreakerSharedTest, ReportsShowAllButTheCredential) {
  const std::uint64_t credential = 0xfeedfacecafebeef;
  call("big", Verdict::kTransient, credential);
  const std::vector<BreakerReport> reports = breakers_.reports(now_);
  const auto found = std::ranges::find(reports, "big", &BreakerReport::model);
  ASSERT_NE(found, reports.end());
  EXPECT_EQ(found->upstream, "llm");
  EXPECT_EQ(found->credential, "feedface");
  EXPECT_EQ(found->status.failures_in_a_row, 1u);
  EXPECT_EQ(short_hash(0), "");
}

TEST_F(BreakerSharedTest, APermitAfterwardsIsOnlyForWhatBeganInThisEra) {
  const Pinned breaker = group_->of(key("big"), now_);
  const TimePoint early = now_;
  trip("big");
  EXPECT_EQ(breaker->permit_since(early, now_), std::nullopt);
  wait(5s);
  call("big", Verdict::kOk);
  ASSERT_EQ(breaker->state(), BreakerState::kClosed);
  EXPECT_EQ(breaker->permit_since(early, now_), std::nullopt);
  const auto permit = breaker->permit_since(now_, now_);
  ASSERT_TRUE(permit.has_value());
  end(*permit, Verdict::kOk);
}

TEST_F(BreakerSharedTest, MetricsShowTheStrictestStateAndExactTimes) {
  MetricRegistry metrics;
  trip("a");
  wait(2s);
  trip("b");
  call("c", Verdict::kOk);
  wait(1s);
  export_circuits(breakers_, metrics, now_);
  std::string text = metrics.expose(Exposition::kPrometheus);
  const auto has = [&](std::string_view line) {
    EXPECT_NE(text.find(fmt::format("{}\n", line)), std::string::npos) << line << " in\n" << text;
  };
  has(R"(outrigger_circuit_state{upstream="llm",state="open"} 1)");
  has(R"(outrigger_circuit_state{upstream="llm",state="closed"} 0)");
  has(R"(outrigger_circuit_transitions_total{upstream="llm",from="closed",to="open"} 2)");
  has(R"(outrigger_circuit_open_seconds_total{upstream="llm"} 3)");
  has(R"(outrigger_circuit_failure_ratio{upstream="llm"} 0.8)");
  has(R"(outrigger_circuit_next_probe_seconds{upstream="llm"} 2)");
  wait(4s);  // tells b's end at 7 s
  wait(60s);
  export_circuits(breakers_, metrics, now_);
  text = metrics.expose(Exposition::kPrometheus);
  has(R"(outrigger_circuit_state{upstream="llm",state="half_open"} 1)");
  has(R"(outrigger_circuit_open_seconds_total{upstream="llm"} 7)");
  has(R"(outrigger_circuit_next_probe_seconds{upstream="llm"} 0)");
}

// Successes are counted without the lock while all is well: the same must come of it. Every other
// upstream is well for long.
TEST_F(BreakerSharedTest, ItCountsAsTheBreakerAloneWould) {
  policy_.failures_in_a_row = 4;
  policy_.slow = config::SlowCalls{.first_event = 1s, .rate = 0.3};
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    policy_.window_calls = seed % 3 == 0 ? std::optional<std::uint32_t>(15) : std::nullopt;
    SharedBreakers breakers({.listener = {}, .seed = 1});
    const auto group = breakers.of("llm", {}, policy_, now_);
    Breaker alone(std::make_shared<const config::CircuitBreaker>(policy_), now_);
    const std::uint64_t health = seed % 2 == 0 ? 1000 : 2 + random.below(40);
    for (int i = 0; i < 300; ++i) {
      now_ = now_ + Duration{static_cast<std::int64_t>(random.below(800'000'000))};
      Attempt attempt = ended(random.below(health) == 0 ? Verdict::kTransient : Verdict::kOk);
      if (random.below(health) == 0) attempt.answered = TimePoint{2s};
      if (random.below(health) == 0) attempt.scope = config::Scope::kEndpoint;
      attempt.failed = attempt.verdict != Verdict::kOk && random.below(2) == 0;
      const auto permit = group->ask(key("m"), now_);
      const auto pass = alone.ask(now_, 0.5);
      ASSERT_EQ(permit.has_value(), pass.has_value()) << "seed " << seed << ", call " << i;
      if (permit) permit->breaker->end(permit->pass, attempt, now_);
      if (pass) alone.conclude(*pass, of_call(attempt, policy_), now_, 0.5);
      if (i % 7 != 0) continue;
      const BreakerStatus a = group->of(key("m"), now_)->status(now_);
      const BreakerStatus b = alone.status(now_);
      ASSERT_EQ(a.window, b.window) << "seed " << seed << ", call " << i;
      ASSERT_EQ(a.failures_in_a_row, b.failures_in_a_row) << "seed " << seed << ", call " << i;
      ASSERT_EQ(a.state, b.state) << "seed " << seed << ", call " << i;
    }
  }
}

TEST_F(BreakerSharedTest, EveryPermitOfManyThreadsEndsAndNoBoundIsPassed) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 5000;
  policy_.half_open.probes = 2;
  policy_.upstream_opens_at = 2;
  SharedBreakers breakers(
      {.listener = [](const Transition&) {}, .seed = 1, .keys_per_upstream = 16});
  const auto group = breakers.of("llm", {}, policy_, now_);
  std::atomic<std::uint64_t> clock{1'000'000'000'000};
  const auto live = [&](std::uint64_t seed) {
    Random random(seed);
    std::vector<Permit> held;
    for (int i = 0; i < kCalls; ++i) {
      const TimePoint now{Duration{
          static_cast<std::int64_t>(clock.fetch_add(50'000'000, std::memory_order_relaxed))}};
      const std::string model = fmt::format("m{}", random.below(40));
      if (const auto permit = group->ask(key(model), now)) held.push_back(*permit);
      (void)group->opened_by_keys(now);
      while (held.size() > random.below(4)) {
        const Permit permit = held.back();
        held.pop_back();
        const std::uint64_t fate = random.below(4);
        if (fate == 0) {
          permit.breaker->give_back(permit.pass, now);
        } else {
          permit.breaker->end(permit.pass, ended(fate == 1 ? Verdict::kOk : Verdict::kTransient),
                              now);
        }
      }
      if (i % 500 == 0) group->tick(now);
      if (i % 700 == 0) breakers.reset("llm", now);
      if (i % 900 == 0) EXPECT_LE(breakers.reports(now).size(), 16u + 3);
    }
    for (const Permit& permit : held) permit.breaker->give_back(permit.pass, TimePoint{2000s});
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(live, i);
  for (std::thread& thread : threads) thread.join();
  for (const Pinned& breaker : group->all()) {
    EXPECT_EQ(breaker->permits_out(), 0u);
    EXPECT_EQ(breaker->status(TimePoint{1000000s}).probes_out, 0u);
  }
}

TEST_F(BreakerSharedTest, ManyThreadsShareTheProbesOfOneBreaker) {
  constexpr int kThreads = 4;
  policy_.half_open.probes = 2;
  change_policy();
  trip("big");
  wait(5s);
  std::atomic<int> admitted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) {
        if (ask("big")) admitted.fetch_add(1);  // and keeps it
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted.load(), 2);
}

}  // namespace
}  // namespace outrigger::filters
