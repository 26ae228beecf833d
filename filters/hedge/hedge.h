// hedge: for routes whose requests may be repeated safely, a second request to another endpoint
// while the first takes unusually long; the first good answer counts and the other request is
// cancelled upstream (resilience 1.6, 5.3). Of a stream the time to its first event that says
// something is what counts. Paid for by a part of all requests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/hedge/race.h"
#include "filters/hedge/shared_hedges.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

class Hedge final : public Filter {
 public:
  // For a route that has one; all arguments outlive the filter. `upstream` and `route` are labels.
  Hedge(SharedHedges& hedges, SharedCooldowns& cooldowns, const config::Policies& policies,
        MetricShard& metrics, std::string_view upstream, std::string_view route);
  [[nodiscard]] std::string_view name() const noexcept override { return "hedge"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  [[nodiscard]] bool fits(const Exchange& exchange) const noexcept;
  Task<Result<http::Response>> handle_repeatable(Exchange& exchange, Next next);
  Task<Result<http::Response>> observe_only(Exchange& exchange, Next next, SharedHedge& shared,
                                            std::optional<Duration> late);
  Task<Result<http::Response>> run(Exchange& exchange, Race& race, SharedHedge& shared,
                                   std::optional<Duration> late);
  [[nodiscard]] bool may_start(const Exchange& exchange, const Race& race, SharedHedge& shared);
  void learn(Race& race, const Lane* winner, SharedHedge& shared, TimePoint now);

  SharedHedges& hedges_;
  SharedCooldowns& cooldowns_;
  const config::Policies& policies_;
  const config::Hedge& hedge_;
  const std::string upstream_;
  const std::string route_;
  Counter won_, lost_, failed_, no_budget_, cooling_;
};

}  // namespace outrigger::filters
