#include "proxy/http/hop_by_hop.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"

namespace outrigger::http {
namespace {

// "name" or "name/version" (RFC 9110 7.8), of a protocol that we pass through as an opaque tunnel.
bool is_tunnelled_protocol(std::string_view protocol) noexcept {
  const std::size_t slash = protocol.find('/');
  const std::string_view name = protocol.substr(0, slash);
  if (!is_token(name)) return false;
  if (slash != std::string_view::npos && !is_token(protocol.substr(slash + 1))) return false;
  return !equals_ignore_case(name, "h2c") && !equals_ignore_case(name, "h2") &&
         !equals_ignore_case(name, "tls") && !equals_ignore_case(name, "http");
}

bool is_hop_by_hop(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// For this connection only, whatever Connection names.
bool ends_here(const Field& field) noexcept {
  return field.id == HeaderId::kTe || is_hop_by_hop(field.id) ||
         (field.id == HeaderId::kOther &&
          equals_ignore_case(field.name, "proxy-authentication-info"));
}

bool has_hop_by_hop(const Headers& headers) noexcept {
  return std::ranges::any_of(headers, ends_here);
}

// Connection cannot make us drop what gives a message its meaning.
bool may_be_nominated(const Field& field) noexcept {
  return field.id != HeaderId::kContentType && !is_guarded(field.name);
}

bool is_nominated(const Field& field, const Headers& headers) noexcept {
  return std::ranges::any_of(headers, [&](const Field& other) {
    return other.id == HeaderId::kConnection && list_contains(other.value, field.name);
  });
}

// Whether a TE list offers `trailers`, which has no weight (RFC 9110 10.1.4).
bool offers_trailers(const Headers& headers) noexcept {
  return std::ranges::any_of(headers, [](const Field& field) {
    return field.id == HeaderId::kTe && list_contains(field.value, "trailers");
  });
}

std::string_view protocol_text(Version version) noexcept {
  switch (version) {
    case Version::kHttp10:
      return "1.0 ";
    case Version::kHttp11:
      return "1.1 ";
    case Version::kHttp2:
      return "2 ";
  }
  __builtin_unreachable();
}

}  // namespace

std::string_view requested_upgrade(const Headers& headers) noexcept {
  const Field* upgrade = headers.find(HeaderId::kUpgrade);
  if (upgrade == nullptr || headers.count(HeaderId::kUpgrade) != 1) return {};
  if (!is_nominated(*upgrade, headers)) return {};
  std::string_view rest = upgrade->value;
  for (std::string_view protocol; next_list_item(rest, protocol);) {
    if (!is_tunnelled_protocol(protocol)) return {};
  }
  return upgrade->value;
}

void remove_hop_by_hop(Headers& headers) {
  if (!has_hop_by_hop(headers)) return;
  const bool trailers = offers_trailers(headers);
  const bool nominations = std::ranges::any_of(headers, [](const Field& field) {
    return field.id == HeaderId::kConnection && !equals_ignore_case(field.value, "keep-alive") &&
           !equals_ignore_case(field.value, "close");
  });
  // Before Connection itself goes; marked by an empty name, which no field has.
  if (nominations) {
    for (Field& field : headers.fields()) {
      if (is_hop_by_hop(field.id) || field.id == HeaderId::kTe) continue;
      if (may_be_nominated(field) && is_nominated(field, headers)) field.name = {};
    }
  }
  std::erase_if(headers.fields(),
                [](const Field& field) { return field.name.empty() || ends_here(field); });
  if (trailers) headers.add_view(HeaderId::kTe, "te", "trailers");
}

TrailerRule trailer_rule(const Field& field) noexcept {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kExpect:
    case HeaderId::kForwarded:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kUpgrade:
    case HeaderId::kVia:
    case HeaderId::kXForwardedFor:
      return TrailerRule::kRefuse;
    case HeaderId::kCacheControl:
    case HeaderId::kContentEncoding:
    case HeaderId::kContentType:
    case HeaderId::kDate:
    case HeaderId::kLocation:
    case HeaderId::kRetryAfter:
      return TrailerRule::kDrop;
    default:
      break;
  }
  if (is_guarded(field.name)) return TrailerRule::kRefuse;
  static constexpr std::string_view kMeaningless[] = {"age",
                                                      "content-language",
                                                      "content-range",
                                                      "expires",
                                                      "if-match",
                                                      "if-modified-since",
                                                      "if-none-match",
                                                      "if-range",
                                                      "if-unmodified-since",
                                                      "max-forwards",
                                                      "pragma",
                                                      "range",
                                                      "set-cookie",
                                                      "vary",
                                                      "warning",
                                                      "www-authenticate"};
  const bool drop = std::ranges::any_of(
      kMeaningless, [&](std::string_view name) { return equals_ignore_case(field.name, name); });
  return drop ? TrailerRule::kDrop : TrailerRule::kPass;
}

Via::Via(std::string_view pseudonym) : pseudonym_(pseudonym) {
  for (const Version version : {Version::kHttp10, Version::kHttp11, Version::kHttp2}) {
    values_[static_cast<std::size_t>(version)] =
        std::string(protocol_text(version)).append(pseudonym);
  }
}

bool Via::stands_in(const Headers& headers) const noexcept {
  for (const Field& field : headers) {
    if (field.id != HeaderId::kVia) continue;
    std::string_view rest = field.value;
    for (std::string_view hop; next_list_item(rest, hop);) {
      // received-protocol, received-by, perhaps a comment
      const std::size_t space = hop.find_first_of(" \t");
      if (space == std::string_view::npos) continue;
      const std::string_view by = trim_whitespace(hop.substr(space));
      if (equals_ignore_case(by.substr(0, by.find_first_of(" \t(")), pseudonym_)) return true;
    }
  }
  return false;
}

}  // namespace outrigger::http
