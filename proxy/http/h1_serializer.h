// Writes HTTP/1.1 heads and chunk lines. Framing and connection fields are generated, never copied,
// and every name, value and target is checked again, so that no filter and no configuration can
// split a message (architecture 9, rule 4). Pure functions on a Buffer.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/base/buffer.h"
#include "proxy/base/result.h"
#include "proxy/http/h1_framing.h"
#include "proxy/http/message.h"

namespace outrigger::http {

enum class ConnectionOption : std::uint8_t { kKeepAlive, kClose, kUpgrade };

inline constexpr std::string_view kCrlf = "\r\n";            // ends a chunk's data
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";  // ends a body without trailers

// All writers append. An Error is Errc::kInternal with reason `unsafe_field`: a part would have
// broken the message's grammar; then the buffer is as before and nothing may be sent.

// Request line in origin-form (`head.target`; the authority of a CONNECT, "*"), Host first unless
// the fields hold it, fields in their order. Content-Length is written once, from the framing: in
// its place, or added. The Cookie fields of an HTTP/2 request are joined (RFC 9113 8.2.3). kUpgrade
// writes `Upgrade: <head.protocol>`.
[[nodiscard]] Status write_request(Buffer& out, const RequestHead& head, const BodyFraming& framing,
                                   ConnectionOption connection);

// Status line (always HTTP/1.1; an empty reason becomes the standard one) and fields. With kNone a
// Content-Length stays as it is (HEAD, 304), except in 1xx and 204, which have none. kUntilClose
// and kUpgrade need no length; kUpgrade writes the Upgrade field of `head` beside `Connection:
// Upgrade`. HTTP/1.0 clients are told keep-alive or close, and are never given kChunked by the
// caller.
[[nodiscard]] Status write_response(Buffer& out, const ResponseHead& head,
                                    const BodyFraming& framing, ConnectionOption connection,
                                    Version client);

// The line in front of `n` bytes of data, n > 0; kCrlf follows the data.
void write_chunk_head(Buffer& out, std::size_t n);
// The end of a chunked body; `trailers` may be nullptr. Only trailers of TrailerRule::kPass are
// written.
[[nodiscard]] Status write_last_chunk(Buffer& out, const Headers* trailers);

}  // namespace outrigger::http
