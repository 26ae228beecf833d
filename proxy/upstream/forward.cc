#include "proxy/upstream/forward.h"

#include <algorithm>
#include <utility>

#include "proxy/http/tunnel.h"
#include "proxy/net/connect.h"

namespace outrigger::upstream {
namespace {

std::string name_of(std::string_view host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return (v6 ? "[" + std::string(host) + "]:" : std::string(host) + ":") + std::to_string(port);
}

// The far side of a CONNECT: a connection of its own, closed with the tunnel.
class ConnectTunnel final : public http::Tunnel {
 public:
  explicit ConnectTunnel(std::unique_ptr<Stream> stream)
      : stream_(std::move(stream)), end_(*stream_, Slice{}) {}
  Task<Result<Slice>> read(CancelScope& scope) override { return end_.read(scope); }
  Task<Status> write(Slice bytes, CancelScope& scope) override {
    return end_.write(std::move(bytes), scope);
  }
  Task<Status> finish(CancelScope& scope) override { return end_.finish(scope); }

 private:
  std::unique_ptr<Stream> stream_;
  http::StreamTunnel end_;
};

Task<Result<std::unique_ptr<Stream>>> dial(EventLoop& loop, Resolver& resolver,
                                           const DestinationPolicy& policy, std::string_view host,
                                           std::uint16_t port, CancelScope& scope,
                                           AttemptListener& listener) {
  listener.on_resolving();
  CO_TRY(const std::vector<SocketAddress> addresses, co_await resolver.resolve(host, port, scope));
  CO_TRY(policy.check_addresses(addresses));
  listener.on_connecting();
  CO_TRY(Fd fd, co_await connect_any(loop, addresses, scope));
  co_return std::make_unique<Stream>(loop, std::move(fd), Origin::kUpstream);
}

}  // namespace

ForwardProxy::ForwardProxy(EventLoop& loop, Resolver& resolver, Random& random,
                           DestinationPolicy policy, std::shared_ptr<TlsClientContext> tls)
    : loop_(loop),
      resolver_(resolver),
      random_(random),
      policy_(std::move(policy)),
      tls_(std::move(tls)) {}

Task<Result<http::Response>> ForwardProxy::send(std::string_view host, std::uint16_t port, bool tls,
                                                http::Request& request, CancelScope& scope,
                                                AttemptListener& listener) {
  if (Status allowed = policy_.check_name(host, port); !allowed) {
    listener.on_endpoint(0, {});
    listener.on_failed(allowed.error());
    co_return std::unexpected(std::move(allowed).error());
  }
  co_return co_await cluster_for(host, port, tls).send(request, scope, listener);
}

Task<Result<http::Response>> ForwardProxy::open_tunnel(std::string_view host, std::uint16_t port,
                                                       CancelScope& scope,
                                                       AttemptListener& listener) {
  listener.on_endpoint(0, {});
  Result<std::unique_ptr<Stream>> stream = std::unexpected(Error{});
  if (Status allowed = policy_.check_name(host, port); !allowed) {
    stream = std::unexpected(std::move(allowed).error());
  } else {
    stream = co_await dial(loop_, resolver_, policy_, host, port, scope, listener);
  }
  if (!stream) {
    listener.on_failed(stream.error());
    co_return std::unexpected(std::move(stream).error());
  }
  listener.on_connection(false);
  http::Response response;
  response.head.status = 200;
  response.head.reason = "Connection established";
  response.tunnel = std::make_unique<ConnectTunnel>(std::move(*stream));
  listener.on_response(response);
  co_return response;
}

Cluster& ForwardProxy::cluster_for(std::string_view host, std::uint16_t port, bool tls) {
  const std::string name = name_of(host, port);
  const auto at = std::ranges::find_if(
      hosts_, [&](const Host& known) { return known.tls == tls && known.name == name; });
  if (at != hosts_.end()) {
    hosts_.splice(hosts_.begin(), hosts_, at);
    return *hosts_.front().cluster;
  }
  evict();
  config::Upstream upstream;
  upstream.name = name;
  upstream.health.passive.reset();
  config::Endpoint endpoint;
  endpoint.tls = tls;
  endpoint.host = std::string(host);
  endpoint.port = port;
  upstream.endpoints.push_back(std::move(endpoint));
  const Cluster::Setup setup{loop_, resolver_, random_, &policy_, tls_, nullptr, {}};
  hosts_.push_front({name, tls, std::make_unique<Cluster>(setup, upstream)});
  return *hosts_.front().cluster;
}

void ForwardProxy::evict() {
  if (hosts_.size() < kMaxHosts) return;
  const auto unused = std::ranges::find_if(
      hosts_.rbegin(), hosts_.rend(), [](const Host& host) { return host.cluster->load() == 0; });
  if (unused != hosts_.rend()) hosts_.erase(std::next(unused).base());
}

}  // namespace outrigger::upstream
