// loop_guard: an agent that sends the same request again although it fails with the same 4xx each
// time is answered from memory for a while, which saves spend that no retry policy can (resilience
// 3, item 20). Never after throttling, a quota or a timeout, which time alone may mend. Stands
// outside all that repeats: it sees what comes of a request in the end. One a route and worker.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/intake/intake.h"
#include "filters/loop_guard/failure_memory.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

class Rewinder;

class LoopGuard final : public Filter {
 public:
  // For a level that has a loop_guard. All outlive the filter; `upstream` is a label.
  LoopGuard(FailureMemory& memory, const IntakeContext& intake, const config::Policies& policies,
            std::string_view upstream, MetricShard& metrics);
  [[nodiscard]] std::string_view name() const noexcept override { return "loop_guard"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

  // Longer answers are not remembered, and so not guarded.
  static constexpr std::size_t kMostBody = 64 * 1024;

 private:
  using Guarded = FailureMemory::Guarded;
  // What names a request but for its body, as the client sent it; others change it later.
  struct Outline {
    std::string_view method, target, route;
    std::uint64_t credential = 0;
    std::string_view length;  // as the client gives it; empty: it does not
  };
  [[nodiscard]] static Outline outline_of(const Exchange& exchange);
  [[nodiscard]] std::uint64_t hash(const Outline& outline) const;
  // Nothing where the body is not whole in memory.
  [[nodiscard]] std::optional<FailurePrint> fingerprint(std::uint64_t outline,
                                                        const Rewinder& body) const;
  [[nodiscard]] Task<Result<std::optional<Guarded>>> look(Exchange& exchange,
                                                          const Outline& outline,
                                                          const Rewinder& body) const;
  void learn(const Exchange& exchange, const Outline& outline, const Rewinder& body,
             const Result<http::Response>& outcome) const;
  [[nodiscard]] http::Response answer(Exchange& exchange, const Guarded& guarded) const;

  FailureMemory& memory_;
  const IntakeContext& intake_;
  const config::LoopGuard& policy_;
  const bool shadow_;
  const std::string upstream_;
  Counter answers_;
};

// Whether such an end of a request speaks for a loop. A resource that is not there (404, 410 to a
// read) does not: clients wait for resources by asking, and a write of their own makes them appear.
[[nodiscard]] bool is_loop_failure(Verdict verdict, int status, http::Method method) noexcept;

}  // namespace outrigger::filters
