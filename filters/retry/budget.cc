#include "filters/retry/budget.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

constexpr std::int64_t kThousandths = 1000;

}  // namespace

std::uint32_t retry_cost(const config::RetryBudget& policy, Verdict verdict) noexcept {
  const auto found = std::ranges::find(policy.cost, verdict, &config::BudgetCost::verdict);
  return found == policy.cost.end() ? 1 : found->cost;
}

RetryAccount::RetryAccount(Duration window) noexcept
    : tenth_(std::max<Duration>(window / kSlots, 1ms)) {}

// The slot of this moment; forgets those that have left the window. A moment before the newest one
// (another worker's clock was read earlier) counts with the newest.
RetryAccount::Slot& RetryAccount::at(TimePoint now) noexcept {
  const std::int64_t number = now.since_start / tenth_;
  const std::int64_t over = std::min(number - newest_, kSlots);
  for (std::int64_t i = 0; i < over; ++i) {
    slots_[static_cast<std::size_t>((number - i) % kSlots)] = {};
  }
  newest_ = std::max(newest_, number);
  return slots_[static_cast<std::size_t>(newest_ % kSlots)];
}

std::int64_t RetryAccount::balance() const noexcept {
  std::int64_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.earned - slot.spent;
  return sum;
}

// Not while what the window's retries have cost was earned before it: they were many.
bool RetryAccount::may_be_free(std::uint32_t floor) const noexcept {
  std::uint32_t used = 0;
  for (const Slot& slot : slots_) used += slot.free;
  return used < floor && balance() >= 0;
}

void RetryAccount::earn(double ratio, TimePoint now) noexcept {
  at(now).earned += static_cast<std::int64_t>(std::clamp(ratio, 0.0, 1000.0) * kThousandths);
}

bool RetryAccount::can_spend(std::uint32_t cost, std::uint32_t floor, TimePoint now) noexcept {
  at(now);
  return may_be_free(floor) || balance() >= kThousandths * cost;
}

bool RetryAccount::spend(std::uint32_t cost, std::uint32_t floor, TimePoint now) noexcept {
  Slot& slot = at(now);
  if (may_be_free(floor)) {
    ++slot.free;
    return true;
  }
  if (balance() < kThousandths * cost) return false;
  slot.spent += kThousandths * cost;
  return true;
}

void RetryAccount::charge(std::uint32_t cost, TimePoint now) noexcept {
  Slot& slot = at(now);
  slot.spent += std::clamp<std::int64_t>(balance(), 0, kThousandths * cost);
}

void SharedBudget::earn(const config::RetryBudget& policy, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  account_.earn(policy.ratio, now);
}

bool SharedBudget::can_spend(const config::RetryBudget& policy, Verdict verdict, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  return account_.can_spend(retry_cost(policy, verdict), policy.floor, now);
}

bool SharedBudget::spend(const config::RetryBudget& policy, Verdict verdict, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  return account_.spend(retry_cost(policy, verdict), policy.floor, now);
}

void SharedBudget::charge(const config::RetryBudget& policy, Verdict verdict, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  account_.charge(retry_cost(policy, verdict), now);
}

SharedBudget& SharedBudgets::of(std::string_view upstream, const config::RetryBudget& policy) {
  const std::scoped_lock lock(mutex_);
  auto& budget = budgets_[{std::string(upstream), policy.window}];
  if (budget == nullptr) budget = std::make_unique<SharedBudget>(policy.window);
  return *budget;
}

}  // namespace outrigger::filters
