// What the admin port says of the process: the pages of the health port, and /api/v1/info.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proxy/admin/health_page.h"
#include "proxy/admin/router.h"
#include "proxy/base/duration.h"
#include "proxy/base/metrics.h"

namespace outrigger::admin {

// Asked anew for each request, on the main thread.
struct SystemView {
  std::function<HealthState()> state;
  std::function<Duration()> uptime;
  std::function<std::string(Exposition)> metrics;
};

std::vector<Route> system_routes(SystemView view);

}  // namespace outrigger::admin
