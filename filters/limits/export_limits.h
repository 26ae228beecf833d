// Shows the limits as metrics (operability 3.1).
#pragma once

#include "filters/limits/shared_limits.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

// Publishes outrigger_queue_depth and outrigger_concurrency_limit. Once a second, on one thread.
void export_limits(SharedLimits& limits, MetricRegistry& metrics);

}  // namespace outrigger::filters
