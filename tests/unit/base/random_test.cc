#include "proxy/base/random.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

TEST(Random, ReplaysFromItsSeed) {
  Random a(42);
  Random b(42);
  Random c(43);
  const std::uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
}

// The reference: xoshiro256++ by its authors, its state filled by splitmix64 from 0.
TEST(Random, IsXoshiro256PlusPlus) {
  Random random(0);
  EXPECT_EQ(random.next(), 0x53175d61490b23dfU);
  EXPECT_EQ(random.next(), 0x61da6f3dc380d507U);
  EXPECT_EQ(random.next(), 0x5c0fdf91ec9a7bfcU);
}

TEST(Random, StaysBelowTheBoundAndReachesAllOfIt) {
  Random random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 5000; ++i) ++seen.at(random.below(5));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 200);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, UnitIsAtLeastZeroAndLessThanOne) {
  Random random(1);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.05);
}

TEST(Random, SeedsFromTheKernelDiffer) {
  EXPECT_NE(secure_seed(), secure_seed());
}

}  // namespace
}  // namespace outrigger
