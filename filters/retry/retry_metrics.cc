#include "filters/retry/retry_metrics.h"

namespace outrigger::filters {

RetryMetrics::RetryMetrics(MetricShard& shard, std::string_view upstream)
    : shard_(shard),
      upstream_(upstream),
      honored_(shard.counter(Metric::kRetryAfterHonored, {upstream})),
      wait_(shard.histogram(Metric::kRetryWait, {upstream})) {}

void RetryMetrics::count_retry(Verdict verdict, Duration wait) {
  Counter& counter = retries_[static_cast<std::size_t>(verdict)];
  if (!counter) counter = shard_.counter(Metric::kRetries, {upstream_, to_string(verdict)});
  counter.add();
  wait_.observe(wait);
}

void RetryMetrics::count_exhausted(Stop stop) {
  Counter& counter = exhausted_[static_cast<std::size_t>(stop)];
  if (!counter) counter = shard_.counter(Metric::kRetriesExhausted, {upstream_, to_string(stop)});
  counter.add();
}

}  // namespace outrigger::filters
