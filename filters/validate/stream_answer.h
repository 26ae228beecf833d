// An event stream and the answer that it makes, both ways: what was held until it was whole becomes
// the body that the same call has without a stream, is checked and mended as such, and becomes a
// stream again. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filters/validate/form.h"

namespace outrigger::filters {

enum class Events : std::uint8_t {
  kSse,
  kArray,  // Gemini without alt=sse: the elements of one list
};

// The answer of a stream that is whole; nothing where an event cannot be read, or tells of a
// failure. Arguments that came in pieces and are no JSON together stand where their object would,
// as a string.
[[nodiscard]] std::optional<std::string> assemble(Form form, Events events,
                                                  std::string_view stream);

// A stream that makes `answer`, as the provider's own libraries read it: what opens it, each text
// in one piece, what closes it with the usage, its terminator.
[[nodiscard]] std::optional<std::string> as_stream(Form form, Events events,
                                                   std::string_view answer);

}  // namespace outrigger::filters
