// How the outcome of a lost write is found out (`replay: verify`): the GET that asks for it, and
// what its answer tells. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/policies.h"

namespace outrigger::filters {

// The template with {idempotency-key} and each {/json/pointer} of the request's body filled in,
// percent-encoded (RFC 3986 2.3: all but unreserved characters). Nothing when a value is missing,
// empty or neither text, number nor truth value, or when there is no body to look into.
[[nodiscard]] std::optional<std::string> probe_target(std::string_view pattern,
                                                      std::string_view idempotency_key,
                                                      const std::optional<std::string>& body);

enum class ProbeWord : std::uint8_t {
  kFound,    // it happened
  kMissing,  // it did not, or not yet
  kUnclear   // the answer is about something else: a failure, a refusal
};

// Found: a status of `found_status` (2xx without one) with all of `found_json` in the body.
// Missing: such a status without the rest, another 2xx, 404 or 410.
[[nodiscard]] ProbeWord read_probe(const config::Verify& verify, int status, std::string_view body);

}  // namespace outrigger::filters
