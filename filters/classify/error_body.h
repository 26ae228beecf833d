// Decodes the body of an error answer, with a bound on what comes out: a service may compress what
// it has to say, and the classifier must read it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::filters {

// How much of an error body is read, and how much is made of it (resilience 3 item 4).
inline constexpr std::size_t kErrorBodyBytes = 64 * 1024;

struct DecodedBody {
  std::string text;
  bool complete = false;  // all of it: the coding's own end was met within the bound
};

// `encoding` is the value of Content-Encoding: gzip, deflate (with or without zlib's wrapping), br,
// zstd, identity, or a list of at most two of them. Of cut or broken input comes what could be
// decoded before; never more than `limit` bytes, whatever the input expands to. Nothing for a
// coding that is not known.
[[nodiscard]] std::optional<DecodedBody> decode_bounded(std::string_view encoding,
                                                        std::string_view bytes, std::size_t limit);

}  // namespace outrigger::filters
