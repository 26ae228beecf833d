#include "proxy/worker.h"

#include <utility>

#include "proxy/worker_core.h"

namespace outrigger {

Worker::Worker(unsigned index, ProcessState& process, std::vector<Fd> listeners,
               std::shared_ptr<const Blueprint> blueprint)
    : index_(index),
      process_(process),
      listeners_(std::move(listeners)),
      blueprint_(std::move(blueprint)) {}

Worker::~Worker() {
  join();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::start(std::function<void()> serving) {
  thread_ =
      std::thread([this, serving = std::move(serving)]() mutable { main(std::move(serving)); });
}

// Whatever allocates from the thread's pools is made and destroyed here.
void Worker::main(std::function<void()> serving) {
  WorkerCore core(index_, process_, loop_, std::move(listeners_), std::move(blueprint_));
  core_ = &core;
  serving();
  loop_.run();
  core_ = nullptr;
}

// Posted work runs inside loop_.run(), so core_ is there.
void Worker::apply(std::shared_ptr<const Blueprint> blueprint) {
  loop_.post([this, blueprint = std::move(blueprint)] { core_->apply(blueprint); });
}

void Worker::drain(std::function<void()> drained) {
  loop_.post([this, drained = std::move(drained)] { core_->drain(drained); });
}

void Worker::stop() {
  loop_.stop();
}

}  // namespace outrigger
