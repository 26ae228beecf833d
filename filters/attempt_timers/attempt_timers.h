// attempt_timers: bounds each stage of one attempt (connect, TLS, response head, silence in the
// body) and its total time. A stream has no total: it lives for as long as it makes progress.
#pragma once

#include "config/config.h"
#include "filters/filter.h"

namespace outrigger::filters {

class AttemptTimers final : public Filter {
 public:
  // `timeouts` outlives the filter.
  explicit AttemptTimers(const config::Timeouts& timeouts) noexcept : timeouts_(timeouts) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "attempt_timers"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  const config::Timeouts& timeouts_;
};

}  // namespace outrigger::filters
