// Measures, a few times a second, what the process has left of memory and descriptors, and tells
// the workers by Pressure, people by the log and the metric. On the supervisor's thread.
#pragma once

#include <string>

#include "config/config.h"
#include "filters/overload/pressure.h"
#include "proxy/base/log.h"
#include "proxy/base/metrics.h"
#include "proxy/resource_usage.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger {

class OverloadWatch final : private Timer {
 public:
  // All outlive it. `root` stands before /proc and /sys: empty but in tests.
  OverloadWatch(Dispatcher& loop, filters::Pressure& pressure, MetricRegistry& metrics, Logger& log,
                const std::string& root = {})
      : loop_(loop), pressure_(pressure), metrics_(metrics), log_(log), memory_(root) {}

  // Measures by these marks from now on, the first time at once.
  void use(const config::Overload& policy);

 private:
  void on_fire() override;
  void measure();
  void settle(filters::Resource resource, const filters::Usage& usage,
              const std::optional<config::Watermarks>& marks);
  void publish();
  void give_back_memory();

  Dispatcher& loop_;
  filters::Pressure& pressure_;
  MetricRegistry& metrics_;
  Logger& log_;
  MemoryMeter memory_;
  config::Overload policy_;
  unsigned until_trim_ = 0;  // measurements
};

}  // namespace outrigger
