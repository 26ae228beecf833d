#include "proxy/startup.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace outrigger {

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void guard_memory() {
#ifdef NDEBUG
  prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
#endif
}

Status override_address(config::ListenAddress& address, const std::optional<std::string>& text) {
  if (!text) return {};
  const std::optional<Authority> parsed = parse_authority(*text);
  if (!parsed || !parsed->port) {
    return fail(Errc::kConfig, Origin::kProxy, "bad_address",
                "\"" + *text + "\" is not HOST:PORT, for example 127.0.0.1:4170");
  }
  address = {*text, parsed->host, *parsed->port};
  return {};
}

Result<SocketAddress> to_address(const config::ListenAddress& address) {
  if (address.text.starts_with("unix:")) {
    if (auto path = SocketAddress::unix_path(std::string_view(address.text).substr(5)))
      return *path;
  }
  const std::string& host = address.host == "localhost" ? "127.0.0.1" : address.host;
  if (auto parsed = SocketAddress::parse(host, address.port)) return *parsed;
  return fail(
      Errc::kConfig, Origin::kProxy, "bad_address",
      "cannot listen on " + address.text + ": name an IP address, for example 127.0.0.1 or ::");
}

std::vector<Secret> secrets_of(const config::Config& config) {
  std::vector<Secret> secrets;
  const auto add = [&](const Secret& secret) {
    const bool known = std::ranges::find(secrets, secret) != secrets.end();
    if (!secret.empty() && !known) secrets.push_back(secret);
  };
  const auto add_all = [&](const config::Policies& policies) {
    if (!policies.credentials) return;
    for (const Secret& key : policies.credentials->keys) add(key);
    if (!policies.credentials->aws) return;
    add(policies.credentials->aws->secret_key);
    add(policies.credentials->aws->session_token);
  };
  add(config.store.encryption_key);
  add(config.store.previous_encryption_key);
  for (const config::Upstream& upstream : config.upstreams) {
    add_all(upstream.policies);
    for (const config::Route& route : upstream.routes) add_all(route.policies);
  }
  return secrets;
}

namespace {

template <class Policy>
bool any_level_has(const config::Config& config, std::optional<Policy> config::Policies::* policy) {
  return std::ranges::any_of(config.upstreams, [&](const config::Upstream& upstream) {
    return (upstream.policies.*policy).has_value() ||
           std::ranges::any_of(upstream.routes, [&](const config::Route& route) {
             return (route.policies.*policy).has_value();
           });
  });
}

}  // namespace

bool uses_keys(const config::Config& config) {
  return any_level_has(config, &config::Policies::idempotency);
}

bool uses_cache(const config::Config& config) {
  return any_level_has(config, &config::Policies::cache);
}

bool needs_restart(const config::Config& running_config, const config::Config& wanted_config) {
  const config::Server& running = running_config.server;
  const config::Server& wanted = wanted_config.server;
  const auto texts = [](const config::Server& server) {
    std::vector<std::string> all{server.admin.text, server.health.text, server.access_log.path};
    for (const config::ListenAddress& listen : server.listen) all.push_back(listen.text);
    return all;
  };
  return running_config.store != wanted_config.store || texts(running) != texts(wanted) ||
         running.workers != wanted.workers || running.log_format != wanted.log_format ||
         running.max_series != wanted.max_series ||
         running.access_log.enabled != wanted.access_log.enabled ||
         running.tls.has_value() != wanted.tls.has_value();
}

Status check_store(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path folder = fs::absolute(path, error);
  const auto bad = [&](std::string_view why) {
    return fail(
        Errc::kSystem, Origin::kProxy, "store",
        fmt::format("store.path {} {}; name a folder that user {} may write", path, why, getuid()));
  };
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) return bad("is not a folder");
  while (!fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  if (!fs::is_directory(folder, error)) return bad("lies below something that is not a folder");
  if (access(folder.c_str(), W_OK | X_OK) != 0) return bad("cannot be written");
  return {};
}

}  // namespace outrigger
