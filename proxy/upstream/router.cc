#include "proxy/upstream/router.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "proxy/base/redact.h"
#include "proxy/net/address.h"
#include "proxy/upstream/first_run_page.h"
#include "proxy/upstream/host_table.h"
#include "proxy/upstream/request_path.h"
#include "proxy/upstream/version_check.h"

namespace outrigger::upstream {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};
template <class Value>
using ByText = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

struct Prefix {
  std::string path;  // "/openai", "/team/openai"; "" takes everything
  std::uint32_t upstream;
};

// The addresses under which clients know us, so that a URL that names the proxy itself is base-URL
// mode.
void add_own_hosts(HostTable& own, const config::Server& server) {
  for (const config::ListenAddress& listen : server.listen) {
    own.add(listen.host, listen.port, 0);
    for (const std::string_view local : {"localhost", "127.0.0.1", "::1"}) {
      own.add(local, listen.port, 0);
    }
  }
}

// A name given without a port stands for both default ports; an endpoint behind TLS also answers to
// http://, because a client that is told of a proxy by http_proxy often drops the s.
void add_upstream_hosts(HostTable& hosts, const config::Upstream& upstream, std::uint32_t index) {
  for (const std::string& text : upstream.hosts) {
    const auto authority = parse_authority(text);
    if (!authority) continue;
    if (authority->port) {
      hosts.add(authority->host, *authority->port, index);
    } else {
      hosts.add(authority->host, 443, index);
      hosts.add(authority->host, 80, index);
    }
  }
  for (const config::Endpoint& endpoint : upstream.endpoints) {
    hosts.add(endpoint.host, endpoint.port, index);
    if (endpoint.port == 443) hosts.add(endpoint.host, 80, index);
  }
}

Misroute bad_path() {
  return {400,
          "ambiguous_path",
          {},
          "the path has '.' or '..' segments, which the proxy refuses to guess about",
          {}};
}

Misroute bad_authority(std::string_view authority) {
  return {400, "bad_request", {}, fmt::format("\"{}\" is not a host[:port]", authority), {}};
}

Misroute forward_disabled(const Authority& authority) {
  return {403,
          "forward_disabled",
          {},
          fmt::format("{} is not a host of a configured upstream, and server.forward is disabled",
                      authority.host),
          {}};
}

bool is_tunnel(const http::RequestHead& head) noexcept {
  // With :protocol it is an extended CONNECT (RFC 8441): an ordinary target.
  return head.method == http::Method::kConnect && head.protocol.empty();
}

std::uint16_t default_port(std::string_view scheme) noexcept {
  return scheme == "https" ? 443 : 80;
}

bool method_matches(const config::RouteMatch& match, std::string_view method) noexcept {
  return match.methods.empty() || std::ranges::find(match.methods, method) != match.methods.end();
}

}  // namespace

std::string_view to_string(Way way) noexcept {
  constexpr std::string_view kNames[] = {"base_url", "forward", "connect", "transparent"};
  return kNames[static_cast<std::size_t>(way)];
}

config::Policies passthrough_policies() {
  config::Policies policies;
  policies.retry.reset();
  policies.circuit_breaker.reset();
  return policies;
}

struct Router::Tables {
  explicit Tables(config::Snapshot snapshot);

  std::expected<Routed, Misroute> by_path(http::RequestHead& head) const;
  std::expected<Routed, Misroute> by_url(http::RequestHead& head) const;
  std::expected<Routed, Misroute> tunnel(const http::RequestHead& head) const;
  std::expected<Routed, Misroute> at_host(http::RequestHead& head, std::uint32_t index,
                                          Way way) const;
  [[nodiscard]] const Prefix* find_prefix(std::string_view path) const;
  [[nodiscard]] Routed to_upstream(std::uint32_t index, Way way) const;
  void choose_route(Routed& routed, std::string_view method, std::string_view path) const;
  [[nodiscard]] Misroute unknown_path(const http::RequestHead& head) const;
  [[nodiscard]] Misroute wrong_version(const VersionSlip& slip, const config::Upstream& upstream,
                                       const http::RequestHead& head) const;

  config::Snapshot config;
  ByText<std::vector<Prefix>> by_segment;  // by the first segment; longest first
  const Prefix* catch_all = nullptr;
  std::vector<Prefix> whole;  // holds catch_all's prefix
  HostTable hosts;
  HostTable own;
  const config::Policies passthrough = passthrough_policies();
};

