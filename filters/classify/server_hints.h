// What an answer says of when to come back, and whether to come back at all (resilience 3 item 6).
// Pure.
//
// Explicit words win: Retry-After and its kin, in headers or in the body; of several the longest.
// A message for people is asked next. Resets of rate limits come last, because many mean "full
// again", not "fits again" (OpenAI): of a dimension that is exhausted, else of those that do not
// say what remains, the longest.
#pragma once

#include <optional>
#include <string_view>

#include "filters/classify/json_fields.h"
#include "proxy/base/duration.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

struct Hint {
  Duration wait{0};       // never negative, at most kLongestHint
  std::string_view from;  // where it stands, a literal: "retry-after", "the message", ...
  bool operator==(const Hint&) const = default;
};

struct ServerHints {
  std::optional<Hint> asked;  // explicit words, else the message
  std::optional<Hint> reset;  // of an exhausted limit: for verdicts that limits explain
  std::optional<bool> retry;  // the server says that the call should, or should not, be repeated
};

// `now`: seconds since 1970 UTC; the answer's Date stands for it in sums with the server's dates.
[[nodiscard]] ServerHints read_hints(const http::Headers& headers, const JsonAnswer& body,
                                     std::string_view message, double now);

}  // namespace outrigger::filters
