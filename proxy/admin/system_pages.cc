#include "proxy/admin/system_pages.h"

#include <chrono>
#include <memory>
#include <utility>

#include "proxy/admin/answers.h"
#include "proxy/base/json_writer.h"

namespace outrigger::admin {
namespace {

http::Response info(const HealthState& state, Duration uptime) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("version", state.version);
  json.member("uptime_s", std::chrono::floor<std::chrono::seconds>(uptime).count());
  json.member("state", to_string(state.lifecycle));
  json.key("config");
  json.begin_object();
  json.member("hash", std::string_view(state.config_hash));
  json.member("source", std::string_view(state.config_source));
  json.end_object();
  json.end_object();
  return json_answer(text);
}

}  // namespace

std::vector<Route> system_routes(SystemView view) {
  const auto shared = std::make_shared<const SystemView>(std::move(view));
  const Handler health = [shared](const Call& call) {
    return to_response(health_page(shared->state(), call.head.method, call.head.target,
                                   call.head.headers.get(http::HeaderId::kAccept),
                                   shared->metrics));
  };
  std::vector<Route> routes;
  for (const std::string_view path : {"/livez", "/readyz", "/startupz", "/metrics"}) {
    routes.push_back({http::Method::kGet, path, {"verbose"}, health});
  }
  routes.push_back({http::Method::kGet, "/api/v1/info", {}, [shared](const Call&) {
                      return info(shared->state(), shared->uptime());
                    }});
  return routes;
}

}  // namespace outrigger::admin
