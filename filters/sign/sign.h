// sign: puts an AWS signature (Version 4) on the request, made anew for every attempt, because it
// holds for minutes only. Innermost before send: whatever stands further out may change the
// request. A body that is not in memory is read to its end first, to be hashed. One a route and
// worker.
#pragma once

#include <string>

#include "config/config.h"
#include "filters/filter.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

class Sign final : public Filter {
 public:
  // For a level whose credentials have `aws`; `policies` outlives the filter. `upstream` has
  // endpoints of one host (the configuration is checked for that): the host is signed.
  Sign(const config::Upstream& upstream, const config::Policies& policies, WallClock clock);
  [[nodiscard]] std::string_view name() const noexcept override { return "sign"; }
  // Error, besides those of the client's body: kTooLarge, `body_too_large`, when a body that must
  // be read first is longer than is kept.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  [[nodiscard]] Task<Result<std::string>> hash_of_body(Exchange& exchange) const;
  void put_signature(Exchange& exchange, const std::string& payload);

  const config::Credentials& policy_;
  const std::string host_;  // as in Host
  const bool s3_;
  WallClock clock_;
};

}  // namespace outrigger::filters
