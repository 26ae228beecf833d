// One thread, one loop, and everything that serves clients on it: listeners, connections, chains,
// pools. Workers share nothing but what ProcessState names. The public methods are for the
// supervisor's thread.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "filters/shared.h"
#include "proxy/base/log.h"
#include "proxy/base/metrics.h"
#include "proxy/blueprint.h"
#include "proxy/connection_limits.h"
#include "proxy/net/fd.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger {

// What all workers share; each part is safe to use from any thread. Outlives the workers.
struct ProcessState {
  Logger& log;
  LogSink* access_log;  // nullptr: none
  LogStyle access_style;
  MetricRegistry& metrics;
  filters::Shared& filters;
  ConnectionLimits connections;
};

class WorkerCore;

class Worker {
 public:
  Worker(unsigned index, ProcessState& process, std::vector<Fd> listeners,
         std::shared_ptr<const Blueprint> blueprint);
  // Joins the thread; stop() it first.
  ~Worker();

  // Starts the thread. `serving` is called on it once connections are accepted.
  void start(std::function<void()> serving);
  // Exchanges that begin from now on follow the new blueprint.
  void apply(std::shared_ptr<const Blueprint> blueprint);
  // Accepts no more, finishes what runs; `drained` is called on the worker's thread when nothing is
  // left.
  void drain(std::function<void()> drained);
  // Ends everything at once.
  void stop();
  // Waits for that.
  void join();

 private:
  void main(std::function<void()> serving);

  const unsigned index_;
  ProcessState& process_;
  EventLoop loop_;
  std::vector<Fd> listeners_;
  std::shared_ptr<const Blueprint> blueprint_;  // to begin with
  WorkerCore* core_ = nullptr;                  // lives on the thread, within main()
  std::thread thread_;
};

}  // namespace outrigger
