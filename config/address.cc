#include "config/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include <fmt/format.h>

#include "config/units.h"

namespace outrigger::config {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

std::unexpected<AddressError> wrong(std::string message, std::string hint = {}) {
  return std::unexpected(AddressError{std::move(message), std::move(hint)});
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

std::optional<Bytes> parse_ip(int family, std::string_view text) {
  Bytes bytes{};
  const std::string terminated(text);
  if (inet_pton(family, terminated.c_str(), bytes.data()) != 1) return std::nullopt;
  return bytes;
}

std::string print_ip(int family, const Bytes& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return inet_ntop(family, bytes.data(), text.data(), text.size());
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto port = parse_integer(text);
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

bool valid_label(std::string_view label) {
  const auto good = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, good);
}

// inet_aton reads it as an address: the last label is a number in some base.
bool looks_numeric(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.starts_with("0x")) return true;
  return last.find_first_not_of("0123456789") == std::string_view::npos;
}

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};

// host, host:port, [v6], [v6]:port
std::expected<HostPort, AddressError> parse_authority(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  const std::size_t colon = text.rfind(':');
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return wrong("lacks a `]`");
    host = text.substr(1, end - 1);
    if (!parse_ip(AF_INET6, host)) return wrong("has no IPv6 address in its brackets");
    if (end + 1 < text.size() && text[end + 1] != ':') return wrong("has text behind its `]`");
    has_port = end + 1 < text.size();
    port = has_port ? text.substr(end + 2) : std::string_view{};
  } else if (colon != std::string_view::npos) {
    if (text.find(':') != colon)
      return wrong("has more than one colon", "write an IPv6 address in brackets");
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  auto canonical = parse_host(host);
  if (!canonical) return std::unexpected(canonical.error());
  if (!has_port) return HostPort{*canonical, std::nullopt};
  const auto number = parse_port(port);
  if (!number) return wrong(fmt::format("has no port between 0 and 65535 behind its colon"));
  return HostPort{*canonical, number};
}

bool valid_path_byte(char c) noexcept {
  constexpr std::string_view kOther = "-._~!$&'()+,;=:@";
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         kOther.find(c) != std::string_view::npos;
}

// Empty and dot segments, and bytes that would need an escape.
std::optional<AddressError> check_segments(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (segment.empty()) return AddressError{"has an empty path segment", {}};
    if (segment == "." || segment == "..") return AddressError{"has a dot segment in its path", {}};
    if (segment.find('*') != std::string_view::npos) {
      return AddressError{"holds a pattern", "a prefix matches all that is below it; remove the *"};
    }
    if (!std::ranges::all_of(segment, valid_path_byte)) {
      return AddressError{"has a byte in its path that cannot be matched as received", {}};
    }
    path.remove_prefix(end);
  }
  return std::nullopt;
}

// ANDs the address with the prefix: true when a bit behind it is set.
bool has_host_bits(const Bytes& address, unsigned prefix, unsigned width) {
  for (unsigned bit = prefix; bit < width; ++bit) {
    if ((address[bit / 8] & (0x80U >> (bit % 8))) != 0) return true;
  }
  return false;
}

bool private_ipv4(const Bytes& b) {
  return b[0] == 10 || b[0] == 127 || (b[0] == 172 && (b[1] & 0xF0) == 16) ||
         (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
         (b[0] == 100 && (b[1] & 0xC0) == 64);
}

bool ipv6_loopback(const Bytes& b) {
  return b.back() == 1 &&
         std::ranges::all_of(b.begin(), b.end() - 1, [](auto byte) { return byte == 0; });
}

}  // namespace

std::expected<Endpoint, AddressError> parse_url(std::string_view text) {
  Endpoint endpoint;
  endpoint.url = text;
  const std::size_t separator = text.find("://");
  const std::string scheme = lower(text.substr(0, separator));
  if (separator == std::string_view::npos) {
    return wrong("is not a URL", text.empty() ? "" : fmt::format("write https://{}", text));
  }
  if (scheme != "https" && scheme != "http") {
    return wrong(fmt::format("has the scheme {}", scheme), "write http:// or https://");
  }
  endpoint.tls = scheme == "https";
  const std::string_view rest = text.substr(separator + 3);
  if (rest.find('?') != std::string_view::npos)
    return wrong("has a query", "end the address before the ?");
  if (rest.find('#') != std::string_view::npos)
    return wrong("has a fragment", "end the address before the #");
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) {
    return wrong("has user-info", "credentials belong in the requests; remove all up to the @");
  }
  if (authority.empty()) return wrong("has no host");
  auto host = parse_authority(authority);
  if (!host) return std::unexpected(host.error());
  if (host->port == 0) return wrong("has port 0");
  endpoint.host = host->host;
  endpoint.port = host->port.value_or(endpoint.tls ? 443 : 80);
  std::string_view path = rest.substr(slash);
  if (path.ends_with('/')) path.remove_suffix(1);
  if (auto error = check_segments(path)) return std::unexpected(*error);
  endpoint.base_path = path;
  return endpoint;
}

