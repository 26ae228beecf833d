// One client connection from accept to close: TLS, the choice of protocol (ALPN, or the HTTP/2
// preface on a plain connection), then the server of that protocol. One task on its worker's
// thread.
#pragma once

#include <memory>

#include "proxy/http/h1_server.h"
#include "proxy/http/h2_server.h"
#include "proxy/http/server.h"
#include "proxy/net/address.h"
#include "proxy/net/stream.h"
#include "proxy/net/tls_context.h"

namespace outrigger::http {

class ClientConnection {
 public:
  // `settings` and `handler` outlive the connection; `tls` may be null: a plain port.
  ClientConnection(EventLoop& loop, Fd fd, const SocketAddress& peer,
                   const ServerSettings& settings, TlsServerContext* tls, ExchangeHandler& handler);

  // Serves until the connection ends. Returns how TLS went, for the counters; nothing else fails
  // here.
  Task<Status> run(CancelScope& scope);
  // What runs finishes, nothing new begins; an idle connection ends at once.
  void drain();
  // What lies below the protocol, for a handler that breaks it on purpose (the mock upstream).
  [[nodiscard]] Stream& stream() noexcept { return stream_; }

 private:
  enum class Protocol { kNone, kHttp1, kHttp2 };
  Task<Status> secure(CancelScope& scope);
  Task<Protocol> pick(CancelScope& scope);

  Stream stream_;
  const ServerSettings& settings_;
  TlsServerContext* tls_;
  ExchangeHandler& handler_;
  ClientInfo client_;
  Slice first_;  // read while picking the protocol
  bool draining_ = false;
  CancelScope* idle_ = nullptr;  // set until a server has taken over
  std::unique_ptr<H1Server> h1_;
  std::unique_ptr<H2Server> h2_;
};

}  // namespace outrigger::http
