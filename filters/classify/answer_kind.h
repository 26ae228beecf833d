// What an answer is to the classifier, by its head alone: whether it can be judged at once, must be
// read first, or is judged as it passes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/policies.h"
#include "proxy/http/dialect_stream.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

enum class AnswerKind : std::uint8_t {
  kPlain,      // judged by its head, and by its framing at the end
  kGrpc,       // by its trailers
  kSuspect,    // the body says what it is: an error, or a success that a rule doubts
  kEvents,     // by its events
  kArray,      // by its end: the elements of an array, passed as they come
  kWhole,      // held until it is whole, then checked
  kWrongType,  // a page for people where an API was called
};

// `wants_body`: what the classifier says of this head.
[[nodiscard]] AnswerKind answer_kind(const http::RequestHead& request,
                                     const http::Response& response,
                                     const config::Policies& policies, bool wants_body) noexcept;

// How an answer of that type is cut into events; nothing for one that is no stream of them.
[[nodiscard]] std::optional<http::StreamFraming> framing_of(std::string_view content_type) noexcept;
// text/event-stream.
[[nodiscard]] bool is_event_stream(const http::Headers& headers) noexcept;
// How the answer is cut into events; meaningful for kEvents.
[[nodiscard]] http::StreamFraming stream_framing(const http::ResponseHead& head) noexcept;
// The grammar of the events: the framing has a say where it admits one only.
[[nodiscard]] http::Dialect stream_dialect(config::Dialect dialect,
                                           http::StreamFraming framing) noexcept;

// application/json and what ends in +json: one document, not a stream of them.
[[nodiscard]] bool is_json_type(std::string_view content_type) noexcept;
// The body stands as it is, without a content coding.
[[nodiscard]] bool is_identity(const http::Headers& headers) noexcept;

}  // namespace outrigger::filters
