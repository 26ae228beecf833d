// Retries that are paid for, so that a sick upstream is not buried under them: each request earns a
// part of one, each retry costs by its verdict, and a few in each window are free, because a share
// of almost nothing is nothing (resilience 1.3, 3 item 10). RetryAccount is the sans-IO core.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/verdict.h"

namespace outrigger::filters {

// What a retry after this verdict costs; 1 where the policy does not say.
[[nodiscard]] std::uint32_t retry_cost(const config::RetryBudget& policy, Verdict verdict) noexcept;

// One upstream's account over a sliding window in tenths. A retry is free while fewer than `floor`
// free ones are in the window; otherwise it needs what the window's requests have earned and its
// retries have not spent; so no window has more retries than `floor` and its requests' share.
class RetryAccount {
 public:
  explicit RetryAccount(Duration window) noexcept;

  // A request came: it earns `ratio`.
  void earn(double ratio, TimePoint now) noexcept;
  // Whether spend() would succeed.
  [[nodiscard]] bool can_spend(std::uint32_t cost, std::uint32_t floor, TimePoint now) noexcept;
  // Pays for a retry, with a free one first; false when there is nothing to pay with.
  [[nodiscard]] bool spend(std::uint32_t cost, std::uint32_t floor, TimePoint now) noexcept;
  // A retry that somebody else has decided on (a client's own): always goes through, and is paid
  // for with what there is.
  void charge(std::uint32_t cost, TimePoint now) noexcept;

 private:
  static constexpr std::int64_t kSlots = 10;
  struct Slot {
    std::int64_t earned = 0;  // in thousandths
    std::int64_t spent = 0;   // in thousandths
    std::uint32_t free = 0;
  };
  Slot& at(TimePoint now) noexcept;
  [[nodiscard]] std::int64_t balance() const noexcept;
  [[nodiscard]] bool may_be_free(std::uint32_t floor) const noexcept;

  Duration tenth_;
  std::int64_t newest_ = 0;  // number of the newest tenth
  std::array<Slot, kSlots> slots_;
};

// The account of one upstream, shared by all workers: a mutex around a few additions.
class SharedBudget {
 public:
  explicit SharedBudget(Duration window) noexcept : account_(window) {}
  void earn(const config::RetryBudget& policy, TimePoint now);
  [[nodiscard]] bool can_spend(const config::RetryBudget& policy, Verdict verdict, TimePoint now);
  [[nodiscard]] bool spend(const config::RetryBudget& policy, Verdict verdict, TimePoint now);
  void charge(const config::RetryBudget& policy, Verdict verdict, TimePoint now);

 private:
  std::mutex mutex_;
  RetryAccount account_;
};

// All accounts of the process; survives reloads. Any thread.
class SharedBudgets {
 public:
  // The account of an upstream, valid as long as this; routes that differ in their window have
  // their own. Ask when a chain is built, not for each request.
  [[nodiscard]] SharedBudget& of(std::string_view upstream, const config::RetryBudget& policy);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, Duration>, std::unique_ptr<SharedBudget>> budgets_;
};

}  // namespace outrigger::filters
