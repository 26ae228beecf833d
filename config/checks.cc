#include "config/checks.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "config/address.h"
#include "config/checker.h"
#include "config/credential_checks.h"
#include "config/overload_checks.h"
#include "config/units.h"

namespace outrigger::config {
namespace {

struct Listener {
  const ListenAddress* address;
  std::string path;
};

bool wildcard(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

bool collide(const ListenAddress& a, const ListenAddress& b) {
  if (a.host.starts_with('/') || b.host.starts_with('/')) return a.host == b.host;
  const bool same_family = a.host.contains(':') == b.host.contains(':');
  const bool same_host =
      a.host == b.host || (same_family && (wildcard(a.host) || wildcard(b.host)));
  return a.port != 0 && a.port == b.port && same_host;
}

void check_listeners(const Server& server, Checker& checker) {
  std::vector<Listener> all;
  for (const ListenAddress& address : server.listen) all.push_back({&address, "server.listen"});
  constexpr std::size_t kMaxListeners = 64;
  if (all.size() > kMaxListeners) {
    checker.error(Code::kRange, "server.listen",
                  fmt::format("more than {} addresses", kMaxListeners));
    return;
  }
  all.push_back({&server.admin, "server.admin"});
  all.push_back({&server.health, "server.health"});
  for (std::size_t i = 1; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!collide(*all[i].address, *all[j].address)) continue;
      // At the one that was written; the other may be a default.
      const std::string& at = checker.has(all[i].path) ? all[i].path : all[j].path;
      checker.error(Code::kListenCollision, at,
                    fmt::format("{} ({}) and {} ({}) are the same address", all[j].path,
                                all[j].address->text, all[i].path, all[i].address->text),
                    "change one of the ports");
    }
  }
}

void check_forward(const Server& server, Checker& checker) {
  const Forward& forward = server.forward;
  const bool narrowed = !forward.allow_hosts.empty() || !forward.allow_cidrs.empty();
  if (!forward.enabled && narrowed) {
    checker.warning(Code::kSuspicious, "server.forward",
                    "forwarding is not enabled: the lists have no effect", "add enabled: true");
  }
  const bool open = std::ranges::any_of(server.listen, [](const ListenAddress& address) {
    return !address.host.starts_with('/') && !is_loopback_host(address.host);
  });
  if (forward.enabled && forward.allow_hosts.empty() && open) {
    checker.warning(Code::kSuspicious, "server.forward",
                    "an open forward proxy: every client that reaches the port may use it",
                    "name the hosts in allow_hosts, or listen on 127.0.0.1");
  }
}

void check_watermarks(const std::optional<Watermarks>& marks, std::string_view name,
                      Checker& checker) {
  if (!marks || marks->soft <= marks->hard) return;
  const std::string path = fmt::format("server.overload.{}", name);
  const bool at_soft = checker.has(path + ".soft");
  checker.error(Code::kInconsistent, path + (at_soft ? ".soft" : ".hard"),
                fmt::format("soft ({}) is above hard ({})", print_percent(marks->soft),
                            print_percent(marks->hard)),
                "make soft at most hard");
}

void check_pair(Checker& checker, const std::string& path, const std::string& certificate,
                const std::string& key) {
  if (certificate.empty() == key.empty()) return;
  checker.error(
      Code::kConflict, path,
      fmt::format("{} has a {} without a {}", path, certificate.empty() ? "key" : "certificate",
                  certificate.empty() ? "certificate" : "key"),
      fmt::format("add {}", certificate.empty() ? "certificate_file" : "key_file"));
}

// ---- upstreams ----

std::string path_of(const Upstream& upstream) {
  return "upstreams." + upstream.name;
}

void check_matches(const std::vector<Upstream>& upstreams, Checker& checker) {
  std::map<std::string, const Upstream*> prefixes, hosts;
  for (const Upstream& upstream : upstreams) {
    const auto [first, added] = prefixes.emplace(upstream.path_prefix, &upstream);
    if (!added) {
      checker.error(
          Code::kSameMatch, path_of(upstream) + ".match.path",
          fmt::format("{} and {} have the same path prefix {}", path_of(*first->second),
                      path_of(upstream), upstream.path_prefix.empty() ? "/" : upstream.path_prefix),
          "give one another match.path");
    }
    for (const std::string& host : upstream.hosts) {
      const auto [other, fresh] = hosts.emplace(host, &upstream);
      if (fresh) continue;
      checker.error(Code::kSameMatch, path_of(upstream) + ".match.host",
                    fmt::format("{} and {} have the same host {}", path_of(*other->second),
                                path_of(upstream), host),
                    "name each host once");
    }
  }
}

bool covers(const RouteMatch& wide, const RouteMatch& narrow) {
  const bool methods =
      wide.methods.empty() ||
      (!narrow.methods.empty() && std::ranges::all_of(narrow.methods, [&](const auto& method) {
        return std::ranges::find(wide.methods, method) != wide.methods.end();
      }));
  const bool path = narrow.path.starts_with(wide.path) &&
                    (narrow.path.size() == wide.path.size() || wide.path.empty() ||
                     narrow.path[wide.path.size()] == '/');
  return methods && path;
}

void check_routes(const Upstream& upstream, Decoded decoded, Checker& checker) {
  constexpr std::size_t kCompared =
      1000;  // beyond it pairs are not compared: the time stays bounded
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < upstream.routes.size(); ++i) {
    const Route& route = upstream.routes[i];
    const std::string path = fmt::format("{}.routes[{}]", path_of(upstream), i);
    if (route.match.methods.empty() && route.match.path.empty()) {
      if (decoded == Decoded::kWhole) {
        checker.error(Code::kMissingKey, path, fmt::format("{} matches everything", path),
                      "add match: {method: ..., path: ...}, or move its policies to the upstream");
      }
      continue;
    }
    const auto [named, fresh] = names.emplace(route.name, i);
    std::size_t wider = 0;
    while (wider < std::min(i, kCompared) && !covers(upstream.routes[wider].match, route.match))
      ++wider;
    if (wider < std::min(i, kCompared)) {
      checker.error(
          Code::kUnreachableRoute, path,
          fmt::format("{} can never be chosen: routes[{}] matches all that it does", path, wider),
          fmt::format("move it before line {}",
                      checker.line(fmt::format("{}.routes[{}]", path_of(upstream), wider))));
    } else if (!fresh) {
      checker.error(Code::kSameMatch, path + ".name",
                    fmt::format("routes[{}] has the same name \"{}\"", named->second, route.name),
                    "give each route its own");
    }
  }
}

