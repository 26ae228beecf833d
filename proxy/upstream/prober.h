// Active health checks: asks every endpoint of one upstream in turn and tells all workers what it
// learned. Runs on one worker, in tasks of its own.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "config/config.h"
#include "proxy/runtime/task_group.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::upstream {

class Prober {
 public:
  using Changed = std::function<void(std::string_view endpoint, bool up, std::string_view why)>;
  // All outlive the prober. `changed` is called when an endpoint goes down or comes back.
  Prober(EventLoop& loop, Random& random, Cluster& cluster, const config::ActiveHealth& policy,
         std::shared_ptr<std::vector<SharedHealth>> verdicts, Changed changed);
  ~Prober();

 private:
  Task<void> watch(std::size_t endpoint);
  Task<Status> probe(Endpoint& endpoint);

  EventLoop& loop_;
  Random& random_;
  Cluster& cluster_;
  config::ActiveHealth policy_;
  std::shared_ptr<std::vector<SharedHealth>> verdicts_;
  Changed changed_;
  CancelScope scope_;
  TaskGroup tasks_;
};

}  // namespace outrigger::upstream
