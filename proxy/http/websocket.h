// The opening handshake of a WebSocket (RFC 6455 4), which HTTP/2 does without (RFC 8441 5): made
// up where a WebSocket crosses from one protocol to the other. Pure but for the key.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::http {

// A fresh Sec-WebSocket-Key: 16 random bytes in base 64.
std::string websocket_key();
// The Sec-WebSocket-Accept that answers a key.
std::string websocket_accept(std::string_view key);

}  // namespace outrigger::http
