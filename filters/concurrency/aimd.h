// A limit of calls at a time that finds the upstream's own (resilience 1.6: Netflix's AIMD, but
// moved by verdicts alone): one more after each good call until it falls for the first time, then
// after a limit's worth of them, while at least half of it is in use; multiplied by `decrease`
// after a verdict that says that there were too many, at most once in the time of a call. Pure
// (LimitCore).
#pragma once

#include <cstdint>
#include <optional>

#include "filters/limits/limit_core.h"

namespace outrigger::filters {

class Aimd final : public LimitCore {
 public:
  // `policies` has a concurrency.
  Aimd(const config::Policies& policies, TimePoint now);

  bool take(const Load& load, TimePoint now) override;
  void take_anyway(const Load& load, TimePoint now) override;
  // As calls have ended of late; nothing while too few have.
  [[nodiscard]] std::optional<Duration> wait(const Load& ahead, const Load& last,
                                             TimePoint now) override;
  [[nodiscard]] double cost(const Load&) const override { return 1; }
  void conclude(const LimitEnding& ending, TimePoint now) override;
  void learn(const LimitNews&, const Load&, TimePoint, TimePoint) override {}
  void adopt(const config::Policies& policies, TimePoint now) override;
  [[nodiscard]] bool idle(TimePoint) override { return in_use_ == 0; }
  [[nodiscard]] std::optional<std::uint32_t> at_a_time() const override { return limit_; }

  [[nodiscard]] std::uint32_t in_use() const noexcept { return in_use_; }

 private:
  void rise() noexcept;
  void fall(TimePoint started, TimePoint now) noexcept;
  void note_end(TimePoint now) noexcept;

  config::Concurrency policy_;
  std::uint32_t limit_;
  std::uint32_t in_use_ = 0;
  std::uint32_t good_ = 0;          // calls since the limit changed
  std::optional<TimePoint> fell_;   // only calls that started later can make it fall again
  std::optional<TimePoint> ended_;  // the last call, while the limit was full
  std::uint32_t gaps_ = 0;          // that were seen
  Duration gap_{0};                 // between two ends, averaged
};

}  // namespace outrigger::filters
