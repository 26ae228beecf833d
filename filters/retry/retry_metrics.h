// The metrics of the retries of one upstream (operability 3.1). One per route and worker; labels
// are the closed words of verdicts and stops.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "filters/retry/decision.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

class RetryMetrics {
 public:
  // `shard` belongs to the calling worker and outlives this.
  RetryMetrics(MetricShard& shard, std::string_view upstream);

  // Another attempt follows one with this verdict, after a wait.
  void count_retry(Verdict verdict, Duration wait);
  // The wait was the server's.
  void count_honored() const noexcept { honored_.add(); }
  // A failure was not repeated, because of `stop`.
  void count_exhausted(Stop stop);

 private:
  MetricShard& shard_;
  const std::string upstream_;
  Counter honored_;
  Histogram wait_;
  std::array<Counter, kVerdictNames.size()> retries_;  // resolved when first needed, as the next
  std::array<Counter, static_cast<std::size_t>(Stop::kCancelled) + 1> exhausted_;
};

}  // namespace outrigger::filters
