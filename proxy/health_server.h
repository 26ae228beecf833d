// Serves the health port: probes and metrics, on the main thread's loop, apart from the traffic, so
// that a worker under load does not fail its probes.
#pragma once

#include <functional>

#include "proxy/admin/health_page.h"
#include "proxy/base/metrics.h"
#include "proxy/http/server.h"
#include "proxy/net/listener.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger {

class HealthServer final : private http::ExchangeHandler {
 public:
  // `state` is asked for each request, `publish` before each exposition of metrics.
  HealthServer(EventLoop& loop, Fd socket, MetricRegistry& metrics,
               std::function<admin::HealthState()> state, std::function<void()> publish);
  ~HealthServer();

 private:
  static constexpr std::size_t kMaxConnections = 256;
  void accept(Fd fd, const SocketAddress& peer);
  Task<void> converse(Fd fd, SocketAddress peer);
  Task<void> serve(http::Request&& request, http::ResponseSink& sink,
                   const http::ClientInfo& client, CancelScope& scope) override;

  EventLoop& loop_;
  MetricRegistry& metrics_;
  std::function<admin::HealthState()> state_;
  std::function<void()> publish_;
  http::ServerSettings settings_;
  CancelScope scope_;
  TaskGroup connections_;
  Listener listener_;
};

}  // namespace outrigger
