// Field lists of HTTP/2 (RFC 9113 8) to and from our message heads. nghttp2 enforces the
// pseudo-field rules; what it leaves open is decided here, as strictly as for HTTP/1 (architecture
// 8 and 9). Pure.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/h1_fields.h"
#include "proxy/http/message.h"

namespace outrigger::http {

// Collects one header block. One per session and used again for each block, for blocks never
// interleave.
class H2HeadBuilder {
 public:
  explicit H2HeadBuilder(HeadLimits limits) noexcept : limits_(limits) {}

  void begin() noexcept;
  // Takes a decoded pair. Past the limits it only notes that they were passed: a bomb costs no
  // memory.
  void add(std::string_view name, std::string_view value);

  // Each reads the collected block. A refusal's status is 400 or 431 for a request, 502 for a
  // response.
  [[nodiscard]] std::optional<Refusal> take(RequestHead& head);
  [[nodiscard]] std::optional<Refusal> take(ResponseHead& head);
  [[nodiscard]] std::optional<Refusal> take_trailers(Headers& trailers);

 private:
  enum class Pseudo : std::uint8_t {
    kMethod,
    kScheme,
    kAuthority,
    kPath,
    kProtocol,
    kStatus,
    kCount
  };
  struct Span {
    std::uint32_t name_at, name_size, value_at, value_size;
  };
  static Pseudo pseudo_of(std::string_view name) noexcept;
  void fields_into(Headers& headers, const Slice& text) const;
  [[nodiscard]] std::optional<Refusal> check_fields() const;
  [[nodiscard]] std::string_view in(const Slice& text, const Span& span) const noexcept;

  HeadLimits limits_;
  std::string text_;
  std::vector<Span> fields_;
  Span pseudo_[static_cast<std::size_t>(Pseudo::kCount)]{};
  std::size_t count_ = 0;  // with pseudo-fields
  std::size_t bytes_ = 0;  // RFC 9113 6.5.2: names, values and 32 each
  bool too_large_ = false;
};

// Joins the crumbs of a cookie with "; " into the first of them (RFC 9113 8.2.3).
void join_cookies(Headers& headers);

// Content-Length of a checked head; absent when there is none.
std::optional<std::uint64_t> h2_content_length(const Headers& headers) noexcept;

using H2Fields = std::vector<nghttp2_nv>;

// The pairs to send, as views into `head` (and literals). Connection-specific fields are left out,
// Host too where :authority is sent, `te` unless it is "trailers"; values that could split or never
// be valid are an internal error, not an escape (architecture 9, rule 4). `out` is cleared first.
// A request with `protocol` becomes an extended CONNECT (RFC 8441), without the Sec-WebSocket-Key
// of an HTTP/1 upgrade.
Status request_fields(const RequestHead& head, std::string_view scheme, H2Fields& out);
// `status_text` is storage for the three digits. A 101 is sent as 200 (RFC 8441 5).
Status response_fields(const ResponseHead& head, char (&status_text)[3], H2Fields& out);
Status trailer_fields(const Headers& trailers, H2Fields& out);

}  // namespace outrigger::http
