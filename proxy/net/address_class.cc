// The tables behind classify(), and networks in CIDR notation.
#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "proxy/net/address.h"

namespace outrigger {
namespace {

using Bytes = std::array<unsigned char, 16>;

struct Range {
  Bytes base;
  unsigned prefix;
  AddressClass address_class;
};

using enum AddressClass;

// IANA IPv4 Special-Purpose Address Registry (RFC 6890), and the metadata services that live
// outside of link-local space. The first match counts.
constexpr Range kIpv4[] = {
    {{169, 254, 169, 254}, 32, kMetadata},  // AWS, Azure, Google, Oracle, DigitalOcean
    {{169, 254, 170, 0}, 24, kMetadata},    // AWS: credentials of containers
    {{168, 63, 129, 16}, 32, kMetadata},    // Azure: the host's agent, in global space
    {{100, 100, 100, 200}, 32, kMetadata},  // Alibaba
    {{192, 0, 0, 192}, 32, kMetadata},      // Oracle
    {{0}, 8, kUnspecified},
    {{10}, 8, kPrivate},
    {{100, 64}, 10, kShared},
    {{127}, 8, kLoopback},
    {{169, 254}, 16, kLinkLocal},
    {{172, 16}, 12, kPrivate},
    {{192, 0, 0}, 24, kReserved},
    {{192, 0, 2}, 24, kDocumentation},
    {{192, 88, 99}, 24, kTranslated},  // 6to4 relays, RFC 7526
    {{192, 168}, 16, kPrivate},
    {{198, 18}, 15, kBenchmarking},
    {{198, 51, 100}, 24, kDocumentation},
    {{203, 0, 113}, 24, kDocumentation},
    {{224}, 4, kMulticast},
    {{240}, 4, kReserved},
};

// IANA IPv6 Special-Purpose Address Registry. What no row names is global only inside 2000::/3.
constexpr Range kIpv6[] = {
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, kMetadata},  // AWS
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, kMetadata},  // Google
    {{}, 128, kUnspecified},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, kLoopback},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, kTranslated},  // IPv4-mapped
    {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, kTranslated},        // IPv4-translated, RFC 2765
    {{}, 96, kTranslated},                                          // IPv4-compatible
    {{0x00, 0x64, 0xff, 0x9b}, 96, kTranslated},                    // NAT64, RFC 6052
    {{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48, kTranslated},              // NAT64, RFC 8215
    {{0x20, 0x01, 0x0d, 0xb8}, 32, kDocumentation},
    {{0x3f, 0xff}, 20, kDocumentation},  // RFC 9637
    {{0x20, 0x01, 0, 2}, 48, kBenchmarking},
    {{0x20, 0x01, 0, 0}, 32, kTranslated},  // Teredo
    {{0x20, 0x01, 0}, 23, kReserved},       // protocol assignments, ORCHID
    {{0x20, 0x02}, 16, kTranslated},        // 6to4
    {{0x20}, 3, kGlobal},
    {{0xfc}, 7, kPrivate},
    {{0xfe, 0x80}, 10, kLinkLocal},
    {{0xff}, 8, kMulticast},
};

bool matches(std::string_view address, const unsigned char* base, unsigned prefix) noexcept {
  const unsigned whole = prefix / 8;
  if (std::memcmp(address.data(), base, whole) != 0) return false;
  const unsigned bits = prefix % 8;
  if (bits == 0) return true;
  const auto difference =
      static_cast<unsigned char>(static_cast<unsigned char>(address[whole]) ^ base[whole]);
  return (difference >> (8 - bits)) == 0;
}

AddressClass look_up(std::span<const Range> table, std::string_view address,
                     AddressClass otherwise) noexcept {
  for (const Range& range : table) {
    if (matches(address, range.base.data(), range.prefix)) return range.address_class;
  }
  return otherwise;
}

}  // namespace

AddressClass classify(const SocketAddress& address) noexcept {
  switch (address.family()) {
    case AF_INET:
      return look_up(kIpv4, address.bytes(), kGlobal);
    case AF_INET6:
      return look_up(kIpv6, address.bytes(), kReserved);
    case AF_UNIX:
      return kLocalSocket;
    default:
      return kReserved;
  }
}

std::string_view to_string(AddressClass address_class) noexcept {
  switch (address_class) {
    case kGlobal:
      return "global";
    case kUnspecified:
      return "unspecified";
    case kLoopback:
      return "loopback";
    case kPrivate:
      return "private";
    case kLinkLocal:
      return "link-local";
    case kMetadata:
      return "cloud metadata";
    case kShared:
      return "shared (carrier-grade NAT)";
    case kMulticast:
      return "multicast";
    case kDocumentation:
      return "documentation";
    case kBenchmarking:
      return "benchmarking";
    case kTranslated:
      return "IPv4-in-IPv6 translation";
    case kReserved:
      return "reserved";
    case kLocalSocket:
      return "local socket";
  }
  return "reserved";
}

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<SocketAddress> base = SocketAddress::parse(text.substr(0, slash), 0);
  if (!base) return std::nullopt;
  Network network;
  network.base_ = *base;
  const auto bits = static_cast<unsigned>(base->bytes().size() * 8);
  network.prefix_ = bits;
  if (slash == text.npos) return network;
  const std::string_view digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0'))
    return std::nullopt;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), network.prefix_);
  if (error != std::errc{} || end != digits.end() || network.prefix_ > bits) return std::nullopt;
  return network;
}

bool Network::contains(const SocketAddress& address) const noexcept {
  if (address.family() != base_.family() || address.bytes().empty()) return false;
  return matches(address.bytes(), reinterpret_cast<const unsigned char*>(base_.bytes().data()),
                 prefix_);
}

}  // namespace outrigger
