// Shows the records of idempotency keys, and their store, as metrics.
#pragma once

#include "filters/idempotency/ledger.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

// Once a second, on one thread.
void export_records(const Ledger& ledger, MetricRegistry& metrics);

}  // namespace outrigger::filters
