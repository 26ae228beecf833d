// Hears of everything that happens between choosing an endpoint and the response head: what the
// attempt log, the timers and the metrics are made of.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/upstream/progress.h"

namespace outrigger::upstream {

class AttemptListener : public RequestProgress {
 public:
  // An endpoint was chosen: a new attempt begins. `name` is host:port, alive as long as the
  // cluster.
  virtual void on_endpoint(std::uint16_t index, std::string_view name) = 0;
  // No pooled connection was free. Each may come more than once, or not at all.
  virtual void on_queued() = 0;
  virtual void on_resolving() = 0;
  virtual void on_connecting() = 0;
  virtual void on_handshaking() = 0;
  // A connection is there; the request goes out next.
  virtual void on_connection(bool reused) = 0;
  // The response head is there.
  virtual void on_response(const http::Response& response) = 0;
  // Whether a request of a safe method that was lost with a pooled connection may go out once more,
  // although it may have been executed.
  [[nodiscard]] virtual bool may_repeat() const noexcept { return true; }
  // The attempt failed; another may follow with on_endpoint when nothing was accepted.
  virtual void on_failed(const Error& error) = 0;

 protected:
  ~AttemptListener() = default;
};

}  // namespace outrigger::upstream
