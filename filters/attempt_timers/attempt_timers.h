// attempt_timers: bounds each stage of one attempt (connect, TLS, response head, first event of a
// stream, silence in the body, too few events) and its total time. A stream has no total: it lives
// for as long as it makes progress.
#pragma once

#include <cstdint>
#include <optional>

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

// How long a stream may take from the request's last byte to its first event: long prompts get
// more. Absent: as long as it likes.
[[nodiscard]] std::optional<Duration> first_event_limit(const config::Timeouts& timeouts,
                                                        std::uint64_t request_bytes,
                                                        double patience) noexcept;

}  // namespace outrigger::filters
