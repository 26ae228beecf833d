#include "filters/limits/export_limits.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace outrigger::filters {
namespace {

struct Summary {
  std::size_t waiting = 0;
  std::optional<std::uint32_t> lowest;
};

void add(Summary& summary, UpstreamLimits& limits) {
  for (const PinnedLimit& limit : limits.all()) {
    summary.waiting += limit->waiting();
    const std::optional<std::uint32_t> at_a_time = limit->at_a_time();
    if (!at_a_time) continue;
    summary.lowest = std::min(summary.lowest.value_or(*at_a_time), *at_a_time);
  }
}

}  // namespace

void export_limits(SharedLimits& limits, MetricRegistry& metrics) {
  std::map<std::string, Summary> summaries;
  for (const auto& upstream : limits.all()) add(summaries[upstream->upstream()], *upstream);
  std::vector<MetricRegistry::Sample> depths, lowest;
  for (const auto& [upstream, summary] : summaries) {
    depths.push_back({{upstream}, static_cast<double>(summary.waiting)});
    if (summary.lowest) lowest.push_back({{upstream}, static_cast<double>(*summary.lowest)});
  }
  metrics.publish(Metric::kQueueDepth, std::move(depths));
  metrics.publish(Metric::kConcurrencyLimit, std::move(lowest));
}

}  // namespace outrigger::filters
