// What a second way makes of a request: another target, another model, other values in its body.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "filters/exchange.h"
#include "proxy/base/result.h"

namespace outrigger::filters {

// Whether the way is one for this.
[[nodiscard]] bool takes(const config::Fallback& way, config::FallbackOn why) noexcept;
// The model that it asks for instead of `model`.
[[nodiscard]] std::string_view model_for(const config::Fallback& way,
                                         std::string_view model) noexcept;

// Why an outcome is not what was asked for: what `if` of a fallback is compared with. Nothing for a
// good answer, one that nobody waits for, and one whose time is over. `first`: the attempts from
// there on are those of the outcome.
[[nodiscard]] std::optional<config::FallbackOn> trigger_of(const Exchange& exchange,
                                                           const Result<http::Response>& outcome,
                                                           std::size_t first);

enum class Again : std::uint8_t { kSameRequest, kOtherRequest };

// Whether the request may be sent once more after what these attempts may have brought about
// (resilience 3, "Safety table"): another upstream knows nothing of keys that were sent to the
// first, and another request has a key of its own.
[[nodiscard]] bool may_send_after(std::span<const Attempt> attempts, config::Replay replay,
                                  Again again) noexcept;

// What is sent instead.
struct Detour {
  std::string target;  // path and query, below the base path
  std::string model;   // empty: as before, or none
  // Where the model stands in the body: to be set there. Not when it stands in the target.
  bool model_in_body = false;
};

// `target` is the request's own below its base path, `model` what it asks for, or empty.
[[nodiscard]] Detour detour_of(const config::Fallback& way, std::string_view target,
                               std::string_view model);

// The target without what shows the client's credential to its own provider, as `key=` does.
[[nodiscard]] std::string without_credentials(std::string_view target);

// The body with the model and the values of the detour in it; nothing when it is no JSON object.
[[nodiscard]] std::optional<std::string> edited_body(std::string_view body, const Detour& detour,
                                                     const config::Fallback& way);

// Whether edited_body() would change anything.
[[nodiscard]] bool edits_body(const Detour& detour, const config::Fallback& way) noexcept;

}  // namespace outrigger::filters
