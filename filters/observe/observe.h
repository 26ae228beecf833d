// The outermost filter: names the exchange, stamps its answer, turns a failure into an answer that
// people and SDKs can read, and tells log and metrics what became of it once it is delivered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "filters/filter.h"
#include "filters/observe/request_metrics.h"
#include "proxy/base/log.h"
#include "proxy/base/metrics.h"
#include "proxy/base/ulid.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

// Labels of requests outside every upstream or route (operability 3.1).
inline constexpr std::string_view kPassthrough =
    "_passthrough";                                         // forwarded to a host of no upstream
inline constexpr std::string_view kUnrouted = "_unrouted";  // answered by the router
inline constexpr std::string_view kDefaultRoute = "_default";

// What the Observe filters of one worker share; outlives them.
struct ObserveContext {
  // `access` is nullptr when there is no access log.
  ObserveContext(MetricShard& shard, LogChannel* access, LogStyle line_style, std::uint64_t seed,
                 WallClock wall = WallClock())
      : metrics(shard), access_log(access), style(line_style), ids(seed), clock(wall) {}

  MetricShard& metrics;
  LogChannel* access_log;
  LogStyle style;
  UlidSource ids;
  WallClock clock;
  TimestampText timestamp;
  std::string line;  // one line under construction
};

class Observe final : public Filter, public DeliveryObserver {
 public:
  Observe(ObserveContext& worker, std::string_view upstream, std::string_view route);

  [[nodiscard]] std::string_view name() const noexcept override { return "observe"; }
  // An error is returned only when the client has left and no answer can reach it.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;
  void on_delivered(Exchange& exchange, const http::Delivery& delivery) override;

  // The parts of handle() around `next`, for answers that no chain makes (misroutes): begin, then
  // stamp, then the delivery.
  void begin(Exchange& exchange);
  void stamp(Exchange& exchange, http::Response& response) const;

 private:
  void write_line(const Exchange& exchange, const http::Delivery& delivery,
                  const RequestTimes& times);

  ObserveContext& worker_;
  const std::string upstream_;
  const std::string route_;
  RequestMetrics metrics_;
};

}  // namespace outrigger::filters
