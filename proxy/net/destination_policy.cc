#include "proxy/net/destination_policy.h"

#include <ifaddrs.h>

#include <algorithm>
#include <utility>

namespace outrigger {
namespace {

std::vector<SocketAddress> interface_addresses() {
  std::vector<SocketAddress> result;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return result;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      result.push_back(SocketAddress::from(entry->ifa_addr, sizeof(sockaddr_in)));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      result.push_back(SocketAddress::from(entry->ifa_addr, sizeof(sockaddr_in6)));
    }
  }
  freeifaddrs(first);
  return result;
}

// The same address whatever interface it was seen on.
bool same_place(const SocketAddress& a, const SocketAddress& b) noexcept {
  return a.family() == b.family() && a.port() == b.port() && a.bytes() == b.bytes();
}

bool host_matches(std::string_view pattern, std::string_view host) noexcept {
  if (!pattern.starts_with('.')) return host == pattern;
  return host.size() > pattern.size() && host.ends_with(pattern);
}

std::unexpected<Error> denied(std::string detail) {
  return fail(Errc::kDestination, Origin::kProxy, "http_request_denied", std::move(detail));
}

}  // namespace

DestinationPolicy::DestinationPolicy(std::vector<std::string> allow_hosts,
                                     const std::vector<std::string>& allow_cidrs,
                                     std::vector<std::uint16_t> ports)
    : allow_hosts_(std::move(allow_hosts)), ports_(std::move(ports)) {
  for (std::string& host : allow_hosts_) {
    const bool below = host.starts_with('.');
    const std::string_view name = std::string_view(host).substr(below ? 1 : 0);
    // An unreadable entry stays as it is: no canonical host equals it.
    if (std::optional<std::string> canonical = canonical_host(name)) {
      host = below ? "." + *canonical : std::move(*canonical);
    }
  }
  for (const std::string& text : allow_cidrs) {
    if (const std::optional<Network> network = Network::parse(text))
      allow_networks_.push_back(*network);
  }
}

void DestinationPolicy::refuse_listeners(std::span<const SocketAddress> listeners) {
  std::vector<SocketAddress> interfaces;
  for (const SocketAddress& listener : listeners) {
    listeners_.push_back(listener);
    if (classify(listener) != AddressClass::kUnspecified) continue;
    if (interfaces.empty()) interfaces = interface_addresses();
    for (const SocketAddress& own : interfaces) {
      if (own.family() == listener.family()) listeners_.push_back(own.with_port(listener.port()));
    }
  }
}

Status DestinationPolicy::check_name(std::string_view host, std::uint16_t port) const {
  if (std::find(ports_.begin(), ports_.end(), port) == ports_.end()) {
    return denied("port " + std::to_string(port) + " is not in server.forward.ports");
  }
  if (allow_hosts_.empty()) return {};
  const bool allowed =
      std::any_of(allow_hosts_.begin(), allow_hosts_.end(),
                  [&](const std::string& pattern) { return host_matches(pattern, host); });
  if (allowed) return {};
  return denied("'" + std::string(host) + "' is not in server.forward.allow_hosts");
}

Status DestinationPolicy::check_address(const SocketAddress& address) const {
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::kDestination, Origin::kProxy, "destination_ip_prohibited",
                address.host() + " is " + std::string(why));
  };
  for (const SocketAddress& listener : listeners_) {
    if (same_place(address, listener)) return refuse("a listener of this proxy");
  }
  const AddressClass address_class = classify(address);
  if (address_class == AddressClass::kGlobal) return {};
  const bool allowed =
      std::any_of(allow_networks_.begin(), allow_networks_.end(),
                  [&](const Network& network) { return network.contains(address); });
  if (allowed) return {};
  return refuse("a " + std::string(to_string(address_class)) +
                " address, and in no network of server.forward.allow_cidrs");
}

Status DestinationPolicy::check_addresses(std::span<const SocketAddress> addresses) const {
  for (const SocketAddress& address : addresses) {
    if (Status status = check_address(address); !status) return status;
  }
  return {};
}

}  // namespace outrigger
