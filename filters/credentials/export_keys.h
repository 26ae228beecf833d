// How many keys of each upstream are usable, cooling and set aside, as metrics. Once a second, on
// one worker.
#pragma once

#include "filters/credentials/key_ring.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

void export_keys(const SharedKeys& keys, SharedCooldowns& cooldowns, MetricRegistry& metrics,
                 TimePoint now);

}  // namespace outrigger::filters
