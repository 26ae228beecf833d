#include "proxy/http/h2_headers.h"

#include <charconv>

#include "proxy/http/h1_grammar.h"
#include "proxy/http/status.h"

namespace outrigger::http {
namespace {

constexpr std::size_t kFieldOverhead = 32;  // RFC 9113 6.5.2
constexpr std::size_t kMaxMethod = 32;      // architecture 9, rule 1

nghttp2_nv pair(std::string_view name, std::string_view value,
                std::uint8_t flags = NGHTTP2_NV_FLAG_NONE) noexcept {
  const auto bytes = [](std::string_view text) {
    // nghttp2 copies and never writes, but its type is not const.
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

// Connection-specific fields (RFC 9113 8.2.2); Host travels as :authority.
bool stays_behind(const Field& field) noexcept {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
    case HeaderId::kHttp2Settings:
      return true;
    case HeaderId::kTe:
      return !equals_ignore_case(field.value, "trailers");
    default:
      return false;
  }
}

// Secrets never enter the compression table that all requests of a connection share: a caller could
// otherwise guess another's byte by byte from lengths (RFC 7541 7.1.3).
std::uint8_t indexing(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kAuthorization:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kApiKey:
    case HeaderId::kXApiKey:
    case HeaderId::kXGoogApiKey:
    case HeaderId::kCookie:
      return NGHTTP2_NV_FLAG_NO_INDEX;
    default:
      return NGHTTP2_NV_FLAG_NONE;
  }
}

// Only what could split or end a field: the rest was checked when it was received.
bool splits(std::string_view value) noexcept {
  bool bad = false;
  for (const char c : value) bad |= (c == '\r') | (c == '\n') | (c == '\0');
  return bad;
}

Status add_field(const Field& field, H2Fields& out) {
  if (!is_token(field.name) || splits(field.value)) {
    return fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error",
                "a field that cannot be sent reached the HTTP/2 encoder");
  }
  out.push_back(pair(field.name, field.value, indexing(field.id)));
  return {};
}

Refusal bad_request(std::string_view code, std::string_view detail) noexcept {
  return {400, code, detail};
}

std::optional<Refusal> check_authority(const RequestHead& head) {
  const Field* host = head.headers.find(HeaderId::kHost);
  if (head.headers.count(HeaderId::kHost) > 1) {
    return bad_request("duplicate_host", "more than one Host field");
  }
  const std::optional<AuthorityParts> authority = split_authority(head.authority);
  if (!authority) return bad_request("bad_authority", "the authority is not host[:port]");
  if (host == nullptr) return std::nullopt;
  const std::optional<AuthorityParts> other = split_authority(host->value);
  const std::uint16_t port = head.scheme == "http" ? 80 : 443;
  if (!other || !same_authority(*authority, *other, port)) {
    return bad_request("authority_mismatch", ":authority and Host differ");
  }
  return std::nullopt;
}

std::optional<Refusal> check_request(RequestHead& head) {
  if (head.method_text.size() > kMaxMethod) {
    return Refusal{501, "method_too_long", "the method has more than 32 characters"};
  }
  if (head.method == Method::kConnect && head.protocol.empty()) {
    head.form = TargetForm::kAuthority;
    head.target = head.authority;
    return check_authority(head);
  }
  if (!equals_ignore_case(head.scheme, "http") && !equals_ignore_case(head.scheme, "https")) {
    return bad_request("bad_scheme", ":scheme is neither http nor https");
  }
  if (head.target == "*" && head.method == Method::kOptions) {
    head.form = TargetForm::kAsterisk;
  } else if (head.target.empty() || head.target.front() != '/' || !is_target(head.target)) {
    return bad_request("bad_target", ":path is not an origin-form target");
  }
  return check_authority(head);
}

}  // namespace

void H2HeadBuilder::begin() noexcept {
  text_.clear();
  fields_.clear();
  for (Span& span : pseudo_) span = {};
  count_ = bytes_ = 0;
  too_large_ = false;
}

