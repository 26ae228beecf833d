#include "proxy/own_ports.h"

#include <string>
#include <utility>

#include "config/loader.h"
#include "proxy/admin/gate.h"
#include "proxy/admin/system_pages.h"
#include "proxy/net/listener.h"
#include "proxy/startup.h"

namespace outrigger {

Status OwnPorts::bind(const config::Server& server, std::vector<SocketAddress>& addresses) {
  if (Status bound = bind_one(server.health, health_socket_, addresses); !bound) return bound;
  if (Status bound = bind_one(server.admin, admin_socket_, addresses); !bound) return bound;
  const config::Environment environment = config::Environment::process();
  admin_token_ = Secret(environment.variable("OUTRIGGER_ADMIN_TOKEN").value_or(std::string()));
  return admin::check_token(addresses.back(), admin_token_);
}

Status OwnPorts::bind_one(const config::ListenAddress& listen, Fd& socket,
                          std::vector<SocketAddress>& addresses) {
  const Result<SocketAddress> address = to_address(listen);
  if (!address) return std::unexpected(address.error());
  Result<Fd> bound = bind_listener(*address, ReusePort::kNo);
  if (!bound) return std::unexpected(std::move(bound).error());
  socket = std::move(*bound);
  addresses.push_back(local_address(socket));
  return {};
}

void OwnPorts::serve(Serves serves, const config::CacheStore& cache) {
  cache_admin_.emplace(serves.answers, cache.memory, cache.disk.value_or(0));
  admin_ = std::make_unique<AdminServer>(serves.loop, std::move(admin_socket_),
                                         std::move(admin_token_), serves.log, routes(serves));
  health_ = std::make_unique<HealthServer>(serves.loop, std::move(health_socket_), serves.metrics,
                                           std::move(serves.state), std::move(serves.publish));
}

std::vector<admin::Route> OwnPorts::routes(const Serves& serves) {
  EventLoop& loop = serves.loop;
  std::vector<admin::Route> routes = admin::system_routes(
      {.state = serves.state,
       .uptime = [&loop, begun = loop.fresh_now()] { return loop.fresh_now() - begun; },
       .metrics =
           [&metrics = serves.metrics, publish = serves.publish](Exposition form) {
             publish();
             return metrics.expose(form);
           }});
  for (admin::Route& route : admin::cache_routes(*cache_admin_, serves.log)) {
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace outrigger
