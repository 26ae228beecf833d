// What `outrigger explain` prints of verdicts is what the filters decide: each cell is compared
// with the decision functions, over all verdicts, phases and replay classes.
#include "filters/explain/verdict_plan.h"

#include <gtest/gtest.h>

#include "filters/classify/built_in_rules.h"
#include "filters/exchange.h"
#include "filters/explain/request_plan.h"
#include "filters/retry/give_up.h"
#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

using config::Replay;

constexpr Replay kClasses[] = {Replay::kSafe, Replay::kKeyed, Replay::kVerify, Replay::kUnsent,
                               Replay::kNever};

config::Policies example() {
  config::Policies policies;
  policies.verify = config::Verify{};
  policies.retry->backoff = {.base = 1s, .factor = 2, .max = 3s, .jitter = config::Jitter::kEqual};
  policies.retry->max_attempts = 4;
  return policies;
}

const VerdictPlan& row(const std::vector<VerdictPlan>& plans, std::string_view name) {
  for (const VerdictPlan& plan : plans) {
    if (plan.name() == name) return plan;
  }
  static const VerdictPlan none;
  ADD_FAILURE() << "no row " << name;
  return none;
}

TEST(VerdictPlan, SaysWhatRetryDecidesForEveryVerdictPhaseAndClass) {
  for (const bool verifies : {true, false}) {
    config::Policies policies = example();
    if (!verifies) policies.verify.reset();
    for (const Replay replay : kClasses) {
      const auto plans = plan_verdicts({.policies = policies, .upstream = "a", .replay = replay});
      ASSERT_GE(plans.size(), kVerdictNames.size());
      for (std::size_t v = 0; v < kVerdictNames.size(); ++v) {
        const auto verdict = static_cast<Verdict>(v);
        EXPECT_EQ(plans[v].verdict(), verdict);
        EXPECT_EQ(plans[v].name(), to_string(verdict));
        bool any = false;
        for (std::size_t p = 0; p < kPhases; ++p) {
          AttemptFacts facts;
          facts.verdict = verdict;
          facts.phase = static_cast<Phase>(p);
          facts.replay = replay;
          facts.can_probe = verifies;
          facts.cancelled = verdict == Verdict::kCancelled;
          const Decision decided = decide(facts, *policies.retry);
          const Decision& planned = plans[v].phases[p].decision;
          EXPECT_EQ(planned.again, decided.again) << to_string(verdict) << " P" << p;
          EXPECT_EQ(planned.probe_first, decided.probe_first) << to_string(verdict) << " P" << p;
          EXPECT_EQ(planned.stop, decided.stop) << to_string(verdict) << " P" << p;
          any = any || decided.again;
        }
        EXPECT_EQ(plans[v].waits.size(), any ? 3u : 0u) << to_string(verdict);
        EXPECT_EQ(plans[v].last.stop == Stop::kMaxAttempts, any) << to_string(verdict);
      }
    }
  }
}

TEST(VerdictPlan, SaysBetweenWhichBoundsEveryWaitLies) {
  Random random(5);
  for (const config::Jitter jitter : {config::Jitter::kFull, config::Jitter::kEqual,
                                      config::Jitter::kDecorrelated, config::Jitter::kNone}) {
    config::Policies policies = example();
    policies.retry->backoff.jitter = jitter;
    policies.retry->backoff_for = {
        {Verdict::kOverloaded, {.base = 4s, .factor = 3, .max = 60s, .jitter = jitter}}};
    const auto plans = plan_verdicts({.policies = policies, .replay = Replay::kSafe});
    for (const Verdict verdict : {Verdict::kTransient, Verdict::kOverloaded}) {
      const VerdictPlan& plan = plans[static_cast<std::size_t>(verdict)];
      ASSERT_EQ(plan.waits.size(), 3u);
      for (int i = 0; i < 2000; ++i) {
        Duration previous{0};
        for (std::uint32_t retry = 1; retry <= 3; ++retry) {
          previous =
              backoff_wait(config::backoff_for(*policies.retry, verdict), retry, previous, random);
          EXPECT_GE(previous, plan.waits[retry - 1].low);
          EXPECT_LE(previous, plan.waits[retry - 1].high);
        }
      }
    }
  }
}

