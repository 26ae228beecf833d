// The pages of the health port: /livez, /readyz, /startupz and /metrics (operability 3.1, 5). Pure:
// a state and a request in, a page out; who serves it is the supervisor's business.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/metrics.h"
#include "proxy/http/message.h"

namespace outrigger::admin {

enum class Lifecycle : std::uint8_t { kStarting, kReady, kDraining };
std::string_view to_string(Lifecycle state) noexcept;

struct HealthState {
  Lifecycle lifecycle = Lifecycle::kStarting;
  // What stands in the way of serving, in words; readiness fails while there is one.
  std::vector<std::string> reasons;
  std::string_view version;
  std::string config_hash;
  std::string config_source;
};

struct HealthPage {
  int status = 200;
  std::string_view content_type;
  std::string_view allow;  // of a 405, else empty
  std::string body;
};

// `metrics` is asked only for /metrics. A HEAD is answered like a GET; the server leaves the body
// out.
HealthPage health_page(const HealthState& state, http::Method method, std::string_view target,
                       std::string_view accept,
                       const std::function<std::string(Exposition)>& metrics);

// The page as an answer, never cached.
http::Response to_response(HealthPage page);

}  // namespace outrigger::admin
