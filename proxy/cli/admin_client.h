// Asks the admin port of a running proxy: one request on one connection, waiting for the answer.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace outrigger::cli {

struct AdminAddress {
  std::string text = {};  // as a message shows it
  std::string host = {};  // a name, or an IP address without brackets
  std::uint16_t port = 0;
  std::string socket = {};     // the path of a Unix socket, instead of both
  std::string base_path = {};  // of a URL; no slash at its end
};

// "http://127.0.0.1:4172", "127.0.0.1:4172" or "unix:/path". Error: completes `"..." is ...`.
std::expected<AdminAddress, std::string> parse_admin_address(std::string_view text);

struct AdminRequest {
  std::string method = "GET";
  std::string path = {};  // and query
  std::string json = {};  // the body; empty: none
};
struct AdminAnswer {
  int status = 0;
  std::string body;
};

// `token` may be empty; it has visible characters only. Error: nobody answered as an HTTP server
// does, or not in time; the detail says so in one line.
Result<AdminAnswer> ask_admin(const AdminAddress& address, const AdminRequest& request,
                              const Secret& token, Duration timeout);

}  // namespace outrigger::cli
