#include "filters/cache/disk_budget.h"

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;

std::uint64_t taken_at(DiskBudget& budget, std::int64_t now_us) {
  std::uint64_t taken = 0;
  while (taken < 1000 && budget.take(kMebibyte, now_us)) ++taken;
  return taken;
}

TEST(DiskBudget, GivesABurstAndThenItsRate) {
  DiskBudget budget;
  std::int64_t now = 1'800'000'000'000'000;
  EXPECT_EQ(taken_at(budget, now), DiskBudget::kBurst / kMebibyte);
  EXPECT_EQ(taken_at(budget, now + 1'000'000), DiskBudget::kRate / kMebibyte);
  EXPECT_EQ(taken_at(budget, now + 3600LL * 1'000'000), DiskBudget::kBurst / kMebibyte);
}

TEST(DiskBudget, AClockThatIsSetBackStopsItNoLongerThanABurstTakes) {
  DiskBudget budget;
  std::int64_t now = 1'800'000'000'000'000;
  EXPECT_GT(taken_at(budget, now), 0u);
  now -= 3600LL * 1'000'000;
  EXPECT_EQ(taken_at(budget, now), 0u);
  now += 1'000'000LL * DiskBudget::kBurst / DiskBudget::kRate;
  EXPECT_GT(taken_at(budget, now), 0u);
}

}  // namespace
}  // namespace outrigger::filters
