// fallback: a second way when the first has failed for good, by verdict: another upstream, another
// model, a handler, a fixed answer (resilience 3; DESIGN 4). Tried in order, each once, within the
// deadline of the exchange; what an upstream falls back to does not fall back itself, so that there
// are no loops.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "filters/fallback/switchboard.h"
#include "filters/filter.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

class Fallback final : public Filter {
 public:
  // For a route that has one; all arguments outlive the filter. `upstream` is a label.
  Fallback(const config::Policies& policies, const Switchboard& switchboard, MetricShard& metrics,
           std::string_view upstream)
      : policies_(policies), switchboard_(switchboard), metrics_(metrics), upstream_(upstream) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "fallback"; }
  // When all ways fail: the outcome that says most, with the least time to come back.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  void count(const config::Fallback& way);

  const config::Policies& policies_;
  const Switchboard& switchboard_;
  MetricShard& metrics_;
  const std::string upstream_;
};

}  // namespace outrigger::filters
