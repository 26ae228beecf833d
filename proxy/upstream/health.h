// Which endpoints may be used. Passive: pure, one a worker, set aside after failures in a row.
// Active: one shared flag an endpoint, written by the worker that probes, read by all.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "config/config.h"
#include "proxy/base/duration.h"

namespace outrigger::upstream {

//                 failures in a row                 time over
//   in use ──────────────────────────▶ set aside ─────────────▶ in use, on trial
//      ▲                                                            │ one failure: set aside,
//      doubled └──────────────────────── one success ◀──────────────────────┘
class PassiveEjection {
 public:
  explicit PassiveEjection(const std::optional<config::PassiveHealth>& policy) noexcept
      : policy_(policy) {}
  // Only failures to reach the endpoint count (phases P0 and P1): what it answers is the breaker's
  // matter. True when this failure set the endpoint aside.
  bool on_failure(TimePoint now) noexcept;
  void on_success() noexcept { failures_ = ejections_ = 0; }
  [[nodiscard]] bool ejected(TimePoint now) const noexcept { return now < until_; }

 private:
  std::optional<config::PassiveHealth> policy_;
  std::uint32_t failures_ = 0;
  std::uint32_t ejections_ = 0;  // since the last success
  TimePoint until_{Duration::min()};
};

// Counts probe results; tells when the verdict changes. Pure.
class ProbeTally {
 public:
  explicit ProbeTally(const config::ActiveHealth& policy) noexcept
      : healthy_after_(policy.healthy_after), unhealthy_after_(policy.unhealthy_after) {}
  enum class Change { kNone, kUp, kDown };
  Change on_result(bool good) noexcept;
  [[nodiscard]] bool up() const noexcept { return up_; }

 private:
  std::uint32_t healthy_after_;
  std::uint32_t unhealthy_after_;
  std::uint32_t in_a_row_ = 0;
  bool last_ = true;
  bool up_ = true;
};

// What all workers know of an endpoint's probes. Endpoints start as up: no probe, no suspicion.
class SharedHealth {
 public:
  void set_up(bool up) noexcept { up_.store(up, std::memory_order_relaxed); }
  [[nodiscard]] bool up() const noexcept { return up_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> up_ = true;
};

}  // namespace outrigger::upstream
