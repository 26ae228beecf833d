// The forward proxy's way out: hosts that no upstream names, reached as far as the destination
// policy lets (architecture 13). One a worker.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/random.h"
#include "proxy/net/destination_policy.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::upstream {

class ForwardProxy {
 public:
  // `loop`, `resolver` and `random` outlive it.
  ForwardProxy(EventLoop& loop, Resolver& resolver, Random& random, DestinationPolicy policy,
               std::shared_ptr<TlsClientContext> tls);

  // An absolute-form request to host:port; `tls` for https.
  Task<Result<http::Response>> send(std::string_view host, std::uint16_t port, bool tls,
                                    http::Request& request, CancelScope& scope,
                                    AttemptListener& listener);
  // CONNECT: a 200 response with the tunnel.
  Task<Result<http::Response>> open_tunnel(std::string_view host, std::uint16_t port,
                                           CancelScope& scope, AttemptListener& listener);
  [[nodiscard]] std::size_t hosts() const noexcept { return hosts_.size(); }

 private:
  // Hosts that keep connections; beyond it the longest unused one without exchanges goes.
  static constexpr std::size_t kMaxHosts = 256;
  struct Host {
    std::string name;  // host:port
    bool tls;
    std::unique_ptr<Cluster> cluster;
  };
  Cluster& cluster_for(std::string_view host, std::uint16_t port, bool tls);
  void evict();

  EventLoop& loop_;
  Resolver& resolver_;
  Random& random_;
  DestinationPolicy policy_;
  std::shared_ptr<TlsClientContext> tls_;
  std::list<Host> hosts_;  // latest used first
};

}  // namespace outrigger::upstream
