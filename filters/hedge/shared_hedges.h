// What all workers know of a route's hedges: how long its answers take to begin, for each model,
// and how many extra requests are paid for. Any thread; survives reloads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "filters/hedge/latency_window.h"
#include "proxy/base/duration.h"

namespace outrigger::filters {

// One model of one route, or the route where no model is known.
class SharedHedge {
 public:
  // A request came: when it is late, and nothing where that is not known yet. It earns its part of
  // an extra one.
  [[nodiscard]] std::optional<Duration> begin(const config::Hedge& policy, TimePoint now);
  // Pays for an extra request; false when there is nothing to pay with.
  [[nodiscard]] bool spend();
  // An answer began after this time; or one that was not waited for had not begun by then.
  void learn(Duration latency, TimePoint now);

 private:
  static constexpr double kMost = 10;  // extra requests that can be saved up

  std::mutex mutex_;
  LatencyWindow window_;
  double balance_ = 1;  // the first late one is not turned away for want of history
};

class SharedHedges {
 public:
  // Valid as long as this. Beyond kMostModels of one route the others share one.
  [[nodiscard]] SharedHedge& of(const std::string& route, std::string_view model);

  static constexpr std::size_t kMostModels = 64;

 private:
  std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::unique_ptr<SharedHedge>, std::less<>>> routes_;
};

}  // namespace outrigger::filters