Router::Tables::Tables(config::Snapshot snapshot) : config(std::move(snapshot)) {
  const auto& upstreams = config->upstreams;
  for (std::uint32_t i = 0; i < upstreams.size(); ++i) {
    std::string path = upstreams[i].path_prefix;
    while (path.ends_with('/')) path.pop_back();
    if (path.empty()) {
      whole.push_back({{}, i});
    } else {
      by_segment[std::string(first_segment(path))].push_back({path, i});
    }
    add_upstream_hosts(hosts, upstreams[i], i);
  }
  for (auto& [segment, prefixes] : by_segment) {
    std::ranges::sort(
        prefixes, [](const Prefix& a, const Prefix& b) { return a.path.size() > b.path.size(); });
  }
  if (!whole.empty()) catch_all = &whole.front();
  add_own_hosts(own, config->server);
}

std::expected<Routed, Misroute> Router::Tables::by_path(http::RequestHead& head) const {
  const std::string_view path = head.path();
  const Prefix* prefix = find_prefix(path);
  if (prefix == nullptr) return std::unexpected(unknown_path(head));
  const config::Upstream& upstream = config->upstreams[prefix->upstream];
  const std::string_view rest = path.substr(prefix->path.size());
  if (const VersionSlip slip = check_version(upstream, rest);
      slip.kind != VersionSlip::Kind::kNone) {
    return std::unexpected(wrong_version(slip, upstream, head));
  }
  Routed routed = to_upstream(prefix->upstream, Way::kBaseUrl);
  choose_route(routed, head.method_text, rest);
  routed.target = join_target(head, upstream.endpoints.front().base_path,
                              head.target.substr(prefix->path.size()));
  return routed;
}

std::expected<Routed, Misroute> Router::Tables::by_url(http::RequestHead& head) const {
  const std::uint16_t port = default_port(head.scheme);
  if (own.find(head.authority, port)) return by_path(head);
  if (const auto index = hosts.find(head.authority, port))
    return at_host(head, *index, Way::kForward);
  auto authority = parse_authority(head.authority);
  if (!authority) return std::unexpected(bad_authority(head.authority));
  if (!config->server.forward.enabled) return std::unexpected(forward_disabled(*authority));
  Routed routed;
  routed.upstream_index = static_cast<std::uint32_t>(config->upstreams.size());
  routed.policies = &passthrough;
  routed.way = Way::kForward;
  routed.target = head.target;
  routed.forward_host = std::move(authority->host);
  routed.forward_port = authority->port.value_or(port);
  routed.forward_tls = head.scheme == "https";
  return routed;
}

std::expected<Routed, Misroute> Router::Tables::tunnel(const http::RequestHead& head) const {
  auto authority = parse_authority(head.authority);
  if (!authority || !authority->port) return std::unexpected(bad_authority(head.authority));
  Routed routed;
  if (const auto index = hosts.find(head.authority, *authority->port)) {
    routed = to_upstream(*index, Way::kTunnel);
  } else if (config->server.forward.enabled) {
    routed.upstream_index = static_cast<std::uint32_t>(config->upstreams.size());
    routed.policies = &passthrough;
  } else {
    return std::unexpected(forward_disabled(*authority));
  }
  routed.way = Way::kTunnel;
  routed.forward_host = std::move(authority->host);
  routed.forward_port = *authority->port;
  return routed;
}

// The client wrote the upstream's own URL: the target is sent as it is, and routes match below
// base_path.
std::expected<Routed, Misroute> Router::Tables::at_host(http::RequestHead& head,
                                                        std::uint32_t index, Way way) const {
  Routed routed = to_upstream(index, way);
  const std::string& base = routed.upstream->endpoints.front().base_path;
  std::string_view path = head.path();
  if (has_path_prefix(path, base)) path.remove_prefix(base.size());
  choose_route(routed, head.method_text, path);
  routed.target = head.target;
  if (auto authority = parse_authority(head.authority)) {
    routed.forward_host = std::move(authority->host);
    routed.forward_port = authority->port.value_or(default_port(head.scheme));
    routed.forward_tls = head.scheme == "https";
  }
  return routed;
}

const Prefix* Router::Tables::find_prefix(std::string_view path) const {
  if (const auto found = by_segment.find(first_segment(path)); found != by_segment.end()) {
    for (const Prefix& prefix : found->second) {
      if (has_path_prefix(path, prefix.path)) return &prefix;
    }
  }
  return catch_all;
}

