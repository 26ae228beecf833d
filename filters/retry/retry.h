// retry: sends a request again when its attempt failed in a way that another may not, by verdict,
// safety, hints, budget and deadline (resilience 3). Waits out the cooldowns that others have
// brought about, and tells clients' libraries when a repetition of theirs would be in vain.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/retry/budget.h"
#include "filters/retry/cooldowns.h"
#include "filters/retry/retry_metrics.h"
#include "proxy/base/random.h"

namespace outrigger::filters {

// What the Retry filters of one worker share; outlives them.
struct RetryContext {
  SharedBudgets& budgets;
  SharedCooldowns& cooldowns;
  Random& random;
  MetricShard& metrics;
};

// One route's retries, as its exchanges see them.
struct RetryRoute {
  RetryRoute(const RetryContext& context, const config::Policies& of, const config::Retry& retries,
             std::string_view upstream);

  const config::Policies& policies;
  const config::Retry& retry;
  const bool shadow;     // only says what it would have done
  SharedBudget* budget;  // nullptr without a budget
  SharedCooldowns& cooldowns;
  Random& random;
  RetryMetrics metrics;
};

class Retry final : public Filter {
 public:
  // For a route that has a retry policy; all arguments outlive the filter. `upstream` is a label.
  Retry(const RetryContext& context, const config::Policies& policies, std::string_view upstream)
      : route_(context, policies, *policies.retry, upstream) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "retry"; }
  // Errors, besides those of the last attempt: kOverload `cooling_down` and `quota_exhausted`,
  // kTimeout `unknown_outcome`.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  // In shadow: decides as usual, notes it in exchange.would_have and changes nothing.
  Task<Result<http::Response>> watch(Exchange& exchange, Next next);
  Task<Result<http::Response>> repeat(Exchange& exchange, Next next);

  RetryRoute route_;
};

}  // namespace outrigger::filters
