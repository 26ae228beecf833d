// The metrics of the process as a whole, which no worker counts.
#pragma once

#include <cstdint>

#include "proxy/admin/health_page.h"
#include "proxy/base/metrics.h"

namespace outrigger::admin {

// Processor time, memory, descriptors and start time. Reads /proc; call it before each exposition.
void publish_process_metrics(MetricRegistry& registry);

// outrigger_lifecycle_state: 1 for the state that holds.
void publish_lifecycle(MetricRegistry& registry, Lifecycle state);

// outrigger_telemetry_dropped_total for log lines lost to a slow sink and to a failing one.
void publish_log_drops(MetricRegistry& registry, std::uint64_t dropped_lines,
                       std::uint64_t failed_lines);

}  // namespace outrigger::admin
