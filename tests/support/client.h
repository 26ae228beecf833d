// A client that a test drives step by step, over HTTP/1 or HTTP/2, plain or TLS. One thread; every
// wait has a deadline, and one that passes throws Failure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/support/channel.h"
#include "tests/support/h2_peer.h"
#include "tests/support/message.h"

namespace outrigger::test {

struct ClientOptions {
  Http http = Http::k1;
  bool tls = false;
  TlsFiles files = {};  // with tls: trusted_ca, and our certificate for mTLS
  std::string server_name = "localhost";
  ConnectOptions connect = {};
  H2Options h2 = {};
};

// One request under way. Must not outlive its client. On HTTP/1 one at a time.
class Call {
 public:
  virtual ~Call() = default;
  // Sends a piece of the body; false when the other side no longer takes it.
  virtual bool send(std::string_view bytes) = 0;
  // Ends the body.
  virtual void finish(const Fields& trailers = {}) = 0;
  // Waits for the interim answer number `count`, counted from 1.
  virtual Response read_interim(std::size_t count) = 0;
  // Waits for the final head; throws when none comes.
  virtual Response read_head(Deadline deadline = Deadline()) = 0;
  // The next piece of the body; empty at its end, whatever its kind.
  virtual std::string read_some(Deadline deadline = Deadline()) = 0;
  // Body bytes up to and with `mark`; throws when the body ends before.
  std::string read_until(std::string_view mark);
  std::string read_exactly(std::size_t size);
  // Head and body to the end, or to where it broke: Response::complete tells. Status 0: no head
  // came.
  virtual Response read_all(Deadline deadline = Deadline()) = 0;
  // Leaves: HTTP/1 resets the connection, HTTP/2 the stream.
  virtual void cancel() = 0;

 protected:
  std::string surplus_;  // read, but after the mark
};

class Client {
 public:
  explicit Client(std::uint16_t port, ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;

  // Sends a whole request and reads the whole answer.
  Response fetch(const Request& request, Deadline deadline = Deadline());
  // Sends the head; the body follows by Call::send. HTTP/1 is chunked unless a Content-Length is
  // given.
  std::unique_ptr<Call> start(const Request& head);
  // Sends a whole request; the answer is read by the call.
  std::unique_ptr<Call> begin(const Request& request);

  // HTTP/1 only: bytes as they are, and what comes back for a request of that method.
  void send_raw(std::string_view bytes);
  std::unique_ptr<Call> await_answer(std::string_view to_method);
  // True when the proxy closes the connection; what came before it is dropped.
  bool closed_by_peer(Deadline deadline = Deadline());
  void half_close();
  void reset();

  [[nodiscard]] Http http() const { return options_.http; }
  // HTTP/2 only.
  H2Peer& h2() { return *h2_; }
  // HTTP/1 only.
  Channel& channel() { return *channel_; }

 private:
  struct H1State;
  ClientOptions options_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<H1State> h1_;
  std::unique_ptr<H2Peer> h2_;
};

// A connection on which nothing was sent yet, for tests that speak frames or bytes themselves.
Channel connect_channel(std::uint16_t port, const ClientOptions& options = {});

}  // namespace outrigger::test
