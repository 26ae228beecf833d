// Everything that one worker makes of one configuration: router, clusters, chains. Exchanges keep
// the one they began with alive; clusters whose connections' settings did not change pass on to the
// next.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "filters/chain.h"
#include "filters/filter.h"
#include "filters/observe/observe.h"
#include "proxy/blueprint.h"
#include "proxy/http/server.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/forward.h"
#include "proxy/upstream/prober.h"
#include "proxy/upstream/router.h"

namespace outrigger {

class Generation {
 public:
  // What the worker lends; outlives the generation.
  struct Worker {
    unsigned index;
    EventLoop& loop;
    Resolver& resolver;
    Random& random;
    filters::ChainContext& chain;
    upstream::Prober::Changed probe_changed;
    std::function<void(std::string_view upstream, std::string_view endpoint)> ejected;
  };
  Generation(const Worker& worker, std::shared_ptr<const Blueprint> blueprint, Generation* before);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  [[nodiscard]] const config::Config& config() const noexcept { return *blueprint_->config; }
  [[nodiscard]] upstream::Router& router() noexcept { return router_; }
  [[nodiscard]] TlsServerContext* tls() const noexcept { return tls_.server.get(); }
  [[nodiscard]] const http::ServerSettings& server() const noexcept { return server_; }
  [[nodiscard]] const upstream::Cluster& cluster(std::size_t upstream) const noexcept {
    return *clusters_[upstream];
  }
  [[nodiscard]] const filters::Chain& chain(const upstream::Routed& routed) const noexcept;
  // Tells of answers to requests that have no route.
  [[nodiscard]] filters::Observe& unrouted() noexcept { return unrouted_; }
  // No new exchange will begin on it: idle connections that no later generation took over are
  // closed.
  void retire(const Generation& next);

 private:
  std::shared_ptr<upstream::Cluster> cluster_for(const Worker& worker, std::size_t index,
                                                 Generation* before);
  void build_chains(const Worker& worker);
  void start_probers(const Worker& worker);

  std::shared_ptr<const Blueprint> blueprint_;
  WorkerTls tls_;
  http::ServerSettings server_;
  upstream::Router router_;
  std::vector<std::shared_ptr<upstream::Cluster>> clusters_;  // one an upstream
  const config::Policies forward_policies_ = upstream::passthrough_policies();
  std::unique_ptr<upstream::ForwardProxy> forward_;
  std::vector<std::vector<filters::Chain>> chains_;  // [upstream][route], the default first
  filters::Switchboard switchboard_;
  std::unique_ptr<filters::Chain> forward_chain_;
  filters::Observe unrouted_;
  std::vector<std::unique_ptr<upstream::Prober>> probers_;  // last: they use the clusters
};

}  // namespace outrigger
