// deadline: the time by which the answer to an exchange must begin, all attempts and waits
// included: the least of the route's policy and of what the caller says (resilience 3, item 7). It
// ends whatever runs when it passes; an answer that has begun is left alone.
#pragma once

#include "config/config.h"
#include "filters/filter.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

class Deadline final : public Filter {
 public:
  // `policies` outlives the filter.
  explicit Deadline(const config::Policies& policies, WallClock clock = WallClock()) noexcept
      : policies_(policies), clock_(clock) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "deadline"; }
  // Error: kTimeout, `deadline_exceeded`.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  static Task<Result<http::Response>> handle_until(Exchange& exchange, Next next);
  // Sets exchange.deadline.
  void agree(Exchange& exchange);

  const config::Policies& policies_;
  WallClock clock_;  // a caller's time of day
};

}  // namespace outrigger::filters
