// gateway: the duties of an intermediary (RFC 9110 7.6) and the limits that hold before any policy
// is asked: nothing passes while the process has no room for it, loops are refused, hop-by-hop
// fields end here, Via tells who passed the message on, our own fields stay ours, the target
// becomes the upstream's, and a request body may not exceed its route's limit.
#pragma once

#include <string>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/overload/pressure.h"

namespace outrigger::filters {

class Gateway final : public Filter {
 public:
  // Both outlive the filter.
  Gateway(const config::Policies& policies, const Pressure& pressure) noexcept
      : policies_(policies), pressure_(pressure) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "gateway"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;
  // Tells in an upstream's answer that it passed here (Via); for the filter that stamps answers.
  static void mark_passed(http::ResponseHead& answer);

 private:
  Status admit(Exchange& exchange) const;
  void prepare(Exchange& exchange) const;

  const config::Policies& policies_;
  const Pressure& pressure_;
};

}  // namespace outrigger::filters
