// Where an HTTP/1 message body ends: decided once, from validated fields, by the strict reading of
// RFC 9112 6.3 (architecture 9, rule 2). Any conflict is a refusal; the connection closes. Pure
// functions.
#pragma once

#include <cstdint>
#include <expected>

#include "proxy/http/h1_fields.h"
#include "proxy/http/message.h"

namespace outrigger::http {

struct BodyFraming {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // of kLength
  bool operator==(const BodyFraming&) const = default;
};

// Never kUntilClose. Refuses with 400, with 501 for a transfer coding other than chunked, and with
// 417 for an expectation other than 100-continue.
[[nodiscard]] std::expected<BodyFraming, Refusal> request_framing(const RequestHead& head);
// Refuses with 502. `of_request` is the method that was answered: HEAD and CONNECT change the
// framing.
[[nodiscard]] std::expected<BodyFraming, Refusal> response_framing(const ResponseHead& head,
                                                                   Method of_request);

// Whether the connection may carry another message after this one (RFC 9112 9.3). Ask before the
// hop-by-hop fields are removed.
[[nodiscard]] bool keep_alive(const RequestHead& head) noexcept;
[[nodiscard]] bool keep_alive(const ResponseHead& head, const BodyFraming& framing) noexcept;

// The client waits for 100 Continue before it sends the body (RFC 9110 10.1.1); never for HTTP/1.0.
[[nodiscard]] bool expects_continue(const RequestHead& head) noexcept;

}  // namespace outrigger::http