TEST(VerdictPlan, CountsNoAttemptThatTheDeadlineLeavesNoTimeFor) {
  config::Policies policies = example();  // shortest waits: 500ms, 1s, 1.5s
  const auto plan_with = [&](Duration deadline) {
    const auto plans =
        plan_verdicts({.policies = policies, .replay = Replay::kSafe, .deadline = deadline});
    return plans[static_cast<std::size_t>(Verdict::kTransient)];
  };
  EXPECT_EQ(plan_with(3001ms).waits.size(), 3u);
  EXPECT_EQ(plan_with(3s).waits.size(), 2u);
  EXPECT_EQ(plan_with(3s).last.stop, Stop::kDeadline);
  EXPECT_EQ(plan_with(400ms).waits.size(), 0u);
}

TEST(VerdictPlan, SaysWhatTheBreakersCount) {
  config::Policies policies = example();
  for (const bool by_endpoint : {false, true}) {
    if (by_endpoint) policies.circuit_breaker->key = {config::BreakerKey::kEndpoint};
    const auto plans = plan_verdicts({.policies = policies, .replay = Replay::kSafe});
    for (std::size_t v = 0; v < kVerdictNames.size(); ++v) {
      const auto verdict = static_cast<Verdict>(v);
      for (std::size_t p = 0; p < kPhases; ++p) {
        Attempt attempt;
        attempt.judged = true;
        attempt.verdict = verdict;
        attempt.phase = static_cast<Phase>(p);
        attempt.failed = attempt.phase < Phase::kAnswered;
        attempt.status = attempt.failed ? 0 : 200;
        attempt.code = Errc::kReset;
        const PhasePlan& plan = plans[v].phases[p];
        EXPECT_EQ(plan.call, of_call(attempt, *policies.circuit_breaker).outcome)
            << to_string(verdict) << " P" << p;
        EXPECT_EQ(plan.connection, of_connection(attempt).outcome)
            << to_string(verdict) << " P" << p;
      }
    }
  }
}

TEST(VerdictPlan, SaysWhichCooldownBegins) {
  config::Policies policies = example();
  const auto plans =
      plan_verdicts({.policies = policies, .upstream = "a", .model = "m", .replay = Replay::kSafe});
  for (std::size_t v = 0; v < kVerdictNames.size(); ++v) {
    const auto verdict = static_cast<Verdict>(v);
    EXPECT_EQ(plans[v].cooldown.has_value(), begins_cooldown(verdict)) << to_string(verdict);
  }
  EXPECT_EQ(row(plans, "throttled").cooldown->model, "m");
  EXPECT_EQ(row(plans, "throttled").unhinted, std::nullopt);
  EXPECT_EQ(row(plans, "quota_exhausted").cooldown->model, "") << "of the credential as a whole";
  EXPECT_EQ(row(plans, "quota_exhausted").unhinted, 1min);
  policies.retry->hints.honour = false;
  for (const VerdictPlan& plan : plan_verdicts({.policies = policies})) {
    EXPECT_FALSE(plan.cooldown) << plan.name();
  }
}

TEST(VerdictPlan, SaysWhichFallbacksFollowAndWithWhichModel) {
  config::Policies policies = example();
  config::Fallback mapped, fixed;
  mapped.upstream = "bedrock";
  mapped.map_model = {{"m", "mapped"}};
  mapped.on = {config::fallback_on(Verdict::kOverloaded), config::FallbackOn::kBreakerOpen};
  fixed.answer = config::FixedAnswer{};
  policies.fallback = {mapped, fixed};
  const auto plans =
      plan_verdicts({.policies = policies, .upstream = "a", .model = "m", .replay = Replay::kSafe});
  ASSERT_EQ(row(plans, "overloaded").fallbacks.size(), 2u);
  EXPECT_EQ(row(plans, "overloaded").fallbacks[0].upstream, "bedrock");
  EXPECT_EQ(row(plans, "overloaded").fallbacks[0].model, "mapped");
  EXPECT_EQ(row(plans, "overloaded").fallbacks[1].index, 1u);
  ASSERT_EQ(row(plans, "timeout").fallbacks.size(), 1u);
  EXPECT_EQ(row(plans, "timeout").fallbacks[0].upstream, "a");
  EXPECT_EQ(row(plans, "breaker_open").fallbacks.size(), 2u);
  EXPECT_EQ(row(plans, "limited").fallbacks.size(), 1u);
  EXPECT_TRUE(row(plans, "client_error").fallbacks.empty());
}

