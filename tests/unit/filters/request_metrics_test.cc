#include "filters/observe/request_metrics.h"

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

TEST(AttemptOutcome, IsTheVerdictWhereThereIsOne) {
  struct Row {
    Verdict verdict;
    Outcome outcome;
  };
  constexpr Row kRows[] = {
      {Verdict::kOk, Outcome::kSuccess},           {Verdict::kRefusedUnsent, Outcome::kRetryable},
      {Verdict::kThrottled, Outcome::kRetryable},  {Verdict::kQuotaExhausted, Outcome::kFatal},
      {Verdict::kOverloaded, Outcome::kRetryable}, {Verdict::kTransient, Outcome::kRetryable},
      {Verdict::kTimeout, Outcome::kRetryable},    {Verdict::kTruncated, Outcome::kRetryable},
      {Verdict::kAuth, Outcome::kFatal},           {Verdict::kClientError, Outcome::kFatal},
      {Verdict::kContentPolicy, Outcome::kFatal},  {Verdict::kInvalidResponse, Outcome::kRetryable},
      {Verdict::kCancelled, Outcome::kAborted},
  };
  Attempt attempt;
  attempt.judged = true;
  attempt.status = 200;
  for (const Row& row : kRows) {
    attempt.verdict = row.verdict;
    EXPECT_EQ(outcome_of(attempt), row.outcome) << to_string(row.verdict);
  }
}

}  // namespace
}  // namespace outrigger::filters
