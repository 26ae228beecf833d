// What a server says of when to come back, on any bytes: a head and a body, apart by an empty line.
// No hint is negative or beyond the bound, no body takes more than its share, and cutting JSON
// never makes it unreadable.
#include <cstdint>
#include <string>
#include <string_view>

#include "filters/classify/cut_json.h"
#include "filters/classify/error_body.h"
#include "filters/classify/hint_values.h"
#include "filters/classify/server_hints.h"
#include "tests/fuzz/require.h"

namespace outrigger::filters {
namespace {

constexpr double kNow = 1795806000;

void check(const std::optional<Hint>& hint) {
  if (!hint) return;
  require(hint->wait >= Duration{0}, "a hint is never negative");
  require(hint->wait <= kLongestHint, "a hint is bounded");
  require(!hint->from.empty(), "a hint says where it stands");
}

http::Headers headers_of(std::string_view head) {
  http::Headers headers;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find('\n'));
    head.remove_prefix(std::min(line.size() + 1, head.size()));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      headers.add(line.substr(0, colon), line.substr(colon + 1));
    }
  }
  return headers;
}

void check_hints(std::string_view bytes) {
  const std::size_t gap = bytes.find("\n\n");
  const std::string_view head = bytes.substr(0, gap);
  const std::string_view body = gap == std::string_view::npos ? "" : bytes.substr(gap + 2);
  const ServerHints hints = read_hints(headers_of(head), JsonAnswer(body), body, kNow);
  check(hints.asked);
  check(hints.reset);
}

void check_cut(std::string_view bytes) {
  const std::string closed = close_cut_json(bytes);
  require(closed.size() <= bytes.size() + 65, "closing adds only what closes");
  require(close_cut_json(closed) == closed, "a document that is closed stays as it is");
}

void check_decoding(std::string_view bytes) {
  for (const std::string_view coding : {"gzip", "deflate", "br", "zstd", "br, gzip"}) {
    const auto body = decode_bounded(coding, bytes, 512);
    require(body.has_value() && body->text.size() <= 512, "a decoded body is bounded");
  }
}

}  // namespace
}  // namespace outrigger::filters

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  outrigger::filters::check_hints(bytes);
  outrigger::filters::check_cut(bytes);
  outrigger::filters::check_decoding(bytes);
  return 0;
}
