#include "filters/circuit_breaker/circuit_breaker.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "filters/route_policies.h"

namespace outrigger::filters {
namespace {

// What a client is told to wait: libraries do not obey more, and less would be a storm (llm 2.2).
constexpr Duration kShortestWait = 1s;
constexpr Duration kLongestWait = 60s;

const config::CircuitBreaker& policy_of(const config::Upstream& upstream,
                                        const config::Route* route) noexcept {
  return *policies_of(upstream, route).circuit_breaker;
}

std::shared_ptr<UpstreamBreakers> host_breakers(SharedBreakers& breakers,
                                                const config::Upstream& upstream,
                                                std::shared_ptr<UpstreamBreakers> own,
                                                TimePoint now) {
  if (!upstream.policies.circuit_breaker || own->route().empty()) return own;
  return breakers.of(upstream.name, {}, *upstream.policies.circuit_breaker, now);
}

// Leaves an exchange as it was when the attempt is over.
class Avoidance {
 public:
  explicit Avoidance(Exchange& exchange) noexcept
      : exchange_(exchange), avoid_(exchange.avoid), strictly_(exchange.avoid_strictly) {}
  Avoidance(const Avoidance&) = delete;
  Avoidance& operator=(const Avoidance&) = delete;
  ~Avoidance() {
    exchange_.avoid = avoid_;
    exchange_.avoid_strictly = strictly_;
  }

