#include "proxy/http/h1_framing.h"

#include <charconv>
#include <optional>

#include "proxy/http/h1_grammar.h"

namespace outrigger::http {
namespace {

using Kind = BodyFraming::Kind;
using Framing = std::expected<BodyFraming, Refusal>;

std::unexpected<Refusal> refuse(int status, std::string_view code, std::string_view detail) {
  return std::unexpected(Refusal{status, code, detail});
}

// 1 to 18 digits and nothing else (architecture 9, rule 2): no sign, no list, no overflow.
std::optional<std::uint64_t> parse_length(std::string_view value) noexcept {
  if (value.empty() || value.size() > 18) return std::nullopt;
  std::uint64_t length = 0;
  for (const char digit : value) {
    if (!in_class(digit, CharClass::kDigit)) return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return length;
}

// A Transfer-Encoding that is not exactly `chunked`: 501 when it is a coding that we merely do not
// have, 400 when its framing is unclear (RFC 9112 6.1, 6.3).
Refusal refused_coding(std::string_view value) noexcept {
  const Refusal unclear{400, "bad_transfer_encoding",
                        "the transfer coding is malformed or not final"};
  bool chunked = false;
  for (std::string_view item; next_list_item(value, item);) {
    if (chunked || !is_token(item)) return unclear;
    chunked = equals_ignore_case(item, "chunked");
  }
  return {501, "transfer_coding_not_supported", "the only transfer coding here is chunked"};
}

// What the two framing fields say together, in any message; kNone when there is neither.
Framing framing_of(const Headers& headers, Version version) {
  const std::size_t codings = headers.count(HeaderId::kTransferEncoding);
  const std::size_t lengths = headers.count(HeaderId::kContentLength);
  if (codings != 0 && lengths != 0) {
    return refuse(400, "length_and_coding", "both Content-Length and Transfer-Encoding are given");
  }
  if (codings > 1) {
    return refuse(400, "repeated_transfer_encoding", "more than one Transfer-Encoding field");
  }
  if (codings == 1) {
    if (version == Version::kHttp10) {
      return refuse(400, "coding_in_http10", "Transfer-Encoding does not exist in HTTP/1.0");
    }
    const std::string_view coding = headers.get(HeaderId::kTransferEncoding);
    if (!equals_ignore_case(coding, "chunked")) return std::unexpected(refused_coding(coding));
    return BodyFraming{Kind::kChunked, 0};
  }
  if (lengths > 1) return refuse(400, "repeated_length", "more than one Content-Length field");
  if (lengths == 0) return BodyFraming{};
  const auto length = parse_length(headers.get(HeaderId::kContentLength));
  if (!length) return refuse(400, "bad_length", "Content-Length is not a number of 1 to 18 digits");
  return BodyFraming{Kind::kLength, *length};
}

bool has_content(const BodyFraming& framing) noexcept {
  return framing.kind == Kind::kChunked || framing.length != 0;
}

bool connection_says(const Headers& headers, std::string_view option) noexcept {
  for (const Field& field : headers) {
    if (field.id == HeaderId::kConnection && list_contains(field.value, option)) return true;
  }
  return false;
}

bool is_persistent(const Headers& headers, Version version) noexcept {
  if (connection_says(headers, "close")) return false;
  return version != Version::kHttp10 || connection_says(headers, "keep-alive");
}

constexpr bool is_interim(int status) noexcept {
  return status < 200;
}

}  // namespace

std::expected<BodyFraming, Refusal> request_framing(const RequestHead& head) {
  for (const Field& field : head.headers) {
    if (field.id == HeaderId::kExpect && !equals_ignore_case(field.value, "100-continue")) {
      return refuse(417, "unknown_expectation", "the only expectation here is 100-continue");
    }
  }
  Framing framing = framing_of(head.headers, head.version);
  if (!framing || !has_content(*framing)) return framing;
  if (head.method == Method::kConnect || head.method == Method::kTrace) {
    return refuse(400, "content_not_allowed", "CONNECT and TRACE requests have no content");
  }
  return framing;
}

std::expected<BodyFraming, Refusal> response_framing(const ResponseHead& head, Method of_request) {
  // RFC 9112 6.3, item 2: both fields are ignored, what follows is the tunnel.
  const bool tunnel = of_request == Method::kConnect && head.status >= 200 && head.status < 300;
  if (tunnel) return BodyFraming{};
  const Framing framing = framing_of(head.headers, head.version);
  if (!framing) return refuse(502, framing.error().code, framing.error().detail);
  if (is_interim(head.status)) {
    if (has_content(*framing)) {
      return refuse(502, "content_not_allowed", "an interim answer has no content");
    }
    return BodyFraming{};
  }
  if (of_request == Method::kHead || head.status == 204 || head.status == 304) return BodyFraming{};
  if (framing->kind == Kind::kNone) return BodyFraming{Kind::kUntilClose, 0};
  return *framing;
}

bool keep_alive(const RequestHead& head) noexcept {
  return is_persistent(head.headers, head.version);
}

bool keep_alive(const ResponseHead& head, const BodyFraming& framing) noexcept {
  if (framing.kind == Kind::kUntilClose) return false;
  // A 204 that announces content may be followed by it: those bytes must not meet the next request.
  if (head.status == 204) {
    const std::string_view length = head.headers.get(HeaderId::kContentLength);
    if (head.headers.count(HeaderId::kTransferEncoding) != 0) return false;
    if (!length.empty() && parse_length(length) != 0u) return false;
  }
  return is_persistent(head.headers, head.version);
}

bool expects_continue(const RequestHead& head) noexcept {
  return head.version != Version::kHttp10 &&
         equals_ignore_case(head.headers.get(HeaderId::kExpect), "100-continue");
}

}  // namespace outrigger::http
