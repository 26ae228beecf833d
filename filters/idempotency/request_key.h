// Which idempotency key a request carries (durability 3 items 14 and 15, 4.3). Pure; reads what
// clients send, so it takes any bytes.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "filters/idempotency/reply.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

inline constexpr std::size_t kLongestKey = 255;

// Keys of different sources are never the same key.
enum class KeySource : std::uint8_t {
  kHeader,      // the client's, in the configured header
  kJson,        // the client's, in the request's JSON
  kStep,        // the execution and its step
  kInvocation,  // amz-sdk-invocation-id: one call of an AWS library, with all its attempts
  kLibrary,     // x-stainless-retry-count: a library that repeats calls but names none of them
};
// Hashed into record ids, so they never change.
inline constexpr std::array<std::string_view, 5> kKeySources = {"header", "json", "step",
                                                                "invocation", "library"};
constexpr std::string_view to_string(KeySource source) noexcept {
  return kKeySources[static_cast<std::size_t>(source)];
}

struct RequestKey {
  KeySource source = KeySource::kHeader;
  // Of kHeader and kJson the client's own, 1 to kLongestKey characters of printable ASCII. Of
  // kLibrary it is empty: the key is the request itself, see library_text.
  std::string text;
  std::uint32_t retries = 0;  // of kLibrary, as it counts them: 0 for new work
  bool operator==(const RequestKey&) const = default;
};

// What stands for the key of a request that carries none of its own (kLibrary).
[[nodiscard]] std::string library_text(const Fingerprint& fingerprint);

// Why a request cannot be served: a closed code, and for a person what is wrong and how to mend it,
// without the key itself.
struct KeyRefusal {
  enum class Why : std::uint8_t {
    kMissing,   // it is required of a write
    kInvalid,   // it is no key
    kRepeated,  // there are two
    kUnread,    // the JSON that was given is too short to tell: ask again with all of it, or refuse
  };
  Why why = Why::kInvalid;
  std::string detail;
};
inline constexpr std::array<std::string_view, 4> kKeyRefusals = {
    "idempotency_key_missing", "idempotency_key_invalid", "idempotency_key_repeated",
    "idempotency_key_unread"};
constexpr std::string_view to_string(KeyRefusal::Why why) noexcept {
  return kKeyRefusals[static_cast<std::size_t>(why)];
}

// What is known of the body.
struct BodyText {
  enum class Extent : std::uint8_t { kWhole, kPrefix };
  std::string_view text;
  Extent extent = Extent::kWhole;
};

// From the caller's Outrigger-Execution and Outrigger-Step.
struct StepName {
  std::string_view execution, step;
};

// Whether find_key has to look into the body.
[[nodiscard]] bool needs_body(const http::Headers& headers, const config::Idempotency& policy);

// The first that there is of the sources, in their order. What is no valid evidence of a library's
// is none; what a client calls its key has to be one.
[[nodiscard]] std::expected<std::optional<RequestKey>, KeyRefusal> find_key(
    const http::RequestHead& head, const BodyText& body, const config::Idempotency& policy,
    const StepName& step);

}  // namespace outrigger::filters
