// The rates of one key: requests and tokens, as configured, and as the provider's headers say.
// Pure (LimitCore).
#pragma once

#include <array>
#include <optional>

#include "filters/limits/limit_core.h"
#include "filters/rate_limit/allowance.h"
#include "filters/rate_limit/limit_headers.h"

namespace outrigger::filters {

class Allowances final : public LimitCore {
 public:
  // `policies` has a rate_limit.
  Allowances(const config::Policies& policies, TimePoint now) { adopt(policies, now); }

  bool take(const Load& load, TimePoint now) override;
  void take_anyway(const Load& load, TimePoint now) override;
  [[nodiscard]] std::optional<Duration> wait(const Load& ahead, const Load& last,
                                             TimePoint now) override;
  [[nodiscard]] double cost(const Load& load) const override;
  // What was taken is corrected by what was used. A request that the upstream never saw used
  // nothing; one that it refused, no tokens; and one that does not say so, its prompt.
  void conclude(const LimitEnding& ending, TimePoint now) override;
  // Answers that come in another order than their calls went out tell of the past: what a call says
  // that started before one that was heard already is passed over.
  void learn(const LimitNews& news, const Load& own, TimePoint started, TimePoint now) override;
  void adopt(const config::Policies& policies, TimePoint now) override;
  [[nodiscard]] bool idle(TimePoint now) override;
  [[nodiscard]] std::optional<std::uint32_t> at_a_time() const override { return std::nullopt; }

  [[nodiscard]] Allowance& of(Counted counted) noexcept {
    return allowances_[static_cast<std::size_t>(counted)];
  }

 private:
  void settle(std::size_t counted, double taken, double used, TimePoint now) noexcept;

  std::array<Allowance, kCountedThings> allowances_;
  Load out_;                        // taken for calls that have not ended
  std::optional<TimePoint> heard_;  // the start of the last call whose headers were heard
};

}  // namespace outrigger::filters
