// Where the forward proxy may connect to (architecture 13): which names and ports, then, once the
// name is resolved, which addresses. Immutable; safe to share between threads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/address.h"

namespace outrigger {

class DestinationPolicy {
 public:
  // `allow_hosts`: "api.example.com" is that name, ".example.com" every name below it, none means
  // every name. `allow_cidrs`: networks that may be reached although they are not global. An entry
  // that cannot be read allows nothing: it never widens the policy.
  DestinationPolicy(std::vector<std::string> allow_hosts,
                    const std::vector<std::string>& allow_cidrs, std::vector<std::uint16_t> ports);

  // Refuses our own listeners as destinations, which would be a loop, whatever the networks allow.
  // A wildcard address stands for every address of this host.
  void refuse_listeners(std::span<const SocketAddress> listeners);

  // Errors: kDestination, origin proxy, RFC 9209 tokens http_request_denied (name, port) and
  // destination_ip_prohibited (address).
  [[nodiscard]] Status check_name(std::string_view host, std::uint16_t port) const;
  [[nodiscard]] Status check_address(const SocketAddress& address) const;
  // If any address of an answer is refused, all are: a name that mixes them is not to be trusted.
  [[nodiscard]] Status check_addresses(std::span<const SocketAddress> addresses) const;

 private:
  std::vector<std::string> allow_hosts_;
  std::vector<Network> allow_networks_;
  std::vector<std::uint16_t> ports_;
  std::vector<SocketAddress> listeners_;
};

}  // namespace outrigger
