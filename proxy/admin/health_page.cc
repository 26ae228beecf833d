#include "proxy/admin/health_page.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/base/json_writer.h"

namespace outrigger::admin {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kAllowed = "GET, HEAD";

// The state as JSON; `passed` decides between 200 and 503, so that people and probes read the same
// answer.
HealthPage state_page(const HealthState& state, bool passed) {
  HealthPage page{passed ? 200 : 503, kJson, {}, {}};
  JsonWriter json(page.body);
  json.begin_object();
  json.member("status", passed ? "ok" : "failing");
  json.member("state", to_string(state.lifecycle));
  if (!passed || !state.reasons.empty()) {
    json.key("reasons");
    json.begin_array();
    if (state.lifecycle != Lifecycle::kReady) json.value(to_string(state.lifecycle));
    for (const std::string& reason : state.reasons) json.value(std::string_view(reason));
    json.end_array();
  }
  json.member("version", state.version);
  json.key("config");
  json.begin_object();
  json.member("hash", std::string_view(state.config_hash));
  json.member("source", std::string_view(state.config_source));
  json.end_object();
  json.end_object();
  page.body += '\n';
  return page;
}

HealthPage text_page(int status, std::string_view text) {
  return {status, kText, {}, std::string(text)};
}

}  // namespace

std::string_view to_string(Lifecycle state) noexcept {
  constexpr std::string_view kNames[] = {"starting", "ready", "draining"};
  return kNames[static_cast<std::size_t>(state)];
}

HealthPage health_page(const HealthState& state, http::Method method, std::string_view target,
                       std::string_view accept,
                       const std::function<std::string(Exposition)>& metrics) {
  const std::string_view path = target.substr(0, target.find('?'));
  const bool known =
      path == "/livez" || path == "/readyz" || path == "/startupz" || path == "/metrics";
  if (!known) {
    return text_page(404, "not found; there are /livez /readyz /startupz and /metrics\n");
  }
  if (method != http::Method::kGet && method != http::Method::kHead) {
    HealthPage page = text_page(405, "only GET and HEAD\n");
    page.allow = kAllowed;
    return page;
  }
  // Alive as long as it answers: a draining or badly configured process must not be killed for it.
  if (path == "/livez") return state_page(state, true);
  if (path == "/startupz") return state_page(state, state.lifecycle != Lifecycle::kStarting);
  if (path == "/readyz") {
    return state_page(state, state.lifecycle == Lifecycle::kReady && state.reasons.empty());
  }
  const Exposition exposition = exposition_for(accept);
  return {200, content_type(exposition), {}, metrics(exposition)};
}

http::Response to_response(HealthPage page) {
  http::Response response;
  response.head.status = page.status;
  http::Headers& headers = response.head.headers;
  headers.add_view(http::HeaderId::kContentType, "Content-Type", page.content_type);
  headers.add("Content-Length", fmt::format_int(page.body.size()).c_str());
  headers.add_view(http::HeaderId::kCacheControl, "Cache-Control", "no-store");
  headers.add_view(http::HeaderId::kOther, "X-Content-Type-Options", "nosniff");
  if (!page.allow.empty()) headers.add_view(http::HeaderId::kOther, "Allow", page.allow);
  response.body = http::Body(Slice::copy(page.body));
  return response;
}

}  // namespace outrigger::admin
