#include "filters/retry/backoff.h"

#include <limits>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

using config::Jitter;

config::Backoff policy(Jitter jitter) {
  return {.base = 500ms, .factor = 2, .max = 8s, .jitter = jitter};
}

// AWS Architecture Blog, "Exponential Backoff And Jitter"; the ceilings are base * 2^(n-1), at most
// max.
TEST(Backoff, StaysWithinTheBoundsOfItsJitter) {
  struct Row {
    std::uint32_t retry;
    Duration ceiling;
  };
  constexpr Row kRows[] = {{1, 500ms}, {2, 1s}, {3, 2s}, {4, 4s}, {5, 8s}, {6, 8s}, {4000000, 8s}};
  Random random(1);
  for (const Row& row : kRows) {
    EXPECT_EQ(backoff_wait(policy(Jitter::kNone), row.retry, 0s, random), row.ceiling);
    Duration least = 1h, least_equal = 1h, most = 0s;
    for (int i = 0; i < 500; ++i) {
      const Duration full = backoff_wait(policy(Jitter::kFull), row.retry, 0s, random);
      EXPECT_GE(full, 0s);
      EXPECT_LE(full, row.ceiling);
      least = std::min(least, full);
      most = std::max(most, full);
      const Duration equal = backoff_wait(policy(Jitter::kEqual), row.retry, 0s, random);
      EXPECT_GE(equal, row.ceiling / 2);
      EXPECT_LE(equal, row.ceiling);
      least_equal = std::min(least_equal, equal);
    }
    EXPECT_LT(least_equal, row.ceiling * 11 / 20) << "equal jitter reaches down to the half";
    EXPECT_LT(least, row.ceiling / 20) << "full jitter reaches down to nothing";
    EXPECT_GT(most, row.ceiling - row.ceiling / 20) << "and up to its ceiling";
  }
}

TEST(Backoff, DecorrelatedGrowsFromTheLastWait) {
  Random random(2);
  Duration previous{0};
  for (int i = 0; i < 1000; ++i) {
    const Duration wait = backoff_wait(policy(Jitter::kDecorrelated), 1, previous, random);
    EXPECT_GE(wait, 500ms);
    EXPECT_LE(wait, std::min<Duration>(8s, 3 * std::max<Duration>(previous, 500ms)));
    previous = wait;
  }
  Duration longest{0};
  for (int i = 0; i < 500; ++i) {
    longest = std::max(longest, backoff_wait(policy(Jitter::kDecorrelated), 1, 2s, random));
  }
  EXPECT_GT(longest, 5s) << "three times the last wait, whatever the base";
}

TEST(Backoff, TheSameSeedGivesTheSameWaits) {
  Random one(7), two(7);
  for (std::uint32_t n = 1; n < 50; ++n) {
    EXPECT_EQ(backoff_wait(policy(Jitter::kFull), n, 0s, one),
              backoff_wait(policy(Jitter::kFull), n, 0s, two));
  }
}

TEST(Backoff, NoNumbersTakeItOutOfBounds) {
  Random random(3);
  const Duration times[] = {Duration::min(), -1s, 0s, 1ns, 1s, 24h * 365, Duration::max()};
  const double factors[] = {0,
                            1,
                            1.5,
                            1e300,
                            -2,
                            std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()};
  for (const Duration base : times) {
    for (const Duration max : times) {
      for (const double factor : factors) {
        for (const Jitter jitter :
             {Jitter::kFull, Jitter::kEqual, Jitter::kDecorrelated, Jitter::kNone}) {
          for (const std::uint32_t retry : {0u, 1u, 2u, 100u, 4294967295u}) {
            for (const Duration previous : times) {
              const config::Backoff odd{
                  .base = base, .factor = factor, .max = max, .jitter = jitter};
              const Duration wait = backoff_wait(odd, retry, previous, random);
              EXPECT_GE(wait, 0s);
              EXPECT_LE(wait, std::max<Duration>(max, 0s));
            }
          }
        }
      }
    }
  }
}

TEST(Backoff, ASpreadIsNeverEarlier) {
  Random random(4);
  for (const Duration wait : {Duration{0}, Duration{1}, Duration{1s}, Duration::max()}) {
    for (const double spread : {0.0, 0.1, 1.0, 1e300}) {
      const Duration spread_out = spread_wait(wait, spread, random);
      EXPECT_GE(spread_out, std::min<Duration>(wait, Duration::max() / 4));
    }
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_LE(spread_wait(10s, 0.1, random), 11s);
  }
  EXPECT_EQ(spread_wait(10s, 0, random), 10s);
}

}  // namespace
}  // namespace outrigger::filters
