#include "proxy/blueprint.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proxy/upstream/cluster.h"

namespace outrigger {
namespace {

// One context serves all upstreams with the same settings: most have none of their own.
class ClientContexts {
 public:
  Result<std::shared_ptr<TlsClientContext>> get(const config::UpstreamTls& tls) {
    const Key key{tls.ca_file, tls.certificate_file, tls.key_file, tls.server_name,
                  tls.unsafe_skip_verification};
    if (const auto known = contexts_.find(key); known != contexts_.end()) return known->second;
    TlsClientSettings settings;
    settings.ca_file = tls.ca_file;
    settings.certificate_file = tls.certificate_file;
    settings.key_file = tls.key_file;
    settings.server_name = tls.server_name;
    settings.unsafe_skip_verification = tls.unsafe_skip_verification;
    auto context = TlsClientContext::load(settings);
    if (context) contexts_.emplace(key, *context);
    return context;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string, std::string, bool>;
  std::map<Key, std::shared_ptr<TlsClientContext>> contexts_;
};

bool speaks_tls(const config::Upstream& upstream) {
  return std::ranges::any_of(upstream.endpoints, &config::Endpoint::tls);
}

Result<WorkerTls> load_tls(const config::Config& config,
                           const std::shared_ptr<TlsTicketKeys>& ticket_keys) {
  WorkerTls tls;
  if (const auto& server = config.server.tls) {
    TlsServerSettings settings;
    settings.certificate_file = server->certificate_file;
    settings.key_file = server->key_file;
    settings.client_ca_file = server->client_ca_file;
    settings.ticket_keys = ticket_keys;
    auto context = TlsServerContext::load(settings);
    if (!context) return std::unexpected(std::move(context).error());
    tls.server = std::move(*context);
  }
  ClientContexts contexts;
  for (const config::Upstream& upstream : config.upstreams) {
    std::shared_ptr<TlsClientContext> context;
    if (speaks_tls(upstream)) {
      auto loaded = contexts.get(upstream.tls);
      if (!loaded) return std::unexpected(std::move(loaded).error());
      context = std::move(*loaded);
    }
    tls.upstreams.push_back(std::move(context));
  }
  if (config.server.forward.enabled) {
    auto loaded = contexts.get({});
    if (!loaded) return std::unexpected(std::move(loaded).error());
    tls.forward = std::move(*loaded);
  }
  return tls;
}

ProbeVerdicts verdicts_for(const config::Upstream& upstream, const Blueprint* before) {
  if (!upstream.health.active) return nullptr;
  if (before != nullptr) {
    const auto& old = before->config->upstreams;
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (old[i].name == upstream.name && upstream::same_connections(old[i], upstream))
        return before->probes[i];
    }
  }
  return std::make_shared<std::vector<upstream::SharedHealth>>(upstream.endpoints.size());
}

}  // namespace

Result<std::shared_ptr<const Blueprint>> draw_blueprint(config::Snapshot config, unsigned workers,
                                                        std::shared_ptr<TlsTicketKeys> ticket_keys,
                                                        std::span<const SocketAddress> listeners,
                                                        const Blueprint* before) {
  const config::Forward& forward = config->server.forward;
  auto blueprint = std::make_shared<Blueprint>(Blueprint{
      config, {}, {}, DestinationPolicy(forward.allow_hosts, forward.allow_cidrs, forward.ports)});
  blueprint->destinations.refuse_listeners(listeners);
  for (unsigned i = 0; i < workers; ++i) {
    Result<WorkerTls> tls = load_tls(*config, ticket_keys);
    if (!tls) return std::unexpected(std::move(tls).error());
    blueprint->tls.push_back(std::move(*tls));
  }
  for (const config::Upstream& upstream : config->upstreams) {
    blueprint->probes.push_back(verdicts_for(upstream, before));
  }
  return blueprint;
}

}  // namespace outrigger
