#include "filters/credentials/credentials.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/circuit_breaker/outcome.h"
#include "filters/credentials/client_credentials.h"
#include "filters/route_policies.h"

namespace outrigger::filters {
namespace {

std::vector<Secret> header_values(const config::Credentials& policy) {
  std::vector<Secret> values;
  const std::size_t count = std::min(policy.keys.size(), KeyChoice::kMostKeys);
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string value;
    value.reserve(policy.scheme.size() + 1 + policy.keys[i].reveal().size());
    if (!policy.scheme.empty()) value = policy.scheme + " ";
    value += policy.keys[i].reveal();
    values.emplace_back(std::move(value));
  }
  return values;
}

std::uint64_t hash_of(const SipKey& key, const Secret& secret) noexcept {
  return std::max<std::uint64_t>(siphash(key, secret.reveal()), 1);
}

std::vector<std::uint64_t> hashes_of(const SipKey& key, const std::vector<Secret>& values) {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(values.size());
  for (const Secret& value : values) hashes.push_back(hash_of(key, value));
  return hashes;
}

bool repeats(const config::Policies& policies) noexcept {
  return policies.retry && policies.retry->max_attempts > 1 &&
         policies.replay != config::Replay::kNever;
}

KeyRoute make_route(const CredentialsContext& context, const config::Upstream& upstream,
                    const config::Route* route, TimePoint now) {
  const config::Policies& policies = policies_of(upstream, route);
  KeyRoute made{.policy = *policies.credentials,
                .upstream = upstream.name,
                .values = header_values(*policies.credentials),
                .ring = nullptr,
                .keys = context.keys,
                .cooldowns = context.cooldowns,
                .breakers = nullptr};
  made.ring = context.keys.ring(upstream.name, hashes_of(context.credential_key, made.values));
  made.repeats = repeats(policies);
  if (policies.circuit_breaker &&
      keyed_by(*policies.circuit_breaker, config::BreakerKey::kCredential) &&
      !keyed_by(*policies.circuit_breaker, config::BreakerKey::kEndpoint)) {
    made.breakers = key_breakers(context.breakers, upstream, route, now);
    made.by_model = keyed_by(*policies.circuit_breaker, config::BreakerKey::kModel);
  }
  return made;
}

// Lends the exchange the choice of its keys.
class Lent {
 public:
  Lent(Exchange& exchange, KeyChoice& keys) noexcept : exchange_(exchange) {
    exchange_.keys = &keys;
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() { exchange_.keys = nullptr; }

 private:
  Exchange& exchange_;
};

}  // namespace

Credentials::Credentials(const CredentialsContext& context, const config::Upstream& upstream,
                         const config::Route* route, TimePoint now)
    : policy_(*policies_of(upstream, route).credentials),
      retries_(policies_of(upstream, route).retry.has_value()),
      route_(make_route(context, upstream, route, now)) {
  if (policy_.aws) signer_hash_ = hash_of(context.credential_key, policy_.aws->access_key);
}

Task<Result<http::Response>> Credentials::handle(Exchange& exchange, Next next) {
  if (policy_.keep_client && brings_credential(exchange, policy_)) return next(exchange);
  return policy_.aws ? handle_signed(exchange, next) : handle_with_key(exchange, next);
}

Task<Result<http::Response>> Credentials::handle_signed(Exchange& exchange, Next next) const {
  const ClientCredentials clients(exchange, policy_);
  exchange.credential = signer_hash_;
  co_return co_await next(exchange);
}

Task<Result<http::Response>> Credentials::handle_with_key(Exchange& exchange, Next next) const {
  const ClientCredentials clients(exchange, policy_);
  KeyChoice keys(route_, exchange);
  if (!retries_) {
    CO_TRY(keys.choose());
    Result<http::Response> outcome = co_await next(exchange);
    keys.learn();
    co_return outcome;
  }
  const Lent lent(exchange, keys);
  co_return co_await next(exchange);
}

}  // namespace outrigger::filters
