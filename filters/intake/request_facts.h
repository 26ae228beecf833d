// What a request is about, for whoever keys its state by it: the model that it asks for and the
// credential that it carries. Pure; reads what clients send, so it takes any bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "filters/intake/siphash.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// Of a body, at most so much is looked at.
inline constexpr std::size_t kModelPrefix = 64 * 1024;
inline constexpr std::size_t kLongestModel = 200;

struct ModelSearch {
  enum class State : std::uint8_t {
    kFound,
    kAbsent,  // the body has none, or is not an object
    kMore     // cut before it could be told
  };
  State state = State::kAbsent;
  std::string model;  // of kFound
};

// The text of the top-level member "model" of a JSON object, from the first bytes of it. Tolerant:
// what it skips need not be valid. A model that is no string, longer than kLongestModel or not
// printable ASCII is absent.
[[nodiscard]] ModelSearch find_model(std::string_view prefix);

// The model that a target names: `/models/{m}:generateContent`, `/deployments/{d}/`,
// `/model/{id}/invoke` and `converse`, with the verbs of their families; empty where there is none.
// A view of `target`, as it stands there.
[[nodiscard]] std::string_view model_of_target(std::string_view target) noexcept;

// Whether a policy keys anything by the model.
[[nodiscard]] bool needs_model(const config::Policies& policies) noexcept;

// Whether the body is worth looking into.
[[nodiscard]] bool is_json(const http::Headers& headers) noexcept;

// The first credential among Authorization, x-api-key, api-key, x-goog-api-key and the query's
// `key`. Borrows from the head.
struct Credential {
  std::string_view carrier;  // the header's name, a literal; `?key`; empty: there is none
  std::string_view text;
};
[[nodiscard]] Credential find_credential(const http::RequestHead& head) noexcept;

// A keyed hash of it; 0 without one.
[[nodiscard]] std::uint64_t credential_of(const http::RequestHead& head,
                                          const SipKey& key) noexcept;

}  // namespace outrigger::filters