TEST(VerdictPlan, SaysWhatTheLastAnswerTellsClients) {
  config::Policies policies = example();
  policies.retry->give_up_status = 424;
  const auto plans = plan_verdicts({.policies = policies, .replay = Replay::kSafe});
  for (std::size_t v = 0; v < kVerdictNames.size(); ++v) {
    const auto verdict = static_cast<Verdict>(v);
    const LastWord& last = plans[v].last;
    EXPECT_EQ(last.status, is_exhausted(last.stop) ? 424 : 0) << to_string(verdict);
    for (const int status : {400, 404, 408, 409, 429, 500, 503}) {
      const bool stops = stops_clients(last.stop, verdict, status);
      if (last.stops_clients == LastWord::Stops::kYes) EXPECT_TRUE(stops) << status;
      if (last.stops_clients == LastWord::Stops::kNo) EXPECT_FALSE(stops) << status;
    }
  }
  EXPECT_EQ(row(plans, "ok").last.stops_clients, LastWord::Stops::kNo);
  EXPECT_EQ(row(plans, "client_error").last.stops_clients, LastWord::Stops::kByStatus);
  EXPECT_TRUE(row(plans, "throttled").last.hint_told);
  EXPECT_EQ(row(plans, "breaker_open").last.status, 424);
}

TEST(VerdictPlan, WithoutPoliciesNothingIsRepeatedOrRefused) {
  config::Policies policies;
  policies.retry.reset();
  policies.circuit_breaker.reset();
  const auto plans = plan_verdicts({.policies = policies, .replay = Replay::kSafe});
  EXPECT_EQ(plans.size(), kVerdictNames.size());
  for (const VerdictPlan& plan : plans) {
    EXPECT_TRUE(plan.waits.empty());
    EXPECT_FALSE(plan.cooldown);
    EXPECT_EQ(plan.last.status, 0);
    EXPECT_EQ(plan.last.stops_clients, LastWord::Stops::kNo);
  }
}

// The lints count on it: a policy that names it without a rule waits in vain.
TEST(BuiltInRules, NeverGiveContentPolicy) {
  for (int status = 100; status < 600; ++status) {
    EXPECT_NE(judge_status(status).verdict, Verdict::kContentPolicy) << status;
  }
  for (int code = 0; code <= 16; ++code) {
    EXPECT_NE(judge_grpc(std::to_string(code))->verdict, Verdict::kContentPolicy) << code;
  }
  for (int code = 0; code <= static_cast<int>(Errc::kInternal); ++code) {
    for (std::size_t phase = 0; phase < kPhases; ++phase) {
      for (const Origin origin : {Origin::kClient, Origin::kUpstream, Origin::kProxy}) {
        const Error error{static_cast<Errc>(code), origin, static_cast<Phase>(phase), "", {}};
        EXPECT_NE(judge_failure(error).verdict, Verdict::kContentPolicy) << code;
      }
    }
  }
}

// ---- the request ----

TEST(FiltersOfChain, AreThoseOfTheRoute) {
  config::Upstream upstream;
  upstream.name = "a";
  upstream.endpoints.push_back({.url = "https://a.example.com",
                                .tls = true,
                                .host = "a.example.com",
                                .port = 443,
                                .base_path = ""});
  const auto all = filters_of_chain(upstream, nullptr);
  EXPECT_EQ(all.front(), "observe");
  EXPECT_EQ(all.back(), "send");
  EXPECT_NE(std::ranges::find(all, "retry"), all.end());
  config::Route route;
  route.policies.retry.reset();
  const auto less = filters_of_chain(upstream, &route);
  EXPECT_EQ(std::ranges::find(less, "retry"), less.end());
  const auto forwarded = filters_of_forward_chain();
  EXPECT_EQ(forwarded.front(), "observe");
  EXPECT_EQ(std::ranges::find(forwarded, "retry"), forwarded.end());
}

}  // namespace
}  // namespace outrigger::filters
