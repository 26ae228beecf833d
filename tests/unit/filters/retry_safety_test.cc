#include "filters/retry/safety.h"

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

using config::Replay;

constexpr Phase kPhases[] = {Phase::kNoConnection, Phase::kNothingAccepted, Phase::kPartlyWritten,
                             Phase::kFullyWritten, Phase::kAnswered,        Phase::kAnswered,
                             Phase::kCommitted};

// resilience 3, "Safety table"; `?` is "after a probe". The columns: P0 P1 P2 P3, P4 rejected,
// P4 other failure, P5.
TEST(Safety, IsTheTable) {
  struct Row {
    Replay replay;
    std::string_view columns;
  };
  constexpr Row kRows[] = {
      {Replay::kNever, "-------"}, {Replay::kUnsent, "yy--y--"}, {Replay::kKeyed, "yyyyyy-"},
      {Replay::kSafe, "yyyyyy-"},  {Replay::kVerify, "yy??y?-"},
  };
  for (const Row& row : kRows) {
    for (std::size_t column = 0; column < 7; ++column) {
      const Repeat expected = row.columns[column] == 'y'   ? Repeat::kYes
                              : row.columns[column] == '?' ? Repeat::kAfterProbe
                                                           : Repeat::kNo;
      const bool rejected = column == 4;
      for (std::size_t i = 0; i < kVerdictNames.size(); ++i) {
        const auto verdict = static_cast<Verdict>(i);
        if (is_final(verdict)) continue;
        if (kPhases[column] == Phase::kAnswered && is_rejection(verdict) != rejected) continue;
        EXPECT_EQ(may_repeat(kPhases[column], row.replay, verdict), expected)
            << kVerdictNames[i] << " column " << column << " row " << row.columns;
      }
    }
  }
}

// Footnote 1, and what no other try by the same route can mend.
TEST(Safety, KnowsWhichVerdictsAreRejectionsAndWhichAreFinal) {
  struct Row {
    Verdict verdict;
    bool rejection, final;
  };
  constexpr Row kRows[] = {
      {Verdict::kOk, false, true},
      {Verdict::kRefusedUnsent, true, false},
      {Verdict::kThrottled, true, false},
      {Verdict::kQuotaExhausted, false, true},
      {Verdict::kOverloaded, true, false},
      {Verdict::kTransient, false, false},
      {Verdict::kTimeout, false, false},
      {Verdict::kTruncated, false, false},
      {Verdict::kAuth, false, true},
      {Verdict::kClientError, false, true},
      {Verdict::kContentPolicy, false, true},
      {Verdict::kInvalidResponse, false, false},
      {Verdict::kCancelled, false, true},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(is_rejection(row.verdict), row.rejection) << to_string(row.verdict);
    EXPECT_EQ(is_final(row.verdict), row.final) << to_string(row.verdict);
    if (!row.final) continue;
    for (const Phase phase : kPhases) {
      EXPECT_EQ(may_repeat(phase, Replay::kSafe, row.verdict), Repeat::kNo);
    }
  }
}

TEST(Safety, NothingIsRepeatedThatWasCommitted) {
  for (const Replay replay :
       {Replay::kSafe, Replay::kKeyed, Replay::kVerify, Replay::kUnsent, Replay::kNever}) {
    for (std::size_t i = 0; i < kVerdictNames.size(); ++i) {
      EXPECT_EQ(may_repeat(Phase::kCommitted, replay, static_cast<Verdict>(i)), Repeat::kNo);
    }
  }
}

// RFC 9110 9.2.2; DESIGN 2.
TEST(Safety, TheClassInForceFollowsTheMethodUnlessTheRouteSaysOtherwise) {
  config::Policies silent, keyed, safe;
  keyed.replay = Replay::kKeyed;
  safe.replay = Replay::kSafe;
  using enum http::Method;
  for (const http::Method method : {kGet, kHead, kOptions, kTrace, kPut, kDelete}) {
    EXPECT_EQ(replay_class(silent, method, KeySent::kNo), Replay::kSafe);
    EXPECT_EQ(replay_class(keyed, method, KeySent::kNo), Replay::kSafe);
  }
  for (const http::Method method : {kPost, kPatch, kConnect, kOther}) {
    EXPECT_EQ(replay_class(silent, method, KeySent::kYes), Replay::kUnsent);
    EXPECT_EQ(replay_class(keyed, method, KeySent::kNo), Replay::kUnsent);
    EXPECT_EQ(replay_class(keyed, method, KeySent::kYes), Replay::kKeyed);
    EXPECT_EQ(replay_class(safe, method, KeySent::kNo), Replay::kSafe);
  }
}

}  // namespace
}  // namespace outrigger::filters
