#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "filters/circuit_breaker/outcome.h"
#include "filters/exchange.h"

namespace outrigger::filters {
namespace {

using config::BreakerKey;
using config::Scope;

Attempt answered(Verdict verdict) {
  Attempt attempt;
  attempt.status = 200;
  attempt.phase = Phase::kAnswered;
  attempt.verdict = verdict;
  return attempt;
}

Attempt lost(Verdict verdict, Errc code, Phase phase) {
  Attempt attempt;
  attempt.failed = true;
  attempt.code = code;
  attempt.phase = phase;
  attempt.verdict = verdict;
  return attempt;
}

config::CircuitBreaker keyed(std::vector<BreakerKey> key) {
  config::CircuitBreaker policy;
  policy.key = std::move(key);
  return policy;
}

// resilience 4 (`counts`), 5.3 row Breaker: "local overflow, 4xx, auth, cancel never count".
TEST(BreakerOutcome, OfACallFollowsItsVerdict) {
  const std::pair<Verdict, CallOutcome> rows[] = {
      {Verdict::kOk, CallOutcome::kSuccess},
      {Verdict::kRefusedUnsent, CallOutcome::kNeutral},
      {Verdict::kThrottled, CallOutcome::kRateOnly},
      {Verdict::kQuotaExhausted, CallOutcome::kNeutral},
      {Verdict::kOverloaded, CallOutcome::kFailure},
      {Verdict::kTransient, CallOutcome::kFailure},
      {Verdict::kTimeout, CallOutcome::kFailure},
      {Verdict::kTruncated, CallOutcome::kFailure},
      {Verdict::kAuth, CallOutcome::kNeutral},
      {Verdict::kClientError, CallOutcome::kNeutral},
      {Verdict::kContentPolicy, CallOutcome::kNeutral},
      {Verdict::kInvalidResponse, CallOutcome::kFailure},
      {Verdict::kCancelled, CallOutcome::kNeutral},
  };
  ASSERT_EQ(std::size(rows), kVerdictNames.size());
  for (const auto& [verdict, outcome] : rows) {
    EXPECT_EQ(of_call(answered(verdict), {}).outcome, outcome) << to_string(verdict);
  }
}

TEST(BreakerOutcome, NeverCountsACancelledCallWhateverThePolicySays) {
  config::CircuitBreaker policy;
  policy.failure = {Verdict::kCancelled, Verdict::kAuth};
  EXPECT_EQ(of_call(answered(Verdict::kCancelled), policy).outcome, CallOutcome::kNeutral);
  EXPECT_EQ(of_call(answered(Verdict::kAuth), policy).outcome, CallOutcome::kFailure);
}

TEST(BreakerOutcome, OfALimitOfOurOwnIsNeutral) {
  for (const Errc code : {Errc::kCancelled, Errc::kOverload, Errc::kDestination, Errc::kConfig,
                          Errc::kSystem, Errc::kInternal}) {
    for (const Verdict verdict : {Verdict::kRefusedUnsent, Verdict::kTransient}) {
      const Attempt attempt = lost(verdict, code, Phase::kNoConnection);
      EXPECT_EQ(of_call(attempt, {}).outcome, CallOutcome::kNeutral) << to_string(code);
      EXPECT_EQ(of_call(attempt, keyed({BreakerKey::kEndpoint})).outcome, CallOutcome::kNeutral);
      EXPECT_EQ(of_connection(attempt).outcome, CallOutcome::kNeutral) << to_string(code);
    }
  }
}

// resilience 3 item 11: "host-level breaker fed only by phase 0-1 failures".
TEST(BreakerOutcome, OfAConnectionFollowsThePhase) {
  const struct {
    Attempt attempt;
    CallOutcome host, model, endpoint;
  } rows[] = {
      {lost(Verdict::kRefusedUnsent, Errc::kConnect, Phase::kNoConnection), CallOutcome::kFailure,
       CallOutcome::kNeutral, CallOutcome::kFailure},
      {lost(Verdict::kRefusedUnsent, Errc::kReset, Phase::kNothingAccepted), CallOutcome::kFailure,
       CallOutcome::kNeutral, CallOutcome::kFailure},
      {lost(Verdict::kTransient, Errc::kReset, Phase::kNothingAccepted), CallOutcome::kFailure,
       CallOutcome::kNeutral, CallOutcome::kFailure},
      {lost(Verdict::kTransient, Errc::kReset, Phase::kPartlyWritten), CallOutcome::kSuccess,
       CallOutcome::kFailure, CallOutcome::kFailure},
      {lost(Verdict::kTimeout, Errc::kTimeout, Phase::kNoConnection), CallOutcome::kFailure,
       CallOutcome::kNeutral, CallOutcome::kFailure},
      {lost(Verdict::kTransient, Errc::kReset, Phase::kFullyWritten), CallOutcome::kSuccess,
       CallOutcome::kFailure, CallOutcome::kFailure},
      {lost(Verdict::kTimeout, Errc::kTimeout, Phase::kFullyWritten), CallOutcome::kSuccess,
       CallOutcome::kFailure, CallOutcome::kFailure},
      {lost(Verdict::kClientError, Errc::kProtocol, Phase::kNoConnection), CallOutcome::kNeutral,
       CallOutcome::kNeutral, CallOutcome::kFailure},
      {answered(Verdict::kCancelled), CallOutcome::kSuccess, CallOutcome::kNeutral,
       CallOutcome::kNeutral},
      {lost(Verdict::kCancelled, Errc::kCancelled, Phase::kFullyWritten), CallOutcome::kNeutral,
       CallOutcome::kNeutral, CallOutcome::kNeutral},
      {answered(Verdict::kRefusedUnsent), CallOutcome::kSuccess, CallOutcome::kNeutral,
       CallOutcome::kFailure},
      {answered(Verdict::kAuth), CallOutcome::kSuccess, CallOutcome::kNeutral,
       CallOutcome::kNeutral},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(testing::Message()
                 << to_string(row.attempt.verdict) << " in " << to_string(row.attempt.phase));
    EXPECT_EQ(of_connection(row.attempt).outcome, row.host);
    EXPECT_FALSE(of_connection(row.attempt).slow) << "a slow answer is not the connection's fault";
    EXPECT_EQ(of_call(row.attempt, keyed({BreakerKey::kModel})).outcome, row.model);
    EXPECT_EQ(of_call(row.attempt, keyed({BreakerKey::kEndpoint})).outcome, row.endpoint);
    EXPECT_FALSE(of_call(row.attempt, keyed({BreakerKey::kEndpoint})).slow);
  }
}

TEST(BreakerOutcome, CountsAVerdictOnlyForAKeyThatItSpeaksOf) {
  const struct {
    Scope scope;
    std::vector<BreakerKey> key;
    bool counts;
  } rows[] = {
      {Scope::kDefault, {}, true},
      {Scope::kDefault, {BreakerKey::kModel}, true},
      {Scope::kModel, {BreakerKey::kModel, BreakerKey::kCredential}, true},
      {Scope::kModel, {BreakerKey::kCredential}, false},
      {Scope::kCredential, {}, false},
      {Scope::kCredential, {BreakerKey::kModel}, false},
      {Scope::kCredential, {BreakerKey::kModel, BreakerKey::kCredential}, true},
      {Scope::kEndpoint, {BreakerKey::kModel}, false},
      {Scope::kEndpoint, {BreakerKey::kEndpoint}, true},
  };
  for (const auto& row : rows) {
    Attempt attempt = answered(Verdict::kTransient);
    attempt.scope = row.scope;
    EXPECT_EQ(of_call(attempt, keyed(row.key)).outcome == CallOutcome::kFailure, row.counts)
        << "scope " << static_cast<int>(row.scope) << ", " << row.key.size() << " parts";
  }
}

// resilience 3 item 13: "first-event latency as the slow-call metric".
TEST(BreakerOutcome, IsSlowByTheFirstEventElseByTheHead) {
  config::CircuitBreaker policy;
  Attempt attempt = answered(Verdict::kOk);
  attempt.started = TimePoint{10s};
  attempt.ended = TimePoint{12s};
  attempt.answered = TimePoint{101s};
  EXPECT_FALSE(of_call(attempt, policy).slow) << "no policy on slow calls";
  policy.slow = config::SlowCalls{.first_event = 90s, .rate = 0.8};
  EXPECT_TRUE(of_call(attempt, policy).slow);
  attempt.answered = TimePoint{100s};
  EXPECT_FALSE(of_call(attempt, policy).slow);
  attempt.answered.reset();
  EXPECT_FALSE(of_call(attempt, policy).slow);
  attempt.ended = TimePoint{110s};
  EXPECT_TRUE(of_call(attempt, policy).slow);
}

}  // namespace
}  // namespace outrigger::filters