void check_endpoints(const Upstream& upstream, Checker& checker) {
  const std::string path =
      path_of(upstream) + (upstream.endpoints.size() > 1 ? ".endpoints" : ".url");
  for (const Endpoint& endpoint : upstream.endpoints) {
    if (endpoint.base_path != upstream.endpoints.front().base_path) {
      checker.error(Code::kInconsistent, path,
                    fmt::format("the endpoints of {} have different base paths", path_of(upstream)),
                    "all endpoints of an upstream share one path");
      break;
    }
  }
  const auto exposed = std::ranges::find_if(upstream.endpoints, [](const Endpoint& endpoint) {
    return !endpoint.tls && !is_private_host(endpoint.host);
  });
  // Of keys of the proxy's own credential_checks tells.
  const auto& keys = upstream.policies.credentials;
  const bool told = keys && (!keys->keys.empty() || keys->aws);
  if (exposed != upstream.endpoints.end() && !told) {
    checker.warning(Code::kPlainText, path,
                    fmt::format("credentials to {} travel unencrypted", exposed->host),
                    "write https://");
  }
}

void check_tls(const Upstream& upstream, Checker& checker) {
  const std::string path = path_of(upstream) + ".tls";
  check_pair(checker, path, upstream.tls.certificate_file, upstream.tls.key_file);
  if (upstream.tls.unsafe_skip_verification) {
    checker.warning(Code::kUnsafe, path + ".unsafe_skip_verification",
                    fmt::format("the certificate of {} is not verified", path_of(upstream)),
                    "name the authority in ca_file instead");
  }
}

void check_health(const Upstream& upstream, Checker& checker) {
  const std::string path = path_of(upstream) + ".health";
  if (upstream.health.active &&
      upstream.health.active->timeout > upstream.health.active->interval) {
    checker.error(Code::kInconsistent, path + ".active.timeout",
                  "a probe may take longer than the time between two",
                  "make timeout at most interval");
  }
  if (upstream.health.passive &&
      upstream.health.passive->max_eject < upstream.health.passive->eject) {
    checker.error(Code::kInconsistent, path + ".passive.max_eject",
                  "max_eject is shorter than eject", "make it at least as long");
  }
}

}  // namespace

void check_server(const Config& config, Decoded decoded, const Places& places, Reporter& reporter) {
  Checker checker(places, reporter);
  const Server& server = config.server;
  const bool whole = decoded == Decoded::kWhole;
  if (server.listen.empty() && whole)
    checker.error(Code::kMissingKey, "server.listen", "server.listen is empty", "name an address");
  check_listeners(server, checker);
  check_forward(server, checker);
  check_watermarks(server.overload.memory, "memory", checker);
  check_watermarks(server.overload.descriptors, "descriptors", checker);
  if (server.tls) {
    check_pair(checker, "server.tls", server.tls->certificate_file, server.tls->key_file);
    if (server.tls->certificate_file.empty() && server.tls->key_file.empty() && whole) {
      checker.error(Code::kMissingKey, "server.tls", "server.tls has no certificate",
                    "add certificate_file and key_file");
    }
  }
  check_overload(server.overload, checker);
  if (server.limits.field_bytes > server.limits.head_bytes) {
    checker.error(Code::kInconsistent, "server.limits.field_bytes",
                  "field_bytes is larger than head_bytes", "a field is part of the head");
  }
  if (whole && config.upstreams.empty() && !server.forward.enabled) {
    checker.error(
        Code::kNothingServed, "upstreams", "there is no upstream, and forwarding is not enabled",
        "add an upstream, or remove the empty `upstreams` to serve the built-in providers");
  }
}

void check_upstreams(const Config& config, Decoded decoded, const Places& places,
                     Reporter& reporter) {
  Checker checker(places, reporter);
  check_matches(config.upstreams, checker);
  for (const Upstream& upstream : config.upstreams) {
    check_endpoints(upstream, checker);
    check_tls(upstream, checker);
    check_health(upstream, checker);
    check_routes(upstream, decoded, checker);
    check_policies(upstream, config, decoded, checker);
    check_spenders(config.server, upstream, path_of(upstream), checker);
  }
}

}  // namespace outrigger::config
