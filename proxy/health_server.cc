#include "proxy/health_server.h"

#include <utility>

#include "proxy/http/client_connection.h"

namespace outrigger {

HealthServer::HealthServer(EventLoop& loop, Fd socket, MetricRegistry& metrics,
                           std::function<admin::HealthState()> state, std::function<void()> publish)
    : loop_(loop),
      metrics_(metrics),
      state_(std::move(state)),
      publish_(std::move(publish)),
      connections_(loop),
      listener_(loop, std::move(socket),
                [this](Fd fd, const SocketAddress& peer) { accept(std::move(fd), peer); }) {}

HealthServer::~HealthServer() {
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "stopping"});
}

void HealthServer::accept(Fd fd, const SocketAddress& peer) {
  if (connections_.size() < kMaxConnections) connections_.spawn(converse(std::move(fd), peer));
}

Task<void> HealthServer::converse(Fd fd, SocketAddress peer) {
  http::ClientConnection connection(loop_, std::move(fd), peer, settings_, nullptr, *this);
  (void)co_await connection.run(scope_);
}

Task<void> HealthServer::serve(http::Request&& request, http::ResponseSink& sink,
                               const http::ClientInfo&, CancelScope& scope) {
  const auto metrics = [this](Exposition exposition) {
    publish_();
    return metrics_.expose(exposition);
  };
  const http::RequestHead& head = request.head;
  admin::HealthPage page = admin::health_page(state_(), head.method, head.target,
                                              head.headers.get(http::HeaderId::kAccept), metrics);
  (void)co_await sink.send(admin::to_response(std::move(page)), scope);
}

}  // namespace outrigger
