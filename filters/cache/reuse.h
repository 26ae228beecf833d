// Whether a stored answer may be given now (RFC 9111 4, 4.2, 5.2.1; RFC 5861). Pure; on the way of
// every hit: nothing here looks at the stored head.
#pragma once

#include <cstdint>

#include "filters/cache/cache_directives.h"
#include "filters/cache/entry.h"

namespace outrigger::filters {

// current_age (4.2.3); never below zero, whatever the clock did.
[[nodiscard]] Duration current_age(const PageFacts& facts, std::int64_t now_us) noexcept;
// How much longer it is fresh; below zero for how long it has been stale. `ttl` of Cache-Status.
[[nodiscard]] Duration time_to_live(const PageFacts& facts, std::int64_t now_us) noexcept;

enum class Reuse : std::uint8_t {
  kFresh,
  kStale,                 // the client takes it so (max-stale)
  kStaleWhileRevalidate,  // the answer does: give it, and ask for another meanwhile
  kValidate,              // ask upstream first
  kGatewayTimeout,        // the same, and the client wants nothing from there: 504 (5.2.1.7)
};
[[nodiscard]] Reuse decide_reuse(const PageFacts& facts, const RequestDirectives& request,
                                 std::int64_t now_us) noexcept;

// Whether it may be given after all because upstream cannot be reached or answers 500, 502, 503 or
// 504 (RFC 5861 4).
[[nodiscard]] bool may_serve_on_error(const PageFacts& facts, const RequestDirectives& request,
                                      std::int64_t now_us) noexcept;

}  // namespace outrigger::filters
