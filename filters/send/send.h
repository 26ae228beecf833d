// send: the innermost filter. Gives the request to the upstream's cluster and keeps the attempt
// log.
#pragma once

#include "filters/filter.h"
#include "proxy/upstream/cluster.h"
#include "proxy/upstream/forward.h"

namespace outrigger::filters {

class Send final : public Filter {
 public:
  // `cluster` outlives the filter.
  explicit Send(upstream::Cluster& cluster) noexcept : cluster_(cluster) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "send"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  Task<Result<http::Response>> send_asked(Exchange& exchange) const;
  Task<Result<http::Response>> send(Exchange& exchange) const;

  upstream::Cluster& cluster_;
};

// The same for a forwarded host that no upstream names: absolute-form requests and CONNECT.
class SendForward final : public Filter {
 public:
  explicit SendForward(upstream::ForwardProxy& forward) noexcept : forward_(forward) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "send"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  upstream::ForwardProxy& forward_;
};

}  // namespace outrigger::filters
