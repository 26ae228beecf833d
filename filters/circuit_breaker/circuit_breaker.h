// Asks the shared breakers before each attempt, and refuses at once where one is open: a sick
// upstream is left alone until it is well. Stands inside retry, so that each attempt asks for
// itself. One a route and worker. (resilience 3 items 11 and 13)
//
// Two breakers stand before a call: that of the upstream's connections, and that of the policy's
// key (model, credential, endpoint; none: all calls of the upstream). A route whose circuit_breaker
// differs from its upstream's has key breakers of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/circuit_breaker/passage.h"
#include "filters/circuit_breaker/shared_breakers.h"
#include "filters/filter.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

// The breakers that a route's calls are kept apart by: its own only where its policy differs from
// the upstream's.
[[nodiscard]] std::shared_ptr<UpstreamBreakers> key_breakers(SharedBreakers& breakers,
                                                             const config::Upstream& upstream,
                                                             const config::Route* route,
                                                             TimePoint now);

class CircuitBreaker final : public Filter, public AttemptObserver {
 public:
  // `route` is nullptr for the upstream's own level. The level has a circuit_breaker policy. All
  // arguments outlive the filter.
  CircuitBreaker(SharedBreakers& breakers, const config::Upstream& upstream,
                 const config::Route* route, MetricShard& metrics, TimePoint now);

  [[nodiscard]] std::string_view name() const noexcept override { return "circuit_breaker"; }
  // Refuses with Errc::kOverload, Origin::kProxy, "circuit_open" and a retry_after; then no attempt
  // was made. In shadow it only notes that in exchange.would_have.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;
  void on_concluded(Exchange& exchange, Attempt& attempt) override;

 private:
  [[nodiscard]] std::optional<Refused> ask(Exchange& exchange, Passage& passage);
  [[nodiscard]] std::optional<Refused> ask_key(Exchange& exchange, Passage& passage);
  [[nodiscard]] std::optional<Refused> ask_endpoints(Exchange& exchange, Passage& passage);
  void settle(Exchange& exchange, Passage& passage);
  [[nodiscard]] KeyView key_of(const Exchange& exchange) const noexcept;
  [[nodiscard]] Pinned breaker_of(const Exchange& exchange, std::uint16_t endpoint, TimePoint now);
  [[nodiscard]] std::unexpected<Error> refuse(Exchange& exchange, const Refused& refused);

  const std::string upstream_;
  const bool by_model_;
  const bool by_credential_;
  const bool by_endpoint_;
  const bool shadow_;  // asks and counts as usual, refuses nobody and avoids no endpoint
  const std::shared_ptr<UpstreamBreakers> keys_;
  const std::shared_ptr<UpstreamBreakers> host_;  // the upstream's where it has a policy
  std::vector<std::string> endpoints_;            // by index: "host:port"
  Counter rejected_;
};

}  // namespace outrigger::filters
