#include "proxy/cli/banner.h"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/upstream/first_run_page.h"

namespace outrigger::cli {
namespace {

constexpr std::size_t kShown = 8;  // upstreams in the banner; `outrigger env` lists all

std::string reachable_host(const std::string& host) {
  if (host.empty() || host == "0.0.0.0" || host == "*") return "127.0.0.1";
  if (host == "::") return "[::1]";
  return host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
}

const config::ListenAddress* tcp_listener(const config::Config& config) {
  const auto& all = config.server.listen;
  const auto found = std::ranges::find_if(all, [](const auto& a) { return a.port != 0; });
  return found == all.end() ? nullptr : &*found;
}

std::string listeners(const config::Config& config) {
  std::string text;
  for (const config::ListenAddress& address : config.server.listen) {
    if (!text.empty()) text += ", ";
    text += address.text;
  }
  return text;
}

}  // namespace

std::string base_url(const config::Config& config, const config::Upstream& served) {
  const config::ListenAddress* address = tcp_listener(config);
  if (address == nullptr) return {};
  return fmt::format("{}://{}:{}{}", config.server.tls ? "https" : "http",
                     reachable_host(address->host), address->port, upstream::sdk_base_path(served));
}

std::string banner(const config::Config& config) {
  std::string text = fmt::format("outrigger: {} upstreams from {}, listening on {}\n",
                                 config.upstreams.size(), config.source, listeners(config));
  const std::size_t shown = std::min(kShown, config.upstreams.size());
  std::size_t width = 0;
  for (std::size_t i = 0; i < shown; ++i) width = std::max(width, config.upstreams[i].name.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const config::Upstream& upstream = config.upstreams[i];
    const std::string url = base_url(config, upstream);
    if (!url.empty()) text += fmt::format("  {:<{}}  {}\n", upstream.name, width, url);
  }
  if (shown < config.upstreams.size()) {
    text += fmt::format("  and {} more: `outrigger env` lists all\n", config.upstreams.size() - shown);
  }
  text += "Point an SDK at it: eval \"$(outrigger env)\"    Stop: Ctrl-C\n";
  return text;
}

}  // namespace outrigger::cli
