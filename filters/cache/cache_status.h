// What we say of ourselves in Cache-Status (RFC 9211). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "filters/cache/entry.h"
#include "proxy/base/duration.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// Why a request went upstream (RFC 9211 2.2).
enum class Forward : std::uint8_t {
  kBypass,    // the cache has no part in it
  kMethod,    // of such requests it has none
  kUriMiss,   // nothing for that URL
  kVaryMiss,  // something, for other requests
  kMiss,      // nothing, for either reason
  kRequest,   // fresh, but the request wants more
  kStale,
  kPartial,
};
inline constexpr std::array<std::string_view, 8> kForwards = {
    "bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"};
constexpr std::string_view to_string(Forward forward) noexcept {
  return kForwards[static_cast<std::size_t>(forward)];
}

struct CacheStatus {
  std::optional<Forward> forward = {};     // nothing: a hit
  std::optional<int> forward_status = {};  // what upstream answered, where the client gets another
  bool stored = false;
  bool collapsed = false;            // it waited for another's request (2.6)
  std::optional<Duration> ttl = {};  // of a hit; whole seconds, rounded down
  const CacheKey* key = nullptr;     // of the entry, where people may see it (2.7)
  std::string_view detail = {};      // for people, such as `breaker-open`; empty: none
};

// Adds it behind what caches nearer to the origin said (2).
void append_cache_status(http::Headers& answer, const CacheStatus& status);

}  // namespace outrigger::filters
