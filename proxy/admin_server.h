// Serves the admin port: looks who asks, finds what is asked for, reads the body and lets the
// handler answer. On the main thread's loop, apart from the traffic.
#pragma once

#include <string>
#include <vector>

#include "proxy/admin/gate.h"
#include "proxy/admin/router.h"
#include "proxy/base/log.h"
#include "proxy/http/server.h"
#include "proxy/net/listener.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger {

class AdminServer final : private http::ExchangeHandler {
 public:
  static constexpr std::size_t kMaxBody = std::size_t{1} << 20;

  // `log` outlives the server. `token` is what admin::check_token() has passed, or empty.
  AdminServer(EventLoop& loop, Fd socket, Secret token, Logger& log,
              std::vector<admin::Route> routes);
  ~AdminServer();

 private:
  static constexpr std::size_t kMaxConnections = 256;
  void accept(Fd fd, const SocketAddress& peer);
  Task<void> converse(Fd fd, SocketAddress peer);
  Task<void> serve(http::Request&& request, http::ResponseSink& sink,
                   const http::ClientInfo& client, CancelScope& scope) override;
  http::Response refuse(int status, std::string_view code, std::string_view detail,
                        const http::ClientInfo& client) override;
  Task<http::Response> answer(http::Request& request, const http::ClientInfo& client,
                              CancelScope& scope);
  http::Response handle(const admin::Route& route, const admin::Call& call);

  EventLoop& loop_;
  Logger& log_;
  admin::Gate gate_;
  admin::Router router_;
  http::ServerSettings settings_;
  CancelScope scope_;
  TaskGroup connections_;
  Listener listener_;
};

}  // namespace outrigger
