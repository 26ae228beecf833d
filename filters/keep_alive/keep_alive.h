// keep_alive: shows a client that asked for an event stream that its call lives, by comments, while
// attempts, waits and held answers go on behind. The price is that its 200 goes out early: what
// would have been another status becomes an error event (resilience 3 item 1, "Heartbeat option").
// Stands around retry.
#pragma once

#include "config/policies.h"
#include "filters/filter.h"

namespace outrigger::filters {

class KeepAlive final : public Filter {
 public:
  // `policies`, whose commit.keep_alive is set, outlives the filter.
  explicit KeepAlive(const config::Policies& policies) noexcept : policies_(policies) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "keep_alive"; }
  // An answer that comes within the first interval is returned as it is.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  const config::Policies& policies_;
};

}  // namespace outrigger::filters
