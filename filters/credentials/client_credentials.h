// The client's own credentials, taken off a request whose upstream gets the proxy's, and put back
// afterwards: another upstream may be asked next. Lives in a frame, on the exchange's worker.
#pragma once

#include <string_view>
#include <vector>

#include "config/policies.h"
#include "filters/exchange.h"

namespace outrigger::filters {

// Whether the request brings one of its own.
[[nodiscard]] bool brings_credential(const Exchange& exchange, const config::Credentials& policy);

// The query without its parameters of that name, however they are encoded.
[[nodiscard]] std::string without_parameter(std::string_view target, std::string_view name);

class ClientCredentials {
 public:
  // Takes off Authorization, x-api-key, api-key, x-goog-api-key, the policy's own header and, where
  // that is Gemini's, the query's `key`; with `aws` whatever else a signature consists of.
  ClientCredentials(Exchange& exchange, const config::Credentials& policy);
  ClientCredentials(const ClientCredentials&) = delete;
  ClientCredentials& operator=(const ClientCredentials&) = delete;
  ~ClientCredentials();

 private:
  Exchange& exchange_;
  const std::uint64_t credential_;
  const std::string_view target_;  // the client's
  std::string_view sent_;          // instead
  std::vector<http::Field> fields_;
};

}  // namespace outrigger::filters
