#include "proxy/generation.h"

#include <algorithm>
#include <utility>

#include "proxy/base/pseudonym.h"

namespace outrigger {
namespace {

http::ServerSettings server_settings(const config::ServerLimits& limits) {
  http::ServerSettings settings;
  settings.head_bytes = limits.head_bytes;
  settings.field_bytes = limits.field_bytes;
  settings.fields = limits.fields;
  settings.streams_per_connection = limits.streams_per_connection;
  settings.head_time = limits.head_time;
  settings.tls_time = limits.tls_time;
  settings.first_request_idle = limits.first_request_idle;
  settings.keep_alive_idle = limits.keep_alive_idle;
  settings.body_rate_bytes = limits.body_rate_bytes;
  settings.body_rate_window = limits.body_rate_window;
  settings.write_stall = limits.write_stall;
  settings.via = std::string(pseudonym());
  return settings;
}

// Files may have changed under the same name, so whatever reads files is made anew.
bool keeps_connections(const config::Upstream& before, const config::Upstream& now) {
  return before.name == now.name && upstream::same_connections(before, now) &&
         now.tls.ca_file.empty() && now.tls.certificate_file.empty();
}

}  // namespace

Generation::Generation(const Worker& worker, std::shared_ptr<const Blueprint> blueprint,
                       Generation* before)
    : blueprint_(std::move(blueprint)),
      tls_(blueprint_->tls[worker.index]),
      server_(server_settings(config().server.limits)),
      router_(blueprint_->config),
      switchboard_(router_, chains_),
      unrouted_(worker.chain.observe, filters::kUnrouted, filters::kDefaultRoute) {
  for (std::size_t i = 0; i < config().upstreams.size(); ++i) {
    clusters_.push_back(cluster_for(worker, i, before));
  }
  forward_ = std::make_unique<upstream::ForwardProxy>(worker.loop, worker.resolver, worker.random,
                                                      blueprint_->destinations, tls_.forward);
  build_chains(worker);
  if (worker.index == 0) start_probers(worker);
}

Generation::~Generation() = default;

std::shared_ptr<upstream::Cluster> Generation::cluster_for(const Worker& worker, std::size_t index,
                                                           Generation* before) {
  const config::Upstream& wanted = config().upstreams[index];
  for (std::size_t i = 0; before != nullptr && i < before->clusters_.size(); ++i) {
    if (keeps_connections(before->config().upstreams[i], wanted)) return before->clusters_[i];
  }
  const upstream::Cluster::Setup setup{
      worker.loop,
      worker.resolver,
      worker.random,
      nullptr,
      tls_.upstreams[index],
      blueprint_->probes[index],
      [ejected = worker.ejected, name = wanted.name](auto endpoint) { ejected(name, endpoint); }};
  return std::make_shared<upstream::Cluster>(setup, wanted);
}

void Generation::build_chains(const Worker& worker) {
  filters::ChainBuilder builder(worker.chain, switchboard_, worker.loop.now());
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    const config::Upstream& upstream = config().upstreams[i];
    std::vector<filters::Chain> routes;
    routes.push_back(builder.route(upstream, nullptr, *clusters_[i]));
    for (const config::Route& route : upstream.routes) {
      routes.push_back(builder.route(upstream, &route, *clusters_[i]));
    }
    chains_.push_back(std::move(routes));
  }
  forward_chain_ = std::make_unique<filters::Chain>(builder.forward(forward_policies_, *forward_));
}

void Generation::start_probers(const Worker& worker) {
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    const config::Upstream& upstream = config().upstreams[i];
    if (!upstream.health.active) continue;
    probers_.push_back(std::make_unique<upstream::Prober>(
        worker.loop, worker.random, *clusters_[i], *upstream.health.active, blueprint_->probes[i],
        worker.probe_changed));
  }
}

const filters::Chain& Generation::chain(const upstream::Routed& routed) const noexcept {
  if (routed.upstream == nullptr) return *forward_chain_;
  return chains_[routed.upstream_index][routed.route_index];
}

void Generation::retire(const Generation& next) {
  probers_.clear();
  for (const auto& cluster : clusters_) {
    if (std::ranges::find(next.clusters_, cluster) == next.clusters_.end()) cluster->retire();
  }
}

}  // namespace outrigger
