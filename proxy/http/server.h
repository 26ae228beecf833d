// What a client connection, of either protocol, asks of the rest of the proxy: one ExchangeHandler
// answers requests, one ResponseSink per request takes the answer. All on the connection's worker
// thread.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/net/address.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

// What is known of a client; lives as long as its connection.
struct ClientInfo {
  SocketAddress address;
  bool tls = false;
  std::string_view tls_version;     // "TLSv1.3", or empty
  std::string certificate_subject;  // of a verified client certificate
};

// How the delivery of one answer ended.
struct Delivery {
  Status status;        // an error: the client did not get a complete answer
  int http_status = 0;  // as sent; 0 when nothing was
  std::uint64_t body_bytes = 0;
  std::uint32_t chunks = 0;  // pieces in which the body passed
  TimePoint first_byte;      // when the head was handed to the kernel
};

class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  // A 1xx head other than 101; dropped silently for a client that must not get one (HTTP/1.0).
  virtual Task<Status> interim(ResponseHead head, CancelScope& scope) = 0;
  // Delivers the final answer, pulling its body; call once. A body that fails half-way is cut so
  // that the client sees it (h1: close without the last chunk, h2: RST_STREAM), never ended
  // cleanly. For a response with a tunnel, shuttles bytes both ways until both sides are done.
  virtual Task<Delivery> send(Response response, CancelScope& scope) = 0;
};

class ExchangeHandler {
 public:
  virtual ~ExchangeHandler() = default;
  // Answers one request through `sink`. `scope` is cancelled when the client leaves. `client` and
  // `sink` outlive the returned task; `request` need not outlive its first suspension.
  virtual Task<void> serve(Request&& request, ResponseSink& sink, const ClientInfo& client,
                           CancelScope& scope) = 0;
  // The answer to a request that could not be read; its connection closes after it. `code` is a
  // literal.
  virtual Response refuse(int status, std::string_view code, std::string_view detail,
                          const ClientInfo& client);
};

// Bounds on client connections (config::ServerLimits has the defaults and the meaning).
struct ServerSettings {
  std::size_t head_bytes = 64 * 1024;
  std::size_t field_bytes = 16 * 1024;
  std::uint32_t fields = 100;
  std::uint32_t streams_per_connection = 100;
  Duration head_time = 10s;
  Duration tls_time = 5s;
  Duration first_request_idle = 10s;
  Duration keep_alive_idle = 60s;
  std::uint64_t body_rate_bytes = 512;  // per second, over body_rate_window
  Duration body_rate_window = 30s;
  Duration write_stall = 60s;
  std::string via;  // our pseudonym, without the version
};

}  // namespace outrigger::http
