#include "proxy/cli/banner.h"

#include <algorithm>
#include <span>

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

// The `outrigger env` that tells of this configuration, whatever it was started with.
std::string env_command(const config::Config& config) {
  std::string command = "outrigger env";
  if (config.source != "<built-in>" && config.source != "outrigger.yaml") {
    command += " " + config.source;
  }
  const std::string& address = tcp_listener(config)->text;
  if (address != "127.0.0.1:4170") command += " --listen " + address;
  return command;
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
  const std::size_t count = config.upstreams.size();
  std::string text = fmt::format("outrigger: {} upstream{} from {}, listening on {}\n", count,
                                 count == 1 ? "" : "s", config.source, listeners(config));
  if (tcp_listener(config) == nullptr || count == 0) return text + "Stop: Ctrl-C\n";
  const std::span shown(config.upstreams.data(), std::min(kShown, count));
  std::size_t width = 0;
  for (const config::Upstream& upstream : shown) width = std::max(width, upstream.name.size());
  for (const config::Upstream& upstream : shown) {
    text += fmt::format("  {:<{}}  {}\n", upstream.name, width, base_url(config, upstream));
  }
  const std::string command = env_command(config);
  if (shown.size() < count) {
    text += fmt::format("  and {} more: {}\n", count - shown.size(), command);
  }
  return text + fmt::format("Point SDKs at it: eval \"$({})\"    Stop: Ctrl-C\n", command);
}

}  // namespace outrigger::cli
