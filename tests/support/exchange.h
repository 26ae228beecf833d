// One request at the scripted upstream and what it does with it: the same verbs over HTTP/1 and
// HTTP/2. Every verb waits at most its deadline. A verb that writes throws ClientGone when the
// client has left.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/deadline.h"
#include "tests/support/message.h"

namespace outrigger::test {

struct ClientGone : Failure {
  using Failure::Failure;
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  // The head; body and trailers as far as they were read.
  Request request;

  // The next piece of the request's body, kept in request.body too; empty at the end, whatever its
  // kind: request.complete tells whether it was a clean one.
  virtual std::string read_body_some(Deadline deadline = Deadline()) = 0;
  void read_body() {
    while (!read_body_some().empty()) continue;
  }

  virtual void interim(int status, const Fields& fields) = 0;
  // The whole answer. Content-Length is added where one belongs and none is given; with trailers,
  // HTTP/1 is chunked.
  virtual void reply(const Response& response) = 0;
  // A streamed answer: start, send..., finish. HTTP/1 is chunked unless a Content-Length is given.
  virtual void start(int status, const Fields& fields) = 0;
  virtual void send(std::string_view bytes) = 0;
  virtual void finish(const Fields& trailers = {}) = 0;
  // Offers the bytes and returns how many were taken before nothing moved for `quiet`.
  virtual std::size_t send_until_blocked(std::string_view bytes, Milliseconds quiet) = 0;

  // Misbehaviour. HTTP/1 only: raw bytes, as they are.
  virtual void raw(std::string_view bytes) = 0;
  // Ends the connection with FIN, or with RST.
  virtual void close() = 0;
  virtual void reset() = 0;
  // HTTP/2 only.
  virtual void rst_stream(std::uint32_t code) = 0;
  virtual void goaway(std::int32_t last_stream, std::uint32_t code) = 0;
  [[nodiscard]] virtual std::int32_t stream_id() const = 0;

  // True when the client closed, or reset the stream, before the deadline.
  virtual bool client_gone(Deadline deadline = Deadline()) = 0;
  // Waits for bytes of a tunnel; empty when the client sent its end.
  virtual std::string read_tunnel(Deadline deadline = Deadline()) = 0;
};

}  // namespace outrigger::test
