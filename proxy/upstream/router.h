// Finds the upstream and route of a request, and the target to send. Pure: it reads the
// configuration and the request head, nothing else. One per worker and configuration snapshot,
// which it keeps alive. The usual base-URL request costs a hash lookup and no allocation.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/http/message.h"

namespace outrigger::upstream {

// How the client addressed the upstream (DESIGN 4).
enum class Way : std::uint8_t {
  kBaseUrl,      // by path prefix
  kForward,      // absolute-form
  kTunnel,       // CONNECT
  kTransparent,  // origin-form whose Host (or :authority) names an upstream's host
};
// The word in logs: base_url, forward, connect, transparent (operability 3.2).
std::string_view to_string(Way way) noexcept;

// Where a request goes. Pointers live as long as the router, views as long as the request's
// headers.
struct Routed {
  const config::Upstream* upstream = nullptr;  // nullptr: a forward host without an upstream
  const config::Route* route = nullptr;        // nullptr: the upstream's own level
  const config::Policies* policies = nullptr;  // never nullptr after route()
  std::uint32_t upstream_index = 0;            // in Config::upstreams; its size() for no upstream
  std::uint32_t route_index = 0;  // in the upstream: 0 the default, else 1 + index of routes
  Way way = Way::kBaseUrl;
  std::string_view target;  // path and query to send; empty for a tunnel
  // What the client named, for every way but kBaseUrl; canonical (lower case, no brackets).
  std::string forward_host;
  std::uint16_t forward_port = 0;
  bool forward_tls = false;  // the client named https://
};

// Of a forwarded host that no upstream names: what it is sent passes as it is.
config::Policies passthrough_policies();

// No route: answered by the proxy itself, with make_misroute_response of first_run_page.h.
struct Misroute {
  int status = 404;       // 200: the first-run page; 204: an answer to OPTIONS *
  std::string_view code;  // of the problem table (http/problem.h); for logs when the status is 2xx
  std::string title;
  std::string detail;
  std::string suggestion;  // the right URL in full, credentials in its query redacted, or empty
};

class Router {
 public:
  explicit Router(config::Snapshot config);
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  // Rules, first match decides:
  //  1. a path with dot segments, in any disguise, is refused with 400, never normalised;
  //  2. CONNECT and absolute-form go by host: an upstream's, else forwarded if that is enabled,
  //  else 403.
  //     What may be dialled for a forwarded host is the destination policy's word, not ours;
  //  3. a Host that names an upstream's host is that upstream (transparent mode);
  //  4. the longest path prefix of whole segments; the expected version must follow exactly once,
  //  or the
  //     answer is a 404 that names the right URL;
  //  5. `GET /` is the first-run page, anything else a 404 that lists the prefixes.
  // A target that must be joined is interned in `head.headers`.
  std::expected<Routed, Misroute> route(http::RequestHead& head);

  // Another upstream, by its index, for a request that goes there instead: with the route that its
  // own routes choose for `path`, below its base path. The target is the caller's to set.
  [[nodiscard]] Routed at_upstream(std::uint32_t index, Way way, std::string_view method,
                                   std::string_view path) const;

  [[nodiscard]] const config::Config& config() const noexcept;

 private:
  struct Tables;
  static constexpr std::size_t kMostRemembered = 128;
  std::unique_ptr<const Tables> tables_;
  std::string last_own_;  // the last Host that named no upstream's host: nearly always the next too
};

}  // namespace outrigger::upstream
