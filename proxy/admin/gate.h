// Who may ask the admin port at all. A browser on this machine reaches it for every page that it
// shows, so a request must name us by a name that no page can turn to us (DNS rebinding), must not
// come from a page of another site, and shows the token where others than this machine reach the
// port (architecture 13; operability 3.5). Immutable; pure.
#pragma once

#include <optional>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"
#include "proxy/http/message.h"
#include "proxy/net/address.h"

namespace outrigger::admin {

// Where the port listens and the token that it asks for, of the variable OUTRIGGER_ADMIN_TOKEN;
// empty: none. Error: kConfig, when others reach the port and there is no token, or when the token
// is no such thing.
Status check_token(const SocketAddress& listen, const Secret& token);

class Gate {
 public:
  // Without a token a port that others reach lets only /livez through.
  Gate(const SocketAddress& listen, Secret token);

  // Nothing: it may pass. Else the refusal.
  [[nodiscard]] std::optional<http::Response> refuse(const http::RequestHead& head) const;

 private:
  [[nodiscard]] bool serves(const std::optional<Authority>& host) const;
  [[nodiscard]] bool shows_token(const http::Headers& headers) const;

  SocketAddress listen_;
  Secret token_;
};

}  // namespace outrigger::admin
