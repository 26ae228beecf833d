// Every circuit breaker of the process, found by the names of upstream and route: so their state
// outlives a reload, and all workers share it. Belongs to the process; any thread.
// (resilience 3 items 11 and 18)
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "filters/circuit_breaker/upstream_breakers.h"
#include "proxy/base/log.h"

namespace outrigger::filters {

// One breaker as the admin API shows it. No secret: a credential is a short hash of itself.
struct BreakerReport {
  std::string upstream;
  std::string route;  // empty: the upstream's own policy
  BreakerKind kind = BreakerKind::kHost;
  std::string model;
  std::string credential;  // 8 hex digits, or empty
  std::string endpoint;
  BreakerStatus status{};
};

class SharedBreakers {
 public:
  struct Setup {
    TransitionListener listener;           // called with no lock held, on the thread of the call
    std::uint64_t seed = 0;                // of the jitter of open times
    std::size_t keys_per_upstream = 4096;  // besides host and whole
  };
  explicit SharedBreakers(Setup setup) : setup_(std::move(setup)) {}

  // The breakers of an upstream, or of its route where that has a policy of its own (`route` is not
  // empty). The first call makes them; a later one with another policy gives it to them.
  std::shared_ptr<UpstreamBreakers> of(std::string_view upstream, std::string_view route,
                                       const config::CircuitBreaker& policy, TimePoint now);

  // The hooks of the admin API. False when no filter uses that upstream.
  bool force_open(std::string_view upstream, TimePoint now, std::optional<Duration> length);
  bool force_close(std::string_view upstream, TimePoint now);
  bool release(std::string_view upstream, TimePoint now);
  bool reset(std::string_view upstream, TimePoint now);
  [[nodiscard]] std::vector<BreakerReport> reports(TimePoint now) const;

  // Those that a filter uses; what a reload took away keeps its state unseen.
  [[nodiscard]] std::vector<std::shared_ptr<UpstreamBreakers>> all() const;

 private:
  static constexpr std::size_t kMostUpstreams = 1024;
  void forget_unused();
  bool each_of(std::string_view upstream, const std::function<void(UpstreamBreakers&)>& act) const;

  const Setup setup_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<UpstreamBreakers>> upstreams_;  // found at set-up, never by a call
};

// 8 hex digits of a credential's hash; empty for none.
[[nodiscard]] std::string short_hash(std::uint64_t credential);

// One line for a transition; a warning when it opens.
void log_transition(Logger& logger, const Transition& transition);

}  // namespace outrigger::filters
