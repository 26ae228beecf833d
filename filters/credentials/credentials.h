// credentials: the proxy's own keys in the place of the client's, so that agents hold none. Of
// several keys each try gets the next that may be used (KeyChoice); which are refused or out of
// money all workers know. With `aws` the key is no header: `sign` signs each attempt. Stands
// outside retry, which asks for a key before each try. One a route and worker.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "config/config.h"
#include "filters/circuit_breaker/shared_breakers.h"
#include "filters/credentials/key_choice.h"
#include "filters/filter.h"
#include "filters/intake/siphash.h"

namespace outrigger::filters {

// Whether the level adds any; a profile names the header and leaves the keys to the user.
[[nodiscard]] inline bool adds_credentials(const config::Policies& policies) noexcept {
  return policies.credentials && (!policies.credentials->keys.empty() || policies.credentials->aws);
}
[[nodiscard]] inline bool signs(const config::Policies& policies) noexcept {
  return policies.credentials && policies.credentials->aws;
}

// What the filters of all workers share; outlives them.
struct CredentialsContext {
  SharedKeys& keys;
  SharedCooldowns& cooldowns;
  SharedBreakers& breakers;
  const SipKey& credential_key;
};

class Credentials final : public Filter {
 public:
  // For a level that adds credentials; `route` is nullptr for the upstream's own. All arguments
  // outlive the filter.
  Credentials(const CredentialsContext& context, const config::Upstream& upstream,
              const config::Route* route, TimePoint now);
  [[nodiscard]] std::string_view name() const noexcept override { return "credentials"; }
  // Error, besides those of the chain: kOverload, `credentials_exhausted`.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  [[nodiscard]] Task<Result<http::Response>> handle_with_key(Exchange& exchange, Next next) const;
  [[nodiscard]] Task<Result<http::Response>> handle_signed(Exchange& exchange, Next next) const;

  const config::Credentials& policy_;
  const bool retries_;             // the route's tries are Retry's
  KeyRoute route_;                 // without keys where it signs
  std::uint64_t signer_hash_ = 0;  // of the access key
};

}  // namespace outrigger::filters
