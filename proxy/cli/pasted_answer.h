// An answer as people paste it: what curl prints, a body alone, an event of a stream. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/headers.h"

namespace outrigger::cli {

struct PastedAnswer {
  int status = 200;
  http::Headers headers;
  std::string body;        // decoded; of an event its data
  bool in_stream = false;  // `body` is an error event in a stream
  std::string event_type;  // of that event
};

enum class PasteKind : std::uint8_t { kAnswer, kStream };

// Reads a status line, headers, an empty line and a body, with line ends of any kind: of several
// answers one behind the other (100 Continue, a proxy's 200, redirects) the last; of `curl -v` the
// lines that came from the server. Text without a status line is a body, and needs `status`. Of a
// stream, which kStream or its content type says, the first event that tells of an error counts.
// Error: one line for a person, in `detail`.
[[nodiscard]] Result<PastedAnswer> read_pasted(std::string_view text, std::optional<int> status,
                                               PasteKind kind);

}  // namespace outrigger::cli
