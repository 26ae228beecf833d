// Shows the cache of the process as metrics.
#pragma once

#include "filters/cache/answer_cache.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

// Once a second, on one thread.
void export_cache(const AnswerCache& cache, MetricRegistry& metrics);

}  // namespace outrigger::filters
