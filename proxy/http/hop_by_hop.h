// What belongs to one connection and must not travel on (RFC 9110 7.6), and the Via chain that
// shows loops. Pure functions on a field list.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "proxy/http/message.h"

namespace outrigger::http {

// The protocols that a client asks to switch to: the value of its one Upgrade field when Connection
// names `upgrade`. Empty when it asks for none, asks twice, or lists h2c or TLS, which we do not
// switch to here (RFC 9110 7.8 lets a server ignore Upgrade). Ask before the hop-by-hop fields are
// removed.
[[nodiscard]] std::string_view requested_upgrade(const Headers& headers) noexcept;

// Removes Connection and what it names, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade,
// HTTP2-Settings and the Proxy- authentication fields. `TE` that offers trailers becomes `TE:
// trailers`, any other goes. Host, Content-Length, Content-Type and guarded fields stay whatever
// Connection names.
void remove_hop_by_hop(Headers& headers);

// What to do with a trailer field (architecture 9, rule 5; RFC 9110 6.5.1).
enum class TrailerRule {
  kPass,
  kDrop,    // content format, controls, cookies: without meaning once the content was read
  kRefuse,  // framing, routing, authentication, connection: whoever merges trailers would act on
            // them
};
[[nodiscard]] TrailerRule trailer_rule(const Field& field) noexcept;

// What one process says of itself in Via (RFC 9110 7.6.3). Outlives the lists that it marks.
class Via {
 public:
  explicit Via(std::string_view pseudonym);
  // Adds `Via: <version> <pseudonym>`.
  void append_to(Headers& headers, Version received) const {
    headers.add_view(HeaderId::kVia, "via", values_[static_cast<std::size_t>(received)],
                     Grammar::kChecked);
  }
  // Whether a hop of our pseudonym has seen the message: a loop.
  [[nodiscard]] bool stands_in(const Headers& headers) const noexcept;

 private:
  std::string pseudonym_;
  std::array<std::string, 3> values_;  // by Version
};

}  // namespace outrigger::http
