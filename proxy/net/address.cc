#include "proxy/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace outrigger {
namespace {

constexpr std::size_t kMaxLabel = 63;  // RFC 1035 2.3.4
constexpr std::size_t kMaxName = 253;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool all_digits(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}
char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// What a resolver of the inet_aton kind would take for (a part of) a number: 10, 0x0a, 0X (WHATWG
// URL, "ends in a number checker").
bool looks_numeric(std::string_view label) noexcept {
  if (all_digits(label)) return true;
  if (label.size() < 2 || label[0] != '0' || lower(label[1]) != 'x') return false;
  return std::all_of(label.begin() + 2, label.end(),
                     [](char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); });
}

bool valid_label(std::string_view label) noexcept {
  if (label.empty() || label.size() > kMaxLabel) return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '_'; });
}

std::optional<std::string> canonical_ipv6(std::string_view text) {
  const std::optional<SocketAddress> address = SocketAddress::parse(text, 0);
  if (!address || address->family() != AF_INET6) return std::nullopt;
  return address->host();
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (!all_digits(text) || text.size() > 5 || text[0] == '0') return std::nullopt;
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

}  // namespace

SocketAddress::SocketAddress() noexcept {
  std::memset(&storage_, 0, sizeof storage_);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view ip, std::uint16_t port) {
  char text[INET6_ADDRSTRLEN];
  if (ip.empty() || ip.size() >= sizeof text || ip.find('\0') != ip.npos) return std::nullopt;
  text[ip.copy(text, sizeof text - 1)] = '\0';
  SocketAddress address;
  if (inet_pton(AF_INET, text, &address.storage_.v4.sin_addr) == 1) {
    address.storage_.v4.sin_family = AF_INET;
    address.storage_.v4.sin_port = htons(port);
    return address;
  }
  if (inet_pton(AF_INET6, text, &address.storage_.v6.sin6_addr) == 1) {
    address.storage_.v6.sin6_family = AF_INET6;
    address.storage_.v6.sin6_port = htons(port);
    return address;
  }
  return std::nullopt;
}

SocketAddress SocketAddress::from(const sockaddr* address, socklen_t size) noexcept {
  SocketAddress result;
  if (address != nullptr) {
    std::memcpy(&result.storage_, address, std::min<std::size_t>(size, sizeof result.storage_));
  }
  return result;
}

std::optional<SocketAddress> SocketAddress::unix_path(std::string_view path) {
  SocketAddress address;
  sockaddr_un& local = address.storage_.local;
  if (path.empty() || path.size() >= sizeof local.sun_path || path.find('\0') != path.npos) {
    return std::nullopt;
  }
  local.sun_family = AF_UNIX;
  path.copy(local.sun_path, path.size());
  return address;
}

socklen_t SocketAddress::size() const noexcept {
  switch (family()) {
    case AF_INET:
      return sizeof storage_.v4;
    case AF_INET6:
      return sizeof storage_.v6;
    case AF_UNIX:
      return static_cast<socklen_t>(
          offsetof(sockaddr_un, sun_path) +
          strnlen(storage_.local.sun_path, sizeof storage_.local.sun_path) + 1);
    default:
      return sizeof(sa_family_t);
  }
}

std::uint16_t SocketAddress::port() const noexcept {
  switch (family()) {
    case AF_INET:
      return ntohs(storage_.v4.sin_port);
    case AF_INET6:
      return ntohs(storage_.v6.sin6_port);
    default:
      return 0;
  }
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const noexcept {
  SocketAddress result = *this;
  if (family() == AF_INET) result.storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) result.storage_.v6.sin6_port = htons(port);
  return result;
}

std::string_view SocketAddress::bytes() const noexcept {
  switch (family()) {
    case AF_INET:
      return {reinterpret_cast<const char*>(&storage_.v4.sin_addr), 4};
    case AF_INET6:
      return {reinterpret_cast<const char*>(&storage_.v6.sin6_addr), 16};
    default:
      return {};
  }
}

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  switch (family()) {
    case AF_INET:
      return inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
    case AF_INET6:
      return inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
    case AF_UNIX:
      return {storage_.local.sun_path,
              strnlen(storage_.local.sun_path, sizeof storage_.local.sun_path)};
    default:
      return {};
  }
}

std::string SocketAddress::to_string() const {
  switch (family()) {
    case AF_INET:
      return host() + ":" + std::to_string(port());
    case AF_INET6:
      return "[" + host() + "]:" + std::to_string(port());
    case AF_UNIX:
      return "unix:" + host();
    default:
      return "unknown";
  }
}

bool SocketAddress::operator==(const SocketAddress& other) const noexcept {
  if (family() != other.family()) return false;
  if (family() == AF_UNIX) {
    return std::strncmp(storage_.local.sun_path, other.storage_.local.sun_path,
                        sizeof storage_.local.sun_path) == 0;
  }
  return port() == other.port() && bytes() == other.bytes() &&
         (family() != AF_INET6 || storage_.v6.sin6_scope_id == other.storage_.v6.sin6_scope_id);
}

std::optional<std::string> canonical_host(std::string_view host) {
  if (host.find(':') != host.npos) return canonical_ipv6(host);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > kMaxName) return std::nullopt;
  std::string_view label;
  for (std::string_view rest = host;;) {
    const std::size_t dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!valid_label(label)) return std::nullopt;
    if (dot == rest.npos) break;
    rest.remove_prefix(dot + 1);
  }
  // A last label that is a number means an IPv4 address, of which one form is unambiguous.
  if (looks_numeric(label) && !SocketAddress::parse(host, 0)) return std::nullopt;
  std::string result(host);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

std::optional<Authority> parse_authority(std::string_view text) {
  std::string_view host;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos) return std::nullopt;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (host.find(':') == host.npos) return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    rest = colon == text.npos ? std::string_view{} : text.substr(colon);
  }
  Authority authority;
  if (!rest.empty()) {
    if (rest[0] != ':') return std::nullopt;
    authority.port = parse_port(rest.substr(1));
    if (!authority.port) return std::nullopt;
  }
  std::optional<std::string> canonical = canonical_host(host);
  if (!canonical) return std::nullopt;
  authority.host = std::move(*canonical);
  return authority;
}

}  // namespace outrigger
