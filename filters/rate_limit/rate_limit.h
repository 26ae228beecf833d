// rate_limit: sends an upstream no more requests and tokens in a time than it is configured or said
// to take; what comes too early waits in line. Learns from the provider's headers. Stands inside
// retry: each attempt asks for itself. (resilience 3 item 15; llm 2.4, 5 item 8)
#pragma once

#include <cstdint>
#include <memory>

#include "filters/filter.h"
#include "filters/limits/limit_keys.h"
#include "filters/limits/line.h"
#include "filters/limits/shared_limits.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

class RateLimit final : public Filter, public AttemptObserver {
 public:
  // `route` is nullptr for the upstream's own level, which has a rate_limit policy, as the route
  // has otherwise. All arguments outlive the filter.
  RateLimit(SharedLimits& limits, const config::Upstream& upstream, const config::Route* route,
            MetricShard& metrics, WallClock& clock, TimePoint now);

  [[nodiscard]] std::string_view name() const noexcept override { return "rate_limit"; }
  // Refuses with "rate_limited" (see Line::wait); then no attempt was made.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;
  void on_concluded(Exchange& exchange, Attempt& attempt) override;

 private:
  using Outcome = Task<Result<http::Response>>;
  Outcome handle_limited(Exchange& exchange, Next next);
  Outcome handle_in_shadow(Exchange& exchange, Next next);
  Outcome handle_unlimited(Exchange& exchange, Next next);
  Outcome hold(Exchange& exchange, Next next, PinnedLimit limit, Load load);

  [[nodiscard]] PinnedLimit limit_of(const Exchange& exchange);
  [[nodiscard]] Load load_of(Exchange& exchange) const;
  // What the answer says of limits, where it says anything.
  void learn(const Exchange& exchange, const Result<http::Response>& outcome, std::size_t first,
             SharedLimit* limit, const Load& own, TimePoint since);

  const config::Policies& policies_;
  const config::RateLimit& policy_;
  const LimitKeys keys_;
  const bool shadow_;
  const std::shared_ptr<UpstreamLimits> limits_;
  WallClock& clock_;
  const Line line_;
  const Counter held_back_;
  const Counter throttled_;
};

}  // namespace outrigger::filters
