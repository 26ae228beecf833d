// The metrics of finished requests of one route (operability 3.1). One per route and worker; series
// with a closed label that the answer decides (status, source, outcome) are resolved when first
// seen, then cached.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "config/words.h"
#include "filters/exchange.h"
#include "proxy/base/metrics.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {

// What became of one attempt, as a label.
enum class Outcome : std::uint8_t { kSuccess, kRetryable, kFatal, kAborted };
Outcome outcome_of(const Attempt& attempt) noexcept;

// What a finished request adds.
struct RequestTimes {
  Duration total{0};
  std::optional<Duration> first_byte;
  std::optional<Duration> overhead;
};

class RequestMetrics {
 public:
  // `shard` belongs to the calling worker and outlives this.
  RequestMetrics(MetricShard& shard, std::string_view upstream, std::string_view route);

  void begin() const noexcept { in_flight_.add(); }
  // Once for each begin().
  void finish(const Exchange& exchange, const http::Delivery& delivery, const RequestTimes& times);

 private:
  void count_request(const Exchange& exchange, int status);
  void count_attempt(const Attempt& attempt);
  void count_would_have(const Exchange& exchange);
  void count_abort(const Exchange& exchange, const http::Delivery& delivery) const noexcept;

  MetricShard& shard_;
  const std::string upstream_;
  const std::string route_;
  Gauge in_flight_;
  Counter request_bytes_, response_bytes_;
  Histogram first_byte_, overhead_;
  std::array<Histogram, 6> duration_;          // by class of status, "0" first
  std::array<Counter, 3> aborts_;              // queue, headers, stream
  std::array<Histogram, 4> attempt_duration_;  // by Outcome
  std::array<Counter, config::kShadowedNames.size()> would_have_;
  // Counters by a packed key; the last one used is nearly always the next, too.
  class Counters {
   public:
    Counter& operator[](std::uint32_t key) {
      if (last_ == nullptr || key != last_key_) {
        last_ = &counters_[key];
        last_key_ = key;
      }
      return *last_;
    }

   private:
    std::unordered_map<std::uint32_t, Counter> counters_;
    std::uint32_t last_key_ = 0;
    Counter* last_ = nullptr;  // into the map, whose elements stay where they are
  };
  Counters requests_;                                     // by method, status and source
  Counters attempts_;                                     // by outcome and status
  std::unordered_map<std::string_view, Counter> errors_;  // by RFC 9209 error, a literal
};

}  // namespace outrigger::filters