H2HeadBuilder::Pseudo H2HeadBuilder::pseudo_of(std::string_view name) noexcept {
  if (name == ":method") return Pseudo::kMethod;
  if (name == ":scheme") return Pseudo::kScheme;
  if (name == ":authority") return Pseudo::kAuthority;
  if (name == ":path") return Pseudo::kPath;
  if (name == ":protocol") return Pseudo::kProtocol;
  if (name == ":status") return Pseudo::kStatus;
  return Pseudo::kCount;
}

void H2HeadBuilder::add(std::string_view name, std::string_view value) {
  if (too_large_) return;
  bytes_ += name.size() + value.size() + kFieldOverhead;
  const bool pseudo = !name.empty() && name.front() == ':';
  if (!pseudo) ++count_;
  if (bytes_ > limits_.head_bytes || name.size() + value.size() > limits_.field_bytes ||
      count_ > limits_.fields) {
    too_large_ = true;
    return;
  }
  const auto at = static_cast<std::uint32_t>(text_.size());
  const auto name_size = static_cast<std::uint32_t>(name.size());
  text_.append(name).append(value);
  const Span span{at, name_size, at + name_size, static_cast<std::uint32_t>(value.size())};
  if (!pseudo) {
    fields_.push_back(span);
    return;
  }
  const Pseudo kind = pseudo_of(name);
  if (kind != Pseudo::kCount) pseudo_[static_cast<std::size_t>(kind)] = span;
}

std::string_view H2HeadBuilder::in(const Slice& text, const Span& span) const noexcept {
  return span.name_size == 0 ? std::string_view{}
                             : text.view().substr(span.value_at, span.value_size);
}

void H2HeadBuilder::fields_into(Headers& headers, const Slice& text) const {
  headers.reserve(fields_.size() + 4);  // room for what a proxy adds
  const std::string_view all = text.view();
  for (const Span& span : fields_) {
    const std::string_view name = all.substr(span.name_at, span.name_size);
    headers.add_view(header_id(name), name, all.substr(span.value_at, span.value_size));
  }
  headers.keep(text);
}

std::optional<Refusal> H2HeadBuilder::check_fields() const {
  for (const Span& span : fields_) {
    const std::string_view name(text_.data() + span.name_at, span.name_size);
    if (name.find('_') != std::string_view::npos && imitates_guarded(name)) {
      return bad_request("guarded_name", "an underscore spelling of a guarded field");
    }
  }
  return std::nullopt;
}

std::optional<Refusal> H2HeadBuilder::take(RequestHead& head) {
  const Slice text = Slice::copy(text_);
  const auto pseudo = [&](Pseudo which) {
    return in(text, pseudo_[static_cast<std::size_t>(which)]);
  };
  head.version = Version::kHttp2;
  head.method_text = pseudo(Pseudo::kMethod);
  head.method = method_of(head.method_text);
  head.form = TargetForm::kOrigin;
  head.scheme = pseudo(Pseudo::kScheme);
  head.authority = pseudo(Pseudo::kAuthority);
  head.target = pseudo(Pseudo::kPath);
  head.protocol = pseudo(Pseudo::kProtocol);
  fields_into(head.headers, text);
  if (head.authority.empty()) head.authority = head.headers.get(HeaderId::kHost);
  if (too_large_) return Refusal{431, "header_too_large", "the header fields exceed the limits"};
  if (std::optional<Refusal> refusal = check_fields()) return refusal;
  if (std::optional<Refusal> refusal = check_request(head)) return refusal;
  join_cookies(head.headers);
  return std::nullopt;
}

std::optional<Refusal> H2HeadBuilder::take(ResponseHead& head) {
  const Slice text = Slice::copy(text_);
  const std::string_view status = in(text, pseudo_[static_cast<std::size_t>(Pseudo::kStatus)]);
  head.version = Version::kHttp2;
  head.status = 0;
  for (const char digit : status) head.status = head.status * 10 + (digit - '0');
  fields_into(head.headers, text);
  if (too_large_) {
    return Refusal{502, "http_response_header_section_size",
                   "the response head exceeds the limits"};
  }
  if (status.size() != 3 || head.status < 100 || head.status > 599 || head.status == 101) {
    return Refusal{502, "http_protocol_error", "the response has no valid status"};
  }
  return std::nullopt;
}

