#include "filters/cache/export_cache.h"

namespace outrigger::filters {

void export_cache(const AnswerCache& cache, MetricRegistry& metrics) {
  const CacheFigures figures = cache.figures();
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  metrics.publish(Metric::kCacheEntries, {{{"memory"}, number(figures.memory.entries)},
                                          {{"disk"}, number(figures.disk.entries)}});
  metrics.publish(Metric::kCacheBytes, {{{"memory"}, number(figures.memory.bytes)},
                                        {{"disk"}, number(figures.disk.bytes)}});
  metrics.publish(Metric::kCacheEvictions,
                  {{{"memory_full"}, number(figures.memory.full)},
                   {{"disk_full"}, number(figures.disk.full)},
                   {{"disk_slow"}, number(figures.dropped)},
                   {{"expired"}, number(figures.memory.expired + figures.disk.expired)},
                   {{"purged"}, number(figures.purged)}});
}

}  // namespace outrigger::filters
