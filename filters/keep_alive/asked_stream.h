// Whether a request asks for an event stream, and in which dialect: before any answer tells. Pure.
#pragma once

#include "config/policies.h"
#include "proxy/http/dialect.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// By `Accept: text/event-stream`, by `"stream": true` at the top of the JSON that `body` begins
// with, or by Gemini's method with alt=sse.
[[nodiscard]] bool asks_for_stream(const http::RequestHead& head, std::string_view body);

// The dialect in which such a client is told that there is no answer.
[[nodiscard]] http::Dialect asked_dialect(config::Dialect dialect, std::string_view path) noexcept;

}  // namespace outrigger::filters
