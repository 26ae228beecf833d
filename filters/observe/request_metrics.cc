#include "filters/observe/request_metrics.h"

#include <bitset>

#include <fmt/format.h>

#include "filters/observe/access_record.h"
#include "filters/retry/safety.h"
#include "proxy/http/status.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kClasses[] = {"0", "1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr std::string_view kAbortPhases[] = {"queue", "headers", "stream"};
constexpr std::string_view kOutcomes[] = {"success", "retryable", "fatal", "aborted"};
constexpr std::string_view kMethods[] = {"GET",     "HEAD",    "POST",  "PUT",   "DELETE",
                                         "CONNECT", "OPTIONS", "TRACE", "PATCH", "_OTHER"};

// Three digits or 0, whatever a peer invented.
int bounded(int status) noexcept {
  return status >= 100 && status <= 999 ? status : 0;
}

std::size_t class_index(int status) noexcept {
  return status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100) : 0;
}

}  // namespace

// Where no classifier gave a verdict (a forwarded host, a filter that ended the attempt): statuses
// that ask for another try, and failures after which nothing can have been executed, are retryable.
Outcome outcome_of(const Attempt& attempt) noexcept {
  if (attempt.judged) {
    if (attempt.verdict == Verdict::kOk) return Outcome::kSuccess;
    if (attempt.verdict == Verdict::kCancelled) return Outcome::kAborted;
    return is_final(attempt.verdict) ? Outcome::kFatal : Outcome::kRetryable;
  }
  if (attempt.failed) {
    if (attempt.code == Errc::kCancelled) return Outcome::kAborted;
    return attempt.phase <= Phase::kNothingAccepted ? Outcome::kRetryable : Outcome::kFatal;
  }
  if (attempt.status == 408 || attempt.status == 429 || attempt.status >= 500) {
    return Outcome::kRetryable;
  }
  return attempt.status >= 400 ? Outcome::kFatal : Outcome::kSuccess;
}

RequestMetrics::RequestMetrics(MetricShard& shard, std::string_view upstream,
                               std::string_view route)
    : shard_(shard), upstream_(upstream), route_(route) {
  in_flight_ = shard.gauge(Metric::kRequestsInFlight, {upstream});
  request_bytes_ = shard.counter(Metric::kRequestBytes, {upstream});
  response_bytes_ = shard.counter(Metric::kResponseBytes, {upstream});
  first_byte_ = shard.histogram(Metric::kResponseFirstByte, {upstream});
  overhead_ = shard.histogram(Metric::kProxyOverhead, {upstream});
  for (std::size_t i = 0; i < duration_.size(); ++i) {
    duration_[i] = shard.histogram(Metric::kRequestDuration, {upstream, kClasses[i]});
  }
  for (std::size_t i = 0; i < aborts_.size(); ++i) {
    aborts_[i] = shard.counter(Metric::kClientAborts, {upstream, kAbortPhases[i]});
  }
  for (std::size_t i = 0; i < attempt_duration_.size(); ++i) {
    attempt_duration_[i] =
        shard.histogram(Metric::kUpstreamAttemptDuration, {upstream, kOutcomes[i]});
  }
}

void RequestMetrics::finish(const Exchange& exchange, const http::Delivery& delivery,
                            const RequestTimes& times) {
  in_flight_.sub();
  const int status = bounded(delivery.http_status);
  count_request(exchange, status);
  for (const Attempt& attempt : exchange.attempts) count_attempt(attempt);
  if (!exchange.would_have.empty()) count_would_have(exchange);
  count_abort(exchange, delivery);
  duration_[class_index(status)].observe(times.total);
  if (times.first_byte) first_byte_.observe(*times.first_byte);
  if (times.overhead) overhead_.observe(*times.overhead);
  request_bytes_.add(exchange.request_bytes);
  response_bytes_.add(delivery.body_bytes);
}

void RequestMetrics::count_request(const Exchange& exchange, int status) {
  const auto method = static_cast<std::uint32_t>(exchange.request.head.method);
  const auto source = static_cast<std::uint32_t>(exchange.source);
  Counter& counter = requests_[static_cast<std::uint32_t>(status) << 8 | method << 4 | source];
  if (!counter) {
    counter = shard_.counter(Metric::kRequests,
                             {upstream_, route_, kMethods[method], fmt::format_int(status).c_str(),
                              to_string(exchange.source)});
  }
  counter.add();
}

void RequestMetrics::count_attempt(const Attempt& attempt) {
  const auto outcome = static_cast<std::uint32_t>(outcome_of(attempt));
  const int status = bounded(attempt.status);
  attempt_duration_[outcome].observe(attempt.ended - attempt.started);
  Counter& counter = attempts_[static_cast<std::uint32_t>(status) << 2 | outcome];
  if (!counter) {
    counter = shard_.counter(Metric::kUpstreamAttempts,
                             {upstream_, kOutcomes[outcome], fmt::format_int(status).c_str()});
  }
  counter.add();
  if (!attempt.failed || attempt.code == Errc::kCancelled) return;
  const std::string_view error = proxy_error_of(attempt);
  Counter& errors = errors_[error];
  if (!errors) errors = shard_.counter(Metric::kUpstreamErrors, {upstream_, error});
  errors.add();
}

// Each policy once, however often it was asked.
void RequestMetrics::count_would_have(const Exchange& exchange) {
  std::bitset<config::kShadowedNames.size()> counted;
  for (const Would& would : exchange.would_have) {
    const auto policy = static_cast<std::size_t>(would.policy);
    if (counted[policy]) continue;
    counted.set(policy);
    Counter& counter = would_have_[policy];
    if (!counter) {
      counter = shard_.counter(Metric::kWouldHave, {upstream_, config::to_string(would.policy)});
    }
    counter.add();
  }
}

void RequestMetrics::count_abort(const Exchange& exchange,
                                 const http::Delivery& delivery) const noexcept {
  if (delivery.status || delivery.status.error().origin != Origin::kClient) return;
  const std::size_t phase = delivery.http_status != 0 ? 2 : exchange.attempts.empty() ? 0 : 1;
  aborts_[phase].add();
}

}  // namespace outrigger::filters
