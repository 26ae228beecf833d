// One multiplexed HTTP/2 connection to an endpoint. Owned by the endpoint's pool; exchanges run on
// it side by side. Responses and their bodies may outlive it: they then fail. One worker thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/http/h1_fields.h"
#include "proxy/http/message.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"
#include "proxy/upstream/progress.h"

namespace outrigger::upstream {

struct H2ConnectionSettings {
  std::uint32_t streams = 100;  // exchanges at once; the peer's own limit holds too
  http::HeadLimits head;        // of responses
  Duration write_stall = 60s;   // an upstream that takes no byte for so long is gone
  // With exchanges running and nothing received for ping_after, a PING must be answered within
  // ping_wait. The next follows after ping_again at the earliest: gRPC servers end a connection
  // that pings them more often than every five minutes.
  Duration ping_after = 30s;
  Duration ping_wait = 15s;
  Duration ping_again = 330s;
  // How long an answer that has come to its length may take to end its stream, before it is reset.
  Duration end_wait = 5s;
};

class H2Connection {
 public:
  // Takes a connected stream (plain, or TLS with ALPN h2) and sends the preface. `on_closed` is
  // called once, from the loop, when no exchange can start any more and none is running: destroy it
  // then. It may destroy the connection.
  H2Connection(std::unique_ptr<Stream> stream, const H2ConnectionSettings& settings,
               std::function<void()> on_closed);
  // Running exchanges and unread bodies fail with kCancelled.
  ~H2Connection();
  H2Connection(const H2Connection&) = delete;
  H2Connection& operator=(const H2Connection&) = delete;

  // An exchange that begins now is sent at once.
  [[nodiscard]] bool can_take() const noexcept;
  // No further exchange can begin here: GOAWAY, drain() or failure.
  [[nodiscard]] bool closing() const noexcept;
  [[nodiscard]] std::size_t live() const noexcept;
  // When the last exchange ended; meaningful while live() is 0.
  [[nodiscard]] TimePoint idle_since() const noexcept;

  // Sends the request and returns the response when its head is there; the body is pulled from it.
  // The request's body is sent meanwhile, and goes on after an early response, so `request`
  // outlives the response. `progress` may be null and is used until this returns. Errors carry how
  // far the request got: kNothingAccepted for a refused stream, a GOAWAY below it, bytes that never
  // left, or an end of the connection that acknowledges none of them. CONNECT, and a request with
  // `protocol`, return a tunnel on success: 2xx to CONNECT, 101 to an HTTP/1 upgrade (with its
  // Sec-WebSocket-Accept).
  Task<Result<http::Response>> exchange(http::Request& request, CancelScope& scope,
                                        RequestProgress* progress);

  // `callback` is called when an exchange has ended or the limit has risen, so that can_take()
  // holds. It must not destroy the connection.
  void on_room(std::function<void()> callback);

  // Takes no more exchanges; closes when the last one ends.
  void drain();

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace outrigger::upstream
