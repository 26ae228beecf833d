// Whether a request asks for an event stream, and in which dialect: before any answer tells. Pure.
#pragma once

#include "config/policies.h"
#include "proxy/http/dialect.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// By `Accept: text/event-stream`, by `"stream": true` at the top of a JSON body that is in memory,
// or by Gemini's method with alt=sse.
[[nodiscard]] bool asks_for_stream(const http::Request& request);

// The dialect in which such a client is told that there is no answer.
[[nodiscard]] http::Dialect asked_dialect(config::Dialect dialect, std::string_view path) noexcept;

}  // namespace outrigger::filters
