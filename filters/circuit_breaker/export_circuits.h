// Shows the circuit breakers as metrics (operability 3.1).
#pragma once

#include "filters/circuit_breaker/shared_breakers.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

// Publishes the series of outrigger_circuit_* (but rejected_total, which the filter counts) and
// lets time pass for breakers that nobody asks. Once a second, on one thread. The state of an
// upstream is the one of its breakers that lets least pass; its failure ratio is over the calls in
// the windows of all its keys.
void export_circuits(SharedBreakers& breakers, MetricRegistry& metrics, TimePoint now);

}  // namespace outrigger::filters
