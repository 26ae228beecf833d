// The inside of a worker: made, used and destroyed on the worker's thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "filters/chain.h"
#include "filters/observe/observe.h"
#include "proxy/base/random.h"
#include "proxy/exchange_server.h"
#include "proxy/generation.h"
#include "proxy/http/client_connection.h"
#include "proxy/net/listener.h"
#include "proxy/net/resolver.h"
#include "proxy/runtime/task_group.h"
#include "proxy/worker.h"

namespace outrigger {

class WorkerCore final : private Timer {
 public:
  WorkerCore(unsigned index, ProcessState& process, EventLoop& loop, std::vector<Fd> listeners,
             std::shared_ptr<const Blueprint> blueprint);
  ~WorkerCore();

  void apply(std::shared_ptr<const Blueprint> blueprint);
  void drain(std::function<void()> drained);

 private:
  class Admission;
  void accept(Fd fd, const SocketAddress& peer);
  void refuse(const Fd& fd) const;
  Task<void> converse(Fd fd, SocketAddress peer);
  void probe_changed(std::string_view endpoint, bool up, std::string_view why);
  void ejected(std::string_view upstream, std::string_view endpoint);
  void on_fire() override;
  void measure_pools();
  void when_all_ended(const std::function<void()>& drained);

  const unsigned index_;
  ProcessState& process_;
  EventLoop& loop_;
  MetricShard& metrics_;
  Random random_;
  Resolver resolver_;
  filters::ObserveContext observe_;
  filters::ChainContext chain_;
  ExchangeServer exchanges_;
  CancelScope scope_;
  std::list<http::ClientConnection*> open_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Counter accepted_;
  Gauge active_;
  bool drained_ = false;
  filters::Executions executions_;
  TaskGroup connections_;  // last: its frames use the members above
};

}  // namespace outrigger
