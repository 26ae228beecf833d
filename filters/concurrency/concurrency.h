// concurrency: sends an upstream no more requests at a time than it bears: a limit that verdicts
// lower and raise (aimd.h); what comes beyond waits in line. A slot is held to the end of the
// answer. Stands inside retry: each attempt asks for itself. (resilience 1.6, 3 item 14)
#pragma once

#include <memory>

#include "filters/filter.h"
#include "filters/limits/limit_keys.h"
#include "filters/limits/line.h"
#include "filters/limits/shared_limits.h"

namespace outrigger::filters {

class ConcurrencyLimit final : public Filter, public AttemptObserver {
 public:
  // `route` is nullptr for the upstream's own level, which has a concurrency policy, as the route
  // has otherwise. All arguments outlive the filter.
  ConcurrencyLimit(SharedLimits& limits, const config::Upstream& upstream,
                   const config::Route* route, MetricShard& metrics, TimePoint now);

  [[nodiscard]] std::string_view name() const noexcept override { return "concurrency"; }
  // Refuses with "concurrency_limited" (see Line::wait); then no attempt was made.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;
  void on_concluded(Exchange& exchange, Attempt& attempt) override;

 private:
  [[nodiscard]] PinnedLimit limit_of(const Exchange& exchange);

  const config::Policies& policies_;
  const config::Concurrency& policy_;
  const LimitKeys keys_;
  const bool shadow_;
  const std::shared_ptr<UpstreamLimits> limits_;
  const Line line_;
};

}  // namespace outrigger::filters
