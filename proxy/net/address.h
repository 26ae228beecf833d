// Socket addresses and the host[:port] of HTTP messages, in one canonical form each, and what kind
// of network an address belongs to. Values; pure.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger {

class SocketAddress {
 public:
  SocketAddress() noexcept;  // unspecified family
  // An IPv4 address in dotted decimal (four parts, no leading zeros) or an IPv6 address without
  // zone.
  static std::optional<SocketAddress> parse(std::string_view ip, std::uint16_t port);
  static SocketAddress from(const sockaddr* address, socklen_t size) noexcept;
  // A Unix domain socket; nothing when the path is empty or longer than the system allows (107
  // bytes).
  static std::optional<SocketAddress> unix_path(std::string_view path);

  [[nodiscard]] const sockaddr* raw() const noexcept { return &storage_.any; }
  [[nodiscard]] socklen_t size() const noexcept;
  [[nodiscard]] int family() const noexcept { return storage_.any.sa_family; }
  [[nodiscard]] std::uint16_t port() const noexcept;  // 0 for a Unix socket
  [[nodiscard]] SocketAddress with_port(std::uint16_t port) const noexcept;
  // The address bytes in network order: 4, 16, or none.
  [[nodiscard]] std::string_view bytes() const noexcept;

  [[nodiscard]] std::string host() const;       // "127.0.0.1", "::1", "/run/x"
  [[nodiscard]] std::string to_string() const;  // "127.0.0.1:80", "[::1]:80", "unix:/run/x"
  bool operator==(const SocketAddress& other) const noexcept;

 private:
  union Storage {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  };
  Storage storage_;
};

struct Authority {
  std::string host;  // canonical: lower case, no brackets, no trailing dot
  std::optional<std::uint16_t> port;
  bool operator==(const Authority&) const = default;
};

// host[:port] of RFC 3986 3.2, read strictly (architecture 13): refuses user-info, an empty host, a
// bad or empty port, a zone, names outside letters, digits, '-', '_' and '.', and hosts that look
// like a number but are not dotted decimal (0x7f.1, 127.1, 2130706433), which resolvers read as
// addresses.
std::optional<Authority> parse_authority(std::string_view text);
// The same for a host alone, IPv6 without brackets.
std::optional<std::string> canonical_host(std::string_view host);

// What an address is for (IANA special-purpose registries).
enum class AddressClass : std::uint8_t {
  kGlobal,  // the only class the forward proxy may reach without being told
  kUnspecified,
  kLoopback,
  kPrivate,  // RFC 1918, unique local (RFC 4193)
  kLinkLocal,
  kMetadata,  // the cloud providers' instance metadata services
  kShared,    // carrier-grade NAT, RFC 6598
  kMulticast,
  kDocumentation,
  kBenchmarking,
  kTranslated,   // IPv4 inside IPv6: mapped, compatible, NAT64, 6to4, Teredo
  kReserved,     // all else that is not global unicast
  kLocalSocket,  // Unix domain
};
AddressClass classify(const SocketAddress& address) noexcept;
std::string_view to_string(AddressClass address_class) noexcept;

// A network in CIDR notation: "10.0.0.0/8", "fd00::/8", or one address.
class Network {
 public:
  static std::optional<Network> parse(std::string_view text);
  [[nodiscard]] bool contains(const SocketAddress& address) const noexcept;

 private:
  SocketAddress base_;
  unsigned prefix_ = 0;
};

}  // namespace outrigger
