// The event that tells a client in its own dialect that its stream is lost (llm 2.3, "Synthetic
// error frame": each form makes the provider's own SDKs raise). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/dialect.h"

namespace outrigger::http {

// `code`: a problem's, such as `stream_truncated`; `sequence`: the number of a Responses event. The
// bytes are one whole event; between events they may stand anywhere.
[[nodiscard]] std::string error_event(Dialect dialect, std::string_view code,
                                      std::string_view message, std::uint64_t sequence);

}  // namespace outrigger::http