std::expected<ListenAddress, AddressError> parse_listen_address(std::string_view text) {
  ListenAddress address;
  address.text = text;
  if (text.starts_with("unix:")) {
    constexpr std::size_t kMaxUnixPath = 107;  // sockaddr_un
    address.host = text.substr(5);
    if (!address.host.starts_with('/'))
      return wrong("has no absolute path", "write unix:/run/outrigger.sock");
    if (address.host.size() > kMaxUnixPath) return wrong("has a path longer than 107 bytes");
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    const bool number = parse_port(text).has_value();
    return wrong("is not an address and port", number ? fmt::format("write 127.0.0.1:{}", text)
                                                      : fmt::format("write {}:4170", text));
  }
  if (colon == 0 || text.starts_with("*:")) {
    return wrong(
        "does not say which interface",
        fmt::format("write 0.0.0.0{0} for all, 127.0.0.1{0} for this host", text.substr(colon)));
  }
  auto parsed = parse_authority(text);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->port) return wrong("has no port", fmt::format("write {}:4170", text));
  if (parsed->host == "localhost") parsed->host = "127.0.0.1";
  if (!is_ip_address(parsed->host)) {
    return wrong("is not an IP address and port", "an interface is named by its address");
  }
  address.host = parsed->host;
  address.port = *parsed->port;
  return address;
}

std::expected<std::string, AddressError> parse_host(std::string_view text) {
  if (const auto v4 = parse_ip(AF_INET, text)) return print_ip(AF_INET, *v4);
  if (const auto v6 = parse_ip(AF_INET6, text)) return print_ip(AF_INET6, *v6);
  std::string host = lower(text);
  if (host.ends_with('.')) host.pop_back();
  if (host.empty() || host.size() > 253)
    return wrong("has no host name", "write for example api.example.com");
  std::string_view rest = host;
  while (true) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    if (!valid_label(rest.substr(0, dot))) {
      return wrong("has no valid host name",
                   "letters, digits and - between dots; IDNs in their xn-- form");
    }
    if (dot == rest.size()) break;
    rest.remove_prefix(dot + 1);
  }
  if (looks_numeric(host)) {
    return wrong("is a number that some libraries read as an address",
                 "write all four decimal parts");
  }
  return host;
}

std::expected<std::string, AddressError> parse_host_port(std::string_view text) {
  auto parsed = parse_authority(text);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->port == 0) return wrong("has port 0");
  const bool v6 = parsed->host.find(':') != std::string::npos;
  const std::string host = v6 ? fmt::format("[{}]", parsed->host) : parsed->host;
  return parsed->port ? fmt::format("{}:{}", host, *parsed->port) : host;
}

std::expected<std::string, AddressError> parse_path_prefix(std::string_view text) {
  if (!text.starts_with('/'))
    return wrong("does not start with a slash", fmt::format("write /{}", text));
  if (text.size() == 1) return wrong("has no segment", "write for example /openai");
  if (text.find_first_of("?#") != std::string_view::npos) return wrong("has a query or fragment");
  if (text.ends_with('/')) text.remove_suffix(1);
  if (auto error = check_segments(text)) return std::unexpected(*error);
  return std::string(text);
}

std::expected<std::string, AddressError> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos)
    return wrong("has no prefix length", fmt::format("write {}/32", text));
  const std::string_view host = text.substr(0, slash);
  const auto prefix = parse_integer(text.substr(slash + 1));
  const bool v6 = host.find(':') != std::string_view::npos;
  const auto address = parse_ip(v6 ? AF_INET6 : AF_INET, host);
  const unsigned width = v6 ? 128 : 32;
  if (!address) return wrong("does not start with an IP address");
  if (!prefix || *prefix > width)
    return wrong(fmt::format("has no prefix length from 0 to {}", width));
  if (has_host_bits(*address, static_cast<unsigned>(*prefix), width)) {
    return wrong("has bits set behind its prefix");
  }
  return fmt::format("{}/{}", print_ip(v6 ? AF_INET6 : AF_INET, *address), *prefix);
}

bool is_ip_address(std::string_view host) {
  return parse_ip(AF_INET, host).has_value() || parse_ip(AF_INET6, host).has_value();
}

bool is_loopback_host(std::string_view host) {
  if (const auto v4 = parse_ip(AF_INET, host)) return (*v4)[0] == 127;
  if (const auto v6 = parse_ip(AF_INET6, host)) return ipv6_loopback(*v6);
  return host == "localhost" || host.ends_with(".localhost");
}

bool is_private_host(std::string_view host) {
  if (const auto v4 = parse_ip(AF_INET, host)) return private_ipv4(*v4);
  if (const auto v6 = parse_ip(AF_INET6, host)) {
    const bool link_local = (*v6)[0] == 0xFE && ((*v6)[1] & 0xC0) == 0x80;
    return ipv6_loopback(*v6) || ((*v6)[0] & 0xFE) == 0xFC || link_local;
  }
  constexpr std::array<std::string_view, 7> kPrivate = {
      ".localhost", ".local", ".internal", ".svc", ".cluster.local", ".home.arpa", ".test"};
  if (host.find('.') == std::string_view::npos) return true;
  return std::ranges::any_of(kPrivate, [&](std::string_view end) { return host.ends_with(end); });
}

}  // namespace outrigger::config