std::optional<Refusal> H2HeadBuilder::take_trailers(Headers& trailers) {
  if (too_large_) {
    return Refusal{431, "http_response_trailer_section_size", "the trailers exceed the limits"};
  }
  const Slice text = Slice::copy(text_);
  fields_into(trailers, text);
  for (const Field& field : trailers) {
    if (stays_behind(field) || is_guarded(field.name) || imitates_guarded(field.name)) {
      return bad_request("guarded_trailer", "a trailer that may only be a header field");
    }
  }
  return std::nullopt;
}

void join_cookies(Headers& headers) {
  if (headers.count(HeaderId::kCookie) < 2) return;
  std::string joined;
  for (const Field& field : headers) {
    if (field.id != HeaderId::kCookie) continue;
    if (!joined.empty()) joined += "; ";
    joined += field.value;
  }
  const std::string_view text = headers.intern(joined);
  bool first = true;
  std::erase_if(headers.fields(), [&](Field& field) {
    if (field.id != HeaderId::kCookie) return false;
    if (!first) return true;
    first = false;
    field.value = text;
    return false;
  });
}

std::optional<std::uint64_t> h2_content_length(const Headers& headers) noexcept {
  const Field* field = headers.find(HeaderId::kContentLength);
  if (field == nullptr) return std::nullopt;
  std::uint64_t length = 0;
  const char* end = field->value.data() + field->value.size();
  const auto [at, error] = std::from_chars(field->value.data(), end, length);
  if (error != std::errc{} || at != end) return std::nullopt;
  return length;
}

Status request_fields(const RequestHead& head, std::string_view scheme, H2Fields& out) {
  out.clear();
  const bool connect = head.method == Method::kConnect;
  const bool extended = !head.protocol.empty();
  const bool upgrade = extended && !connect;
  if (head.authority.empty() || splits(head.authority) || splits(head.target)) {
    return fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error",
                "a request without a valid authority reached the HTTP/2 encoder");
  }
  out.push_back(pair(":method", extended ? std::string_view("CONNECT") : head.method_text));
  if (extended) out.push_back(pair(":protocol", head.protocol));
  if (!connect || extended) {
    out.push_back(pair(":scheme", scheme));
    out.push_back(pair(":path", head.target));
  }
  out.push_back(pair(":authority", head.authority));
  for (const Field& field : head.headers) {
    if (stays_behind(field) || field.id == HeaderId::kHost) continue;
    if (upgrade && equals_ignore_case(field.name, "sec-websocket-key")) continue;
    if (Status status = add_field(field, out); !status) return status;
  }
  return {};
}

Status response_fields(const ResponseHead& head, char (&status_text)[3], H2Fields& out) {
  out.clear();
  const bool upgrade = head.status == 101;
  // Neither may announce a length (RFC 9110 8.6).
  const bool no_length = is_informational(head.status) || head.status == 204;
  const int status = upgrade ? 200 : head.status;
  status_text[0] = static_cast<char>('0' + status / 100 % 10);
  status_text[1] = static_cast<char>('0' + status / 10 % 10);
  status_text[2] = static_cast<char>('0' + status % 10);
  out.push_back(pair(":status", std::string_view(status_text, 3)));
  for (const Field& field : head.headers) {
    if (stays_behind(field) || (no_length && field.id == HeaderId::kContentLength)) continue;
    if (upgrade && equals_ignore_case(field.name, "sec-websocket-accept")) continue;
    if (Status added = add_field(field, out); !added) return added;
  }
  return {};
}

Status trailer_fields(const Headers& trailers, H2Fields& out) {
  out.clear();
  for (const Field& field : trailers) {
    if (stays_behind(field)) continue;
    if (Status added = add_field(field, out); !added) return added;
  }
  return {};
}

}  // namespace outrigger::http