Routed Router::Tables::to_upstream(std::uint32_t index, Way way) const {
  Routed routed;
  routed.upstream = &config->upstreams[index];
  routed.policies = &routed.upstream->policies;
  routed.upstream_index = index;
  routed.way = way;
  return routed;
}

void Router::Tables::choose_route(Routed& routed, std::string_view method,
                                  std::string_view path) const {
  const auto& routes = routed.upstream->routes;
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    if (!method_matches(routes[i].match, method)) continue;
    if (!path_matches(path, routes[i].match.path)) continue;
    routed.route = &routes[i];
    routed.route_index = i + 1;
    routed.policies = &routes[i].policies;
    return;
  }
}

Misroute Router::Tables::unknown_path(const http::RequestHead& head) const {
  const bool reads = head.method == http::Method::kGet || head.method == http::Method::kHead;
  if (head.path() == "/" && reads) return {200, "first_run_page", {}, {}, {}};
  const std::string origin = request_origin(*config, head);
  Misroute misroute{404, "unknown_path", {}, {}, {}};
  misroute.detail = fmt::format("no upstream is served under {}", head.path());
  if (const config::Upstream* near = nearest_upstream(*config, head.path()); near != nullptr) {
    const std::string_view segment = first_segment(head.path());
    // A path that begins with the version lacks the prefix; any other has it misspelt.
    const bool lacks =
        has_path_prefix(head.path(), near->expected_version) && !near->expected_version.empty();
    const std::string_view rest = lacks ? head.target : head.target.substr(1 + segment.size());
    misroute.suggestion = redacted_target(fmt::format("{}{}{}", origin, near->path_prefix, rest));
    misroute.detail += fmt::format("; did you mean {} ?", misroute.suggestion);
  }
  misroute.detail += fmt::format("; known prefixes at {}:", origin);
  for (const config::Upstream& upstream : config->upstreams) {
    misroute.detail += fmt::format(" {}", upstream.path_prefix);
  }
  return misroute;
}

Misroute Router::Tables::wrong_version(const VersionSlip& slip, const config::Upstream& upstream,
                                       const http::RequestHead& head) const {
  using Kind = VersionSlip::Kind;
  const std::string origin = request_origin(*config, head);
  Misroute misroute{404, "wrong_version", {}, {}, {}};
  std::string_view what = "lacks the API version or has another one";
  if (slip.kind == Kind::kDoubled) {
    misroute.code = "doubled_version";
    what = "has the API version twice";
  } else if (slip.kind == Kind::kDoubledEndpoint) {
    misroute.code = "doubled_endpoint";
    what = "has an endpoint twice";
  }
  misroute.suggestion = redacted_target(fmt::format(
      "{}{}{}{}", origin, upstream.path_prefix, slip.path, head.target.substr(head.path().size())));
  misroute.detail =
      fmt::format("{} {}; the right URL is {} ; as base URL of a client library use {}{}",
                  head.path(), what, misroute.suggestion, origin, sdk_base_path(upstream));
  return misroute;
}

Router::Router(config::Snapshot config)
    : tables_(std::make_unique<const Tables>(std::move(config))) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Routed Router::at_upstream(std::uint32_t index, Way way, std::string_view method,
                           std::string_view path) const {
  Routed routed = tables_->to_upstream(index, way);
  tables_->choose_route(routed, method, path);
  return routed;
}

const config::Config& Router::config() const noexcept {
  return *tables_->config;
}

std::expected<Routed, Misroute> Router::route(http::RequestHead& head) {
  if (is_tunnel(head)) return tables_->tunnel(head);
  if (head.form == http::TargetForm::kAsterisk || head.target == "*") {
    return std::unexpected(Misroute{204, "options", {}, {}, {}});
  }
  if (has_dot_segments(head.path())) return std::unexpected(bad_path());
  if (head.form == http::TargetForm::kAbsolute) return tables_->by_url(head);
  if (head.scheme.empty() && head.authority == last_own_) return tables_->by_path(head);
  if (const auto index = tables_->hosts.find(head.authority, default_port(head.scheme));
      index && !tables_->own.find(head.authority, default_port(head.scheme))) {
    return tables_->at_host(head, *index, Way::kTransparent);
  }
  if (head.scheme.empty() && head.authority.size() <= kMostRemembered) last_own_ = head.authority;
  return tables_->by_path(head);
}

}  // namespace outrigger::upstream