 private:
  Exchange& exchange_;
  const std::uint64_t avoid_;
  const bool strictly_;
};

Duration wait_of(const Refused& refused) noexcept {
  return std::clamp(refused.retry_after.value_or(kLongestWait), kShortestWait, kLongestWait);
}

std::string_view words(BreakerKind kind) noexcept {
  switch (kind) {
    case BreakerKind::kHost:
      return "the connections to";
    case BreakerKind::kUpstream:
      return "all calls of";
    case BreakerKind::kKey:
      break;
    case BreakerKind::kOverflow:
      return "the many keys of";
  }
  return "this model, credential or endpoint of";
}

}  // namespace

std::shared_ptr<UpstreamBreakers> key_breakers(SharedBreakers& breakers,
                                               const config::Upstream& upstream,
                                               const config::Route* route, TimePoint now) {
  return breakers.of(upstream.name, owner_of(upstream, route, &config::Policies::circuit_breaker),
                     policy_of(upstream, route), now);
}

CircuitBreaker::CircuitBreaker(SharedBreakers& breakers, const config::Upstream& upstream,
                               const config::Route* route, MetricShard& metrics, TimePoint now)
    : upstream_(upstream.name),
      by_model_(keyed_by(policy_of(upstream, route), config::BreakerKey::kModel)),
      by_credential_(keyed_by(policy_of(upstream, route), config::BreakerKey::kCredential)),
      by_endpoint_(keyed_by(policy_of(upstream, route), config::BreakerKey::kEndpoint)),
      shadow_(policies_of(upstream, route).shadowed(config::Shadowed::kCircuitBreaker)),
      keys_(key_breakers(breakers, upstream, route, now)),
      host_(host_breakers(breakers, upstream, keys_, now)),
      rejected_(metrics.counter(Metric::kCircuitRejected, {upstream.name})) {
  for (const config::Endpoint& endpoint : upstream.endpoints) {
    endpoints_.push_back(fmt::format("{}:{}", endpoint.host, endpoint.port));
  }
}

Task<Result<http::Response>> CircuitBreaker::handle(Exchange& exchange, Next next) {
  const Avoidance avoidance(exchange);
  Passage passage(exchange);
  if (const std::optional<Refused> refused = ask(exchange, passage)) {
    if (!shadow_) co_return refuse(exchange, *refused);
    exchange.circuit = to_string(refused->state);
    exchange.would_have.push_back({config::Shadowed::kCircuitBreaker, "refuse"});
  }
  exchange.when_concluded(*this);
  exchange.retry_after.reset();  // of a refusal before
  Result<http::Response> outcome = co_await next(exchange);
  settle(exchange, passage);
  co_return outcome;
}

void CircuitBreaker::on_concluded(Exchange& exchange, Attempt& attempt) {
  end_permits(attempt, exchange.loop.now());
}

std::optional<Refused> CircuitBreaker::ask(Exchange& exchange, Passage& passage) {
  const std::expected<Permit, Refused> host = host_->host().ask(exchange.loop.now());
  if (!host) return host.error();
  passage.hold_host(*host);
  exchange.circuit = to_string(host_->host().state());
  return by_endpoint_ ? ask_endpoints(exchange, passage) : ask_key(exchange, passage);
}

std::optional<Refused> CircuitBreaker::ask_key(Exchange& exchange, Passage& passage) {
  const TimePoint now = exchange.loop.now();
  const bool keyed = by_model_ || by_credential_;
  const std::expected<Permit, Refused> permit =
      keyed ? keys_->ask(key_of(exchange), now) : keys_->whole().ask(now);
  if (!permit) return permit.error();
  passage.hold_key(*permit);
  const BreakerState state = permit->breaker->state();
  if (state != BreakerState::kClosed) exchange.circuit = to_string(state);
  // A probe passes even then: its success is the way back.
  if (permit->pass.probe()) return std::nullopt;
  const std::optional<Duration> opened = keys_->opened_by_keys(now);
  if (!opened) return std::nullopt;
  return Refused{.why = Refusal::kOpen,
                 .state = BreakerState::kOpen,
                 .kind = BreakerKind::kUpstream,
                 .because = "open_keys",
                 .retry_after = opened};
}

// Keeps the attempt from endpoints that are open. One that wants a probe may be chosen by as many
// exchanges as it has probes; whether one is, is the balancer's choice.
std::optional<Refused> CircuitBreaker::ask_endpoints(Exchange& exchange, Passage& passage) {
  const TimePoint now = exchange.loop.now();
  std::uint64_t shut = 0;
  std::optional<Refused> soonest;
  const std::size_t count = std::min<std::size_t>(endpoints_.size(), 64);
  for (std::uint16_t i = 0; i < count; ++i) {
    const Pinned breaker = breaker_of(exchange, i, now);
    if (breaker->quiet()) continue;
    const std::expected<Permit, Refused> permit = breaker->ask(now);
    if (permit && permit->pass.probe() && !passage.holds_endpoint()) {
      passage.hold_endpoint(*permit, i);
      continue;
    }
    if (permit) permit->breaker->give_back(permit->pass, now);
    if (permit && !permit->pass.probe()) continue;
    shut |= std::uint64_t{1} << i;
    const Refused refused = permit ? Refused{.why = Refusal::kProbing} : permit.error();
    if (!soonest || refused.retry_after < soonest->retry_after) soonest = refused;
  }
  if (shut == 0) return std::nullopt;
  if (static_cast<std::size_t>(std::popcount(shut)) == count) return soonest;
  if (shadow_) return std::nullopt;
  const std::uint64_t all = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  // An endpoint that failed before is better than one that is known to be sick.
  const std::uint64_t both = exchange.avoid | shut;
  exchange.avoid = (both & all) == all ? shut : both;
  exchange.avoid_strictly = true;
  return std::nullopt;
}

void CircuitBreaker::settle(Exchange& exchange, Passage& passage) {
  const TimePoint now = exchange.loop.now();
  for (std::size_t i = passage.first(); by_endpoint_ && i < exchange.attempts.size(); ++i) {
    Attempt& attempt = exchange.attempts[i];
    if (attempt.endpoint_index >= endpoints_.size()) continue;
    if (const std::optional<Permit> probe = passage.take_endpoint(attempt.endpoint_index)) {
      hand_over(*probe, attempt, now);
      continue;
    }
    const Pinned breaker = breaker_of(exchange, attempt.endpoint_index, now);
    if (const auto permit = breaker->permit_since(attempt.started, now)) {
      hand_over(*permit, attempt, now);
    }
  }
  passage.settle();
}

KeyView CircuitBreaker::key_of(const Exchange& exchange) const noexcept {
  return {.model = by_model_ ? exchange.model : std::string_view(),
          .credential = by_credential_ ? exchange.credential : 0,
          .endpoint = {}};
}

Pinned CircuitBreaker::breaker_of(const Exchange& exchange, std::uint16_t endpoint, TimePoint now) {
  KeyView key = key_of(exchange);
  key.endpoint = endpoints_[endpoint];
  return keys_->of(key, now);
}

std::unexpected<Error> CircuitBreaker::refuse(Exchange& exchange, const Refused& refused) {
  rejected_.add();
  exchange.circuit = to_string(refused.state);
  exchange.retry_after = wait_of(refused);
  std::string detail =
      fmt::format("the circuit breaker of {} {} is {}", words(refused.kind), upstream_,
                  refused.why == Refusal::kRamping ? "closing" : to_string(refused.state));
  if (!refused.because.empty()) {
    fmt::format_to(std::back_inserter(detail), " ({})", refused.because);
  }
  if (refused.why == Refusal::kOpen && refused.retry_after) {
    fmt::format_to(std::back_inserter(detail), "; next probe in {:.1f} s",
                   std::chrono::duration<double>(*refused.retry_after).count());
  }
  return fail(Errc::kOverload, Origin::kProxy, "circuit_open", std::move(detail));
}

}  // namespace outrigger::filters
