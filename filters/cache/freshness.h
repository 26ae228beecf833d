// How old an answer is when it comes and how long it stays fresh (RFC 9111 4.2). Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "config/cache_policies.h"
#include "filters/cache/cache_directives.h"
#include "proxy/base/duration.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// From one time of day to another, at most kLongestDelta either way.
[[nodiscard]] Duration span_between(std::int64_t from_us, std::int64_t to_us) noexcept;

// Whether answers of that status may be kept without a word about freshness (RFC 9110 15.1).
[[nodiscard]] bool is_heuristic_status(int status) noexcept;

// corrected_initial_age (4.2.3); never below zero.
[[nodiscard]] Duration initial_age(const http::Headers& answer, std::int64_t requested_us,
                                   std::int64_t received_us) noexcept;

// What the answer itself says (4.2.1): s-maxage where the cache is shared, max-age, Expires.
[[nodiscard]] std::optional<Duration> explicit_lifetime(const http::Headers& answer,
                                                        const AnswerDirectives& directives,
                                                        config::PageCache::Mode mode,
                                                        std::int64_t received_us) noexcept;

// A tenth of the time since it changed last, at most `longest` (4.2.2).
[[nodiscard]] std::optional<Duration> heuristic_lifetime(const http::Headers& answer,
                                                         Duration longest,
                                                         std::int64_t received_us) noexcept;

}  // namespace outrigger::filters
