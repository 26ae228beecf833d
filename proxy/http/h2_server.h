// One HTTP/2 client connection: reads requests, gives each to the handler in a task of its own,
// delivers the answers side by side. Lives in the connection's task, on its worker's thread.
#pragma once

#include <memory>

#include "proxy/base/bytes.h"
#include "proxy/http/server.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

class H2Server final {
 public:
  // All outlive the server.
  H2Server(Stream& stream, const ServerSettings& settings, ExchangeHandler& handler,
           const ClientInfo& client);
  ~H2Server();
  H2Server(const H2Server&) = delete;
  H2Server& operator=(const H2Server&) = delete;

  // Serves until the connection ends: by the client, by drain, by a limit of the settings, or
  // because `connection` is cancelled. `initial` is what was read already (the preface). A client
  // that leaves cancels its exchanges with Origin::kClient; every exchange has ended when this
  // returns. Call once.
  Task<void> run(Slice initial, CancelScope& connection);
  // GOAWAY; running exchanges finish, then the connection ends. Also before run(), and again.
  void drain();
  // Exchanges running.
  [[nodiscard]] std::size_t live() const noexcept;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace outrigger::http
