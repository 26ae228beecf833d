// Addresses as a configuration writes them: URLs of upstreams, listen addresses, host names,
// networks and path prefixes. Text in, canonical form out; nothing is resolved. An error is one
// line for a person.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/config.h"

namespace outrigger::config {

struct AddressError {
  std::string message;  // completes `"..." is ...`
  std::string hint;
};

// http:// or https://, host, port and base path; no user-info, query or fragment (RFC 3986).
std::expected<Endpoint, AddressError> parse_url(std::string_view text);

// "127.0.0.1:4170", "[::1]:4170", "localhost:4170", "unix:/path"; port 0 lets the system choose.
std::expected<ListenAddress, AddressError> parse_listen_address(std::string_view text);

// Lower case, without a dot at the end; a dotted IPv4 or bare IPv6 address is allowed, a name that
// inet_aton would take for a number is not (architecture 13).
std::expected<std::string, AddressError> parse_host(std::string_view text);

// The same with a port, perhaps: "api.example.com:8443", "[fd00::1]:8443".
std::expected<std::string, AddressError> parse_host_port(std::string_view text);

// "/a/b": whole segments without dots, escapes or a slash at the end.
std::expected<std::string, AddressError> parse_path_prefix(std::string_view text);

// "10.0.0.0/8", "fd00::/8"; no bit behind the prefix.
std::expected<std::string, AddressError> parse_network(std::string_view text);

// Loopback, private and link-local addresses, and names that no public resolver answers (localhost,
// one label, .local, .internal, .svc): plain HTTP to them is no surprise.
bool is_private_host(std::string_view host);
bool is_loopback_host(std::string_view host);
bool is_ip_address(std::string_view host);

}  // namespace outrigger::config
