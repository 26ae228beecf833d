// An upstream's endpoints as one worker sees them, and the choice between them. One a worker and
// upstream; survives a reload that leaves its connections' settings alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "proxy/base/random.h"
#include "proxy/upstream/endpoint.h"

namespace outrigger::upstream {

// Endpoints that an attempt should leave alone, a bit each by index: taken when no other is left,
// unless `strictly`.
struct Avoid {
  std::uint64_t endpoints = 0;
  bool strictly = false;
};

class Cluster {
 public:
  struct Setup {
    EventLoop& loop;
    Resolver& resolver;
    Random& random;
    const DestinationPolicy* destinations = nullptr;    // for forwarded hosts
    std::shared_ptr<TlsClientContext> tls;              // where an endpoint speaks TLS
    std::shared_ptr<std::vector<SharedHealth>> probes;  // one an endpoint; null without probes
    // An endpoint was set aside after failures in a row; may be empty.
    std::function<void(std::string_view endpoint)> ejected;
  };
  Cluster(const Setup& setup, const config::Upstream& upstream);

  // Sends the request to one endpoint: the less busy of two, among those that may be used. One that
  // cannot be reached, so that nothing was sent, is followed by another. Error, besides those of an
  // exchange: kOverload, `circuit_open`, when all endpoints are to be avoided strictly.
  Task<Result<http::Response>> send(http::Request& request, CancelScope& scope,
                                    AttemptListener& listener, Avoid avoid = {});

  [[nodiscard]] const std::vector<std::unique_ptr<Endpoint>>& endpoints() const noexcept {
    return endpoints_;
  }
  // No request came yet.
  [[nodiscard]] bool untouched() const noexcept { return untouched_; }
  [[nodiscard]] bool usable(std::size_t endpoint) const noexcept;
  [[nodiscard]] std::size_t load() const noexcept;  // of all endpoints
  void retire();

 private:
  static constexpr std::size_t kMaxTries = 3;
  Task<Result<http::Response>> send_to_several(http::Request& request, CancelScope& scope,
                                               AttemptListener& listener, Avoid avoid);
  // Not one of `tried`; nothing when `avoid` leaves none.
  [[nodiscard]] std::optional<std::size_t> pick(std::uint64_t tried, Avoid avoid);

  EventLoop& loop_;
  Random& random_;
  std::shared_ptr<TlsClientContext> tls_;
  std::shared_ptr<std::vector<SharedHealth>> probes_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::function<void(std::string_view)> ejected_;
  bool untouched_ = true;
};

// Whether a cluster built for one serves the other as well: same endpoints, TLS, protocol, pool and
// health.
[[nodiscard]] bool same_connections(const config::Upstream& a, const config::Upstream& b);

}  // namespace outrigger::upstream
