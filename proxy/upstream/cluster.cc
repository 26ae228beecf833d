#include "proxy/upstream/cluster.h"

#include <utility>

namespace outrigger::upstream {

Cluster::Cluster(const Setup& setup, const config::Upstream& upstream)
    : loop_(setup.loop),
      random_(setup.random),
      tls_(setup.tls),
      probes_(setup.probes),
      ejected_(setup.ejected) {
  const EndpointContext context{setup.loop,
                                setup.resolver,
                                tls_.get(),
                                setup.destinations,
                                upstream.protocol,
                                upstream.pool,
                                upstream.policies.timeouts.gap,
                                &ejected_};
  endpoints_.reserve(upstream.endpoints.size());
  for (const config::Endpoint& where : upstream.endpoints) {
    endpoints_.push_back(std::make_unique<Endpoint>(context, where, upstream.health.passive));
  }
}

bool Cluster::usable(std::size_t endpoint) const noexcept {
  if (probes_ != nullptr && !(*probes_)[endpoint].up()) return false;
  return !endpoints_[endpoint]->passive().ejected(loop_.now());
}

// Power of two choices among the endpoints that are usable, not yet tried and not to be avoided.
// With none usable all are: a wrong suspicion of everything must not be an outage of our own
// making.
std::optional<std::size_t> Cluster::pick(std::uint64_t tried, Avoid avoid) {
  const std::size_t n = endpoints_.size();
  if (n == 1 && !avoid.strictly) return 0;
  std::size_t candidates[64];
  std::size_t count = 0;
  const auto gather = [&](std::uint64_t without, bool any) {
    if (count > 0) return;
    for (std::size_t i = 0; i < n && count < 64; ++i) {
      if ((without >> i & 1) == 0 && (any || usable(i))) candidates[count++] = i;
    }
  };
  gather(tried | avoid.endpoints, false);
  if (avoid.strictly) {
    gather(tried | avoid.endpoints, true);
  } else {
    gather(tried, false);
    gather(tried, true);
  }
  if (count == 0) return std::nullopt;
  if (count == 1) return candidates[0];
  const std::size_t a = random_.below(count);
  const std::size_t b = (a + 1 + random_.below(count - 1)) % count;
  const Endpoint& first = *endpoints_[candidates[a]];
  const Endpoint& second = *endpoints_[candidates[b]];
  return second.load() < first.load() ? candidates[b] : candidates[a];
}

Task<Result<http::Response>> Cluster::send(http::Request& request, CancelScope& scope,
                                           AttemptListener& listener, Avoid avoid) {
  untouched_ = false;
  if (endpoints_.size() > 1 || avoid.strictly) {
    return send_to_several(request, scope, listener, avoid);
  }
  listener.on_endpoint(0, endpoints_[0]->name());
  return endpoints_[0]->exchange(request, scope, listener);
}

Task<Result<http::Response>> Cluster::send_to_several(http::Request& request, CancelScope& scope,
                                                      AttemptListener& listener, Avoid avoid) {
  std::uint64_t tried = 0;
  Result<http::Response> outcome =
      fail(Errc::kOverload, Origin::kProxy, "circuit_open",
           "the circuit breakers of all endpoints of the upstream are open");
  for (std::size_t tries = 1;; ++tries) {
    const std::optional<std::size_t> chosen = pick(tried, avoid);
    if (!chosen) co_return outcome;
    tried |= std::uint64_t{1} << *chosen;
    Endpoint& endpoint = *endpoints_[*chosen];
    listener.on_endpoint(static_cast<std::uint16_t>(*chosen), endpoint.name());
    outcome = co_await endpoint.exchange(request, scope, listener);
    const bool another = !outcome && unreached(outcome.error()) && !scope.cancelled();
    if (!another || tries == endpoints_.size() || tries == kMaxTries) co_return outcome;
  }
}

std::size_t Cluster::load() const noexcept {
  std::size_t sum = 0;
  for (const auto& endpoint : endpoints_) sum += endpoint->load();
  return sum;
}

void Cluster::retire() {
  for (const auto& endpoint : endpoints_) endpoint->retire();
}

bool same_connections(const config::Upstream& a, const config::Upstream& b) {
  return a.endpoints == b.endpoints && a.tls == b.tls && a.protocol == b.protocol &&
         a.pool == b.pool && a.health == b.health &&
         a.policies.timeouts.gap == b.policies.timeouts.gap;
}

}  // namespace outrigger::upstream
