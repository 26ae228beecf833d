#include "proxy/runtime/dispatcher.h"

#include <algorithm>
#include <utility>

namespace outrigger {
namespace {

constexpr std::int64_t kTick = 1'000'000;  // ns

}  // namespace

void Dispatcher::arm(Timer& timer, Duration after) {
  // Duration::max() means never; adding it to now must not overflow.
  const Duration furthest = Duration::max() - Duration{kTick} - now_.since_start;
  const std::int64_t due = (now_ + std::clamp(after, Duration{0}, furthest)).since_start.count();
  const auto tick = static_cast<std::uint64_t>((due + kTick - 1) / kTick);
  wheel_.arm(timer, tick);
  wake_at(TimePoint{Duration{static_cast<std::int64_t>(tick) * kTick}});
}

void Dispatcher::defer(std::function<void()> work) {
  deferred_.push_back(std::move(work));
}

void Dispatcher::turn() {
  wheel_.advance(static_cast<std::uint64_t>(now_.since_start.count() / kTick));
  run_deferred();
}

void Dispatcher::run_deferred() {
  while (!deferred_.empty()) {
    running_.swap(deferred_);
    for (auto& item : running_) item();
    running_.clear();
  }
}

void Dispatcher::at_batch_end(std::function<void()> work) {
  batch_end_.push_back(std::move(work));
}

void Dispatcher::end_batch() {
  run_deferred();
  while (!batch_end_.empty()) {
    running_.swap(batch_end_);
    for (auto& item : running_) item();
    running_.clear();
    run_deferred();
  }
}

}  // namespace outrigger
