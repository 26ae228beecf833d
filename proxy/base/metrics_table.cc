#include "proxy/base/metrics_table.h"

#include <array>
#include <iterator>

#include <fmt/format.h>

namespace outrigger {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::string_view kBuild[] = {"version", "compiler"};
constexpr std::string_view kState[] = {"state"};
constexpr std::string_view kResult[] = {"result"};
constexpr std::string_view kHash[] = {"hash"};
constexpr std::string_view kRequest[] = {"upstream", "route", "method", "code", "source"};
constexpr std::string_view kUpstreamClass[] = {"upstream", "code_class"};
constexpr std::string_view kUpstream[] = {"upstream"};
constexpr std::string_view kUpstreamPhase[] = {"upstream", "phase"};
constexpr std::string_view kListenerProtocol[] = {"listener", "protocol"};
constexpr std::string_view kProtocolCode[] = {"protocol", "code"};
constexpr std::string_view kLimit[] = {"limit"};
constexpr std::string_view kSideResult[] = {"side", "result"};
constexpr std::string_view kAttempt[] = {"upstream", "outcome", "code"};
constexpr std::string_view kUpstreamOutcome[] = {"upstream", "outcome"};
constexpr std::string_view kUpstreamError[] = {"upstream", "error"};
constexpr std::string_view kUpstreamReason[] = {"upstream", "reason"};
constexpr std::string_view kUpstreamState[] = {"upstream", "state"};
constexpr std::string_view kUpstreamFromTo[] = {"upstream", "from", "to"};
constexpr std::string_view kEndpoint[] = {"upstream", "endpoint"};
constexpr std::string_view kUpstreamBy[] = {"upstream", "by"};
constexpr std::string_view kUpstreamTo[] = {"upstream", "to"};
constexpr std::string_view kUpstreamResult[] = {"upstream", "result"};
constexpr std::string_view kUpstreamPolicy[] = {"upstream", "policy"};
constexpr std::string_view kUpstreamTypeBy[] = {"upstream", "type", "by"};
constexpr std::string_view kTier[] = {"tier"};
constexpr std::string_view kReason[] = {"reason"};
constexpr std::string_view kResource[] = {"resource"};
constexpr std::string_view kSignalReason[] = {"signal", "reason"};

constexpr std::uint64_t kMicrosecond = 1000;
constexpr std::uint64_t kMillisecond = 1000 * kMicrosecond;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;

// From a cache hit to the longest LLM call.
constexpr std::uint64_t kCallBuckets[] = {
    5 * kMillisecond,    10 * kMillisecond,  25 * kMillisecond,  50 * kMillisecond,
    100 * kMillisecond,  250 * kMillisecond, 500 * kMillisecond, 1 * kSecond,
    2500 * kMillisecond, 5 * kSecond,        10 * kSecond,       20 * kSecond,
    40 * kSecond,        80 * kSecond,       160 * kSecond,      320 * kSecond,
    600 * kSecond};
constexpr std::uint64_t kOverheadBuckets[] = {
    100 * kMicrosecond, 250 * kMicrosecond,  500 * kMicrosecond,
    1 * kMillisecond,   2500 * kMicrosecond, 5 * kMillisecond,
    10 * kMillisecond,  50 * kMillisecond,   250 * kMillisecond};

// From a pooled connection that was stale to the longest hint that is slept through.
constexpr std::uint64_t kWaitBuckets[] = {
    10 * kMillisecond,  50 * kMillisecond, 100 * kMillisecond,  250 * kMillisecond,
    500 * kMillisecond, 1 * kSecond,       2500 * kMillisecond, 5 * kSecond,
    10 * kSecond,       20 * kSecond,      40 * kSecond,        80 * kSecond};

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;

constexpr MetricSpec kTable[] = {
    {Metric::kBuildInfo,
     "outrigger_build_info",
     kGauge,
     "Version of the running binary; always 1.",
     kBuild,
     {}},
    {Metric::kLifecycleState,
     "outrigger_lifecycle_state",
     kGauge,
     "1 for the state the process is in: starting, ready or draining.",
     kState,
     {}},
    {Metric::kConfigLastReloadSuccessful,
     "outrigger_config_last_reload_successful",
     kGauge,
     "1 when the last reload was applied, 0 when it was refused and the old configuration stays.",
     {},
     {}},
    {Metric::kConfigLastReloadSuccessTimestamp,
     "outrigger_config_last_reload_success_timestamp_seconds",
     kGauge,
     "When the configuration in force was loaded.",
     {},
     {}},
    {Metric::kConfigReloads,
     "outrigger_config_reloads_total",
     kCounter,
     "Reloads by result: ok, invalid or unchanged.",
     kResult,
     {}},
    {Metric::kConfigInfo,
     "outrigger_config_info",
     kGauge,
     "Hash of the configuration in force; always 1.",
     kHash,
     {}},
    {Metric::kRequests,
     "outrigger_requests_total",
     kCounter,
     "Requests answered, by the status sent (0: none was) and by who produced the answer.",
     kRequest,
     {}},
    {Metric::kRequestDuration, "outrigger_request_duration_seconds", kHistogram,
     "From the first byte of a request to the last byte of its answer.", kUpstreamClass,
     kCallBuckets},
    {Metric::kResponseFirstByte, "outrigger_response_first_byte_seconds", kHistogram,
     "From the first byte of a request to the head of its answer.", kUpstream, kCallBuckets},
    {Metric::kProxyOverhead, "outrigger_proxy_overhead_seconds", kHistogram,
     "The part of the time to the head of an answer that was not spent on attempts.", kUpstream,
     kOverheadBuckets},
    {Metric::kRequestsInFlight,
     "outrigger_requests_in_flight",
     kGauge,
     "Requests that have begun and are not yet fully answered.",
     kUpstream,
     {}},
    {Metric::kRequestBytes,
     "outrigger_request_bytes_total",
     kCounter,
     "Bytes of request bodies read from clients.",
     kUpstream,
     {}},
    {Metric::kResponseBytes,
     "outrigger_response_bytes_total",
     kCounter,
     "Bytes of response bodies sent to clients.",
     kUpstream,
     {}},
    {Metric::kClientAborts,
     "outrigger_client_aborts_total",
     kCounter,
     "Clients that left before their answer was complete, by how far it was: queue, headers or "
     "stream.",
     kUpstreamPhase,
     {}},
    {Metric::kConnectionsActive,
     "outrigger_connections_active",
     kGauge,
     "Open client connections.",
     kListenerProtocol,
     {}},
    {Metric::kConnections,
     "outrigger_connections_total",
     kCounter,
     "Client connections accepted.",
     kListenerProtocol,
     {}},
    {Metric::kMessagesRefused,
     "outrigger_messages_refused_total",
     kCounter,
     "Client messages refused by the protocol rules before any upstream was chosen, by status.",
     kProtocolCode,
     {}},
    {Metric::kLimitRefusals,
     "outrigger_limit_refusals_total",
     kCounter,
     "Connections, streams and requests refused or closed because a configured limit was reached.",
     kLimit,
     {}},
    {Metric::kTlsHandshakes,
     "outrigger_tls_handshakes_total",
     kCounter,
     "TLS handshakes by side (client, upstream) and result.",
     kSideResult,
     {}},
    {Metric::kUpstreamAttempts,
     "outrigger_upstream_attempts_total",
     kCounter,
     "Attempts by outcome (success, retryable, fatal, aborted) and status (0: no answer).",
     kAttempt,
     {}},
    {Metric::kUpstreamAttemptDuration, "outrigger_upstream_attempt_duration_seconds", kHistogram,
     "From the start of an attempt to its response head or failure.", kUpstreamOutcome,
     kCallBuckets},
    {Metric::kUpstreamErrors,
     "outrigger_upstream_errors_total",
     kCounter,
     "Attempts that failed without an answer, by RFC 9209 error.",
     kUpstreamError,
     {}},
    {Metric::kRetries,
     "outrigger_retries_total",
     kCounter,
     "Attempts that followed a failed one, by the verdict on that one.",
     kUpstreamReason,
     {}},
    {Metric::kRetriesExhausted,
     "outrigger_retries_exhausted_total",
     kCounter,
     "Failed requests that were not sent again, by the reason why not: max_attempts, budget, "
     "deadline, hint_too_long, not_replayable, unsafe, unknown_outcome, upstream_said_no, "
     "circuit_open, no_key, limited.",
     kUpstreamReason,
     {}},
    {Metric::kRetryWait, "outrigger_retry_wait_seconds", kHistogram,
     "Waited before an attempt because of the last one, or for a cooldown.", kUpstream,
     kWaitBuckets},
    {Metric::kRetryAfterHonored,
     "outrigger_retry_after_honored_total",
     kCounter,
     "Waits that lasted as long as the upstream asked for.",
     kUpstream,
     {}},
    {Metric::kUpstreamConnections,
     "outrigger_upstream_connections",
     kGauge,
     "Pooled upstream connections, idle or busy.",
     kUpstreamState,
     {}},
    {Metric::kUpstreamQueued,
     "outrigger_upstream_queued",
     kGauge,
     "Requests that wait for an upstream connection.",
     kUpstream,
     {}},
    {Metric::kEndpointHealthy,
     "outrigger_endpoint_healthy",
     kGauge,
     "1 while the endpoint takes traffic, 0 while it is set aside.",
     kEndpoint,
     {}},
    {Metric::kEndpointEjections,
     "outrigger_endpoint_ejections_total",
     kCounter,
     "Times an endpoint was set aside.",
     kUpstream,
     {}},
    {Metric::kCircuitState,
     "outrigger_circuit_state",
     kGauge,
     "1 for the state of the upstream's circuit breakers that lets least pass: closed, open, "
     "half_open, forced_open or disabled.",
     kUpstreamState,
     {}},
    {Metric::kCircuitTransitions,
     "outrigger_circuit_transitions_total",
     kCounter,
     "Changes of state of the upstream's circuit breakers.",
     kUpstreamFromTo,
     {}},
    {Metric::kCircuitRejected,
     "outrigger_circuit_rejected_total",
     kCounter,
     "Attempts that a circuit breaker refused.",
     kUpstream,
     {}},
    {Metric::kCircuitOpenSeconds,
     "outrigger_circuit_open_seconds_total",
     kCounter,
     "Time during which at least one of the upstream's circuit breakers was open or forced open.",
     kUpstream,
     {}},
    {Metric::kCircuitFailureRatio,
     "outrigger_circuit_failure_ratio",
     kGauge,
     "Failures among the calls in the windows of the upstream's circuit breakers.",
     kUpstream,
     {}},
    {Metric::kCircuitNextProbe,
     "outrigger_circuit_next_probe_seconds",
     kGauge,
     "Time until the first of the upstream's open circuit breakers lets a call through to find "
     "out; "
     "0 while none is open.",
     kUpstream,
     {}},
    {Metric::kQueueDepth,
     "outrigger_queue_depth",
     kGauge,
     "Requests that wait for a rate limit or a concurrency limit.",
     kUpstream,
     {}},
    {Metric::kQueueWait, "outrigger_queue_wait_seconds", kHistogram,
     "Waited for a rate limit or a concurrency limit, of requests that had to wait.", kUpstream,
     kWaitBuckets},
    {Metric::kConcurrencyLimit,
     "outrigger_concurrency_limit",
     kGauge,
     "Requests at a time that are let through now: the least of the upstream's keys.",
     kUpstream,
     {}},
    {Metric::kRateLimited,
     "outrigger_rate_limited_total",
     kCounter,
     "Requests that met a rate limit: held back or refused here (local), or answered as throttled "
     "by the upstream (upstream).",
     kUpstreamBy,
     {}},
    {Metric::kCredentials,
     "outrigger_credentials",
     kGauge,
     "Keys of the upstream's pool by state: usable, cooling, set_aside.",
     kUpstreamState,
     {}},
    {Metric::kHedges,
     "outrigger_hedges_total",
     kCounter,
     "Extra requests while the first took long, by result: won, lost, failed; none sent: budget, "
     "cooldown.",
     kUpstreamResult,
     {}},
    {Metric::kFallbacks,
     "outrigger_fallbacks_total",
     kCounter,
     "Second ways that were taken, by the upstream, `model` or `answer` that they lead to.",
     kUpstreamTo,
     {}},
    {Metric::kValidations,
     "outrigger_validations_total",
     kCounter,
     "Answers that validate looked at, by result: ok, repaired, reprompted, failed, unchecked (too "
     "large, or not to be read).",
     kUpstreamResult,
     {}},
    {Metric::kLoopGuardAnswers,
     "outrigger_loop_guard_answers_total",
     kCounter,
     "Requests answered from memory because the same one failed with the same error before.",
     kUpstream,
     {}},
    {Metric::kIdempotency,
     "outrigger_idempotency_total",
     kCounter,
     "Requests with an idempotency key, by what they got: executed, joined, replayed, refused.",
     kUpstreamOutcome,
     {}},
    {Metric::kRecords,
     "outrigger_idempotency_records",
     kGauge,
     "Records of idempotency keys in the store.",
     {},
     {}},
    {Metric::kRecordBytes,
     "outrigger_idempotency_answer_bytes",
     kGauge,
     "Bytes of the answers that are kept for repetitions.",
     {},
     {}},
    {Metric::kRecordsInFlight,
     "outrigger_idempotency_in_flight",
     kGauge,
     "Requests with an idempotency key that are being executed.",
     {},
     {}},
    {Metric::kStoreWaiting,
     "outrigger_store_waiting",
     kGauge,
     "Changes that wait for the disk.",
     {},
     {}},
    {Metric::kStoreFailures,
     "outrigger_store_failures_total",
     kCounter,
     "Batches of changes that the disk refused.",
     {},
     {}},
    {Metric::kCacheRequests,
     "outrigger_cache_requests_total",
     kCounter,
     "Requests that a cache policy was asked about, by what came of it.",
     kUpstreamResult,
     {}},
    {Metric::kTokensSaved,
     "outrigger_tokens_saved_total",
     kCounter,
     "Tokens that an upstream did not have to be asked for again: of prompts (input) and answers "
     "(output).",
     kUpstreamTypeBy,
     {}},
    {Metric::kCacheEntries,
     "outrigger_cache_entries",
     kGauge,
     "Entries of the cache, in memory and on disk; one may be in both.",
     kTier,
     {}},
    {Metric::kCacheBytes,
     "outrigger_cache_bytes",
     kGauge,
     "Bytes that the entries of the cache take, in memory and on disk.",
     kTier,
     {}},
    {Metric::kCacheEvictions,
     "outrigger_cache_evictions_total",
     kCounter,
     "Entries that the cache let go: memory_full, disk_full, expired, purged; not brought to disk "
     "because that was slow: disk_slow.",
     kReason,
     {}},
    {Metric::kOverload,
     "outrigger_overload",
     kGauge,
     "How much of a resource the process itself has left: 0 enough, 1 beyond the soft mark, 2 "
     "beyond the hard one.",
     kResource,
     {}},
    {Metric::kWouldHave,
     "outrigger_would_have_total",
     kCounter,
     "Requests that a policy in shadow would have treated otherwise.",
     kUpstreamPolicy,
     {}},
    {Metric::kTelemetryDropped,
     "outrigger_telemetry_dropped_total",
     kCounter,
     "Log lines and metric series that were lost, by reason.",
     kSignalReason,
     {}},
    {Metric::kProcessCpu,
     "process_cpu_seconds_total",
     kCounter,
     "Processor time used, user and system.",
     {},
     {}},
    {Metric::kProcessMemory, "process_resident_memory_bytes", kGauge, "Resident memory.", {}, {}},
    {Metric::kProcessOpenFds, "process_open_fds", kGauge, "Open file descriptors.", {}, {}},
    {Metric::kProcessMaxFds, "process_max_fds", kGauge, "Limit of open file descriptors.", {}, {}},
    {Metric::kProcessStart,
     "process_start_time_seconds",
     kGauge,
     "When the process started, in seconds since 1970.",
     {},
     {}},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < std::size(kTable); ++i) {
    if (kTable[i].id != static_cast<Metric>(i)) return false;
  }
  return std::size(kTable) == static_cast<std::size_t>(Metric::kCount);
}
static_assert(in_order(), "a row for each metric, in the order of the enumeration");

std::string_view to_string(MetricType type) noexcept {
  constexpr std::string_view kNames[] = {"counter", "gauge", "histogram"};
  return kNames[static_cast<std::size_t>(type)];
}

}  // namespace

std::span<const MetricSpec> metric_table() noexcept {
  return kTable;
}

std::string metrics_markdown() {
  std::string out = "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n";
  for (const MetricSpec& row : kTable) {
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", row.name,
                   to_string(row.type), fmt::join(row.labels, ", "), row.help);
  }
  return out;
}

}  // namespace outrigger
