// Conditional requests (RFC 9110 13, RFC 9111 4.3): the client's, answered from what is stored; and
// ours, which ask upstream whether that is still right. Pure; the client's cost nothing where there
// are none.
#pragma once

#include <cstdint>

#include "filters/cache/entry.h"
#include "filters/cache/storing.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// ---- the client's ----

enum class Condition : std::uint8_t {
  kNone,         // there is none, or none that keeps the content: all of it, or a range
  kNotModified,  // 304
  kUpstream,     // If-Match, If-Unmodified-Since: only upstream can tell (RFC 9111 4.3.2)
};
// Of GET or HEAD against an answer that may be given (RFC 9110 13.2.2). Where that is not a 200
// conditions do not count (13.2.1).
[[nodiscard]] Condition evaluate_condition(const http::Headers& request, const StoredHead& stored,
                                           std::int64_t received_us) noexcept;

// Whether a stored field goes into a 304 too: no description of content that is not sent, but for
// what the client needs to update its own (RFC 9110 15.4.5).
[[nodiscard]] bool belongs_in_not_modified(const StoredHead& stored,
                                           const StoredField& field) noexcept;

// ---- ours ----

// Makes of a request one that asks whether the stored answer is still right (RFC 9111 4.3.1):
// instead of the client's conditions and range, which are for its answer, not for ours.
void ask_for_validation(http::Headers& request, const StoredHead& stored);

// Whether a 304 to such a request is about this answer (4.3.4). If not, ask again without
// conditions: what is stored is of another version.
[[nodiscard]] bool confirms(const http::Headers& not_modified, const StoredHead& stored);

// The stored head with what a 304, or a 200 to HEAD, says anew (3.2). Goes into store_page like one
// that came whole; what that refuses is given once more, and dropped.
[[nodiscard]] http::ResponseHead freshened(const StoredHead& stored,
                                           const http::Headers& not_modified);

// What an answer to HEAD that went upstream says of the stored answer to GET (4.3.5).
enum class HeadEffect : std::uint8_t {
  kNothing,   // it is no 200
  kFreshens,  // see freshened
  kOutdates,  // another version is there: stale from now on
};
[[nodiscard]] HeadEffect head_effect(const http::ResponseHead& head, const StoredHead& stored);

}  // namespace outrigger::filters
