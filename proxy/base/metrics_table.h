// Every metric of the proxy in one table: the exposition and the documentation are both made from
// it. Label values come from the configuration or from closed lists, never from traffic
// (operability 3.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace outrigger {

enum class Metric : std::uint8_t {
  kBuildInfo,
  kLifecycleState,
  kConfigLastReloadSuccessful,
  kConfigLastReloadSuccessTimestamp,
  kConfigReloads,
  kConfigInfo,
  kRequests,
  kRequestDuration,
  kResponseFirstByte,
  kProxyOverhead,
  kRequestsInFlight,
  kRequestBytes,
  kResponseBytes,
  kClientAborts,
  kConnectionsActive,
  kConnections,
  kMessagesRefused,
  kLimitRefusals,
  kTlsHandshakes,
  kUpstreamAttempts,
  kUpstreamAttemptDuration,
  kUpstreamErrors,
  kRetries,
  kRetriesExhausted,
  kRetryWait,
  kRetryAfterHonored,
  kUpstreamConnections,
  kUpstreamQueued,
  kEndpointHealthy,
  kEndpointEjections,
  kCircuitState,
  kCircuitTransitions,
  kCircuitRejected,
  kCircuitOpenSeconds,
  kCircuitFailureRatio,
  kCircuitNextProbe,
  kQueueDepth,
  kQueueWait,
  kConcurrencyLimit,
  kRateLimited,
  kCredentials,
  kHedges,
  kFallbacks,
  kValidations,
  kLoopGuardAnswers,
  kIdempotency,
  kRecords,
  kRecordBytes,
  kRecordsInFlight,
  kStoreWaiting,
  kStoreFailures,
  kCacheRequests,
  kTokensSaved,
  kCacheEntries,
  kCacheBytes,
  kCacheEvictions,
  kOverload,
  kWouldHave,
  kTelemetryDropped,
  kProcessCpu,
  kProcessMemory,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessStart,
  kCount,
};

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricSpec {
  Metric id;
  std::string_view name;  // in full, as exposed
  MetricType type;
  std::string_view help;
  std::span<const std::string_view> labels;
  std::span<const std::uint64_t> buckets_ns;  // upper bounds of a histogram, in nanoseconds
};

// In the order of Metric.
std::span<const MetricSpec> metric_table() noexcept;
inline const MetricSpec& spec(Metric metric) noexcept {
  return metric_table()[static_cast<std::size_t>(metric)];
}

// The documentation of all metrics as a Markdown table.
std::string metrics_markdown();

}  // namespace outrigger
