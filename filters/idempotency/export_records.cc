#include "filters/idempotency/export_records.h"

namespace outrigger::filters {

void export_records(const Ledger& ledger, MetricRegistry& metrics) {
  const Records::Counts counts = ledger.counts();
  const store::Journal& journal = ledger.journal();
  const auto show = [&](Metric metric, auto value) {
    metrics.publish(metric, {{{}, static_cast<double>(value)}});
  };
  show(Metric::kRecords, counts.records);
  show(Metric::kRecordBytes, counts.bytes);
  show(Metric::kRecordsInFlight, counts.in_flight);
  show(Metric::kStoreWaiting, journal.waiting());
  show(Metric::kStoreFailures, journal.failures());
}

}  // namespace outrigger::filters
