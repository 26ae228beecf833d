#include "filters/limits/line.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

// What a client is told to wait: less would be a storm, and nobody knows what will be after an
// hour.
constexpr Duration kShortestWait = 1s;
constexpr Duration kLongestWait = 1h;

// Calls a turn's waiter at a time.
class Alarm final : private Timer {
 public:
  Alarm(Dispatcher& loop, Signal& signal) noexcept : loop_(loop), signal_(signal) {}
  void set(Duration after) { loop_.arm(*this, after); }
  void stop() noexcept { disarm(); }

 private:
  void on_fire() override { signal_.notify(); }
  Dispatcher& loop_;
  Signal& signal_;
};

// A place in line: left when the frame that waits goes, however it goes.
class Stand {
 public:
  Stand(Exchange& exchange, SharedLimit& limit, const Load& load, const Histogram& waited)
      : exchange_(exchange),
        limit_(limit),
        waited_(waited),
        turn_(std::make_shared<Turn>(exchange.loop)),
        since_(exchange.loop.now()) {
    turn_->caller = caller_of(exchange);
    turn_->deadline = exchange.deadline.value_or(kNoDeadline);
    turn_->load = load;
  }
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;
  ~Stand() {
    if (!in_line_) return;
    const TimePoint now = exchange_.loop.now();
    limit_.leave(*turn_, now);
    const Duration waited = std::max(now - since_, Duration{0});
    exchange_.queued += waited;
    waited_.observe(waited);
  }
  void begin() noexcept { in_line_ = true; }
  [[nodiscard]] const std::shared_ptr<Turn>& turn() const noexcept { return turn_; }

 private:
  Exchange& exchange_;
  SharedLimit& limit_;
  const Histogram& waited_;
  std::shared_ptr<Turn> turn_;
  TimePoint since_;
  bool in_line_ = false;
};

std::string in_seconds(Duration duration) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(duration).count());
}

}  // namespace

std::uint64_t caller_of(const Exchange& exchange) {
  const std::hash<std::string_view> hash;
  if (!exchange.execution.empty()) return hash(exchange.execution);
  if (exchange.sent_credential != 0) return exchange.sent_credential;
  const std::string address = exchange.client.address.to_string();
  return hash(std::string_view(address).substr(0, address.rfind(':')));  // whatever the port
}

Line::Line(const config::LimitQueue& queue, std::string_view upstream, const Words& words,
           MetricShard& metrics)
    : queue_(queue),
      upstream_(upstream),
      words_(words),
      waited_(metrics.histogram(Metric::kQueueWait, {upstream})) {}

Task<Status> Line::wait(Exchange& exchange, SharedLimit& limit, Load load) const {
  Duration most = queue_.wait;
  if (exchange.deadline) most = std::min(most, *exchange.deadline - exchange.loop.now());
  Stand stand(exchange, limit, load, waited_);
  Turn& turn = *stand.turn();
  const SharedLimit::Entry entry = limit.enter(stand.turn(), most, exchange.loop.now());
  if (entry.granted) co_return Status{};
  if (entry.refused == NoPlace::kQueueFull) {
    co_return refuse(exchange, "as many requests wait as may", entry.wait);
  }
  if (entry.refused) {
    co_return refuse(exchange, fmt::format("its turn would come in {}", in_seconds(*entry.wait)),
                     entry.wait);
  }
  stand.begin();
  const TimePoint end = exchange.loop.now() + most;
  Alarm alarm(exchange.loop, turn.called);
  for (;;) {
    const TimePoint now = exchange.loop.now();
    const SharedLimit::Look look = limit.look(turn, now);
    if (look.granted) co_return Status{};
    if (now >= end) {
      co_return refuse(exchange, "its turn did not come in time", limit.expected_wait(load, now));
    }
    alarm.set(std::min(look.again.value_or(end - now), end - now));
    CO_TRY(co_await turn.called.wait(*exchange.scope));
    alarm.stop();
  }
}

std::unexpected<Error> Line::refuse(Exchange& exchange, std::string_view why,
                                    std::optional<Duration> come_back) const {
  exchange.retry_after = std::clamp(come_back.value_or(kShortestWait), kShortestWait, kLongestWait);
  return fail(Errc::kOverload, Origin::kProxy, words_.refusal,
              fmt::format("{} of {} is reached, and {}", words_.limit, upstream_, why));
}

}  // namespace outrigger::filters
