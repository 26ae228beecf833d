// A byte connection, plain or TLS, as both test peers use it. One thread at a time, but for
// shut_down().
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/socket.h"

namespace outrigger::test {

// PEM files; an empty name is "none".
struct TlsFiles {
  std::string certificate = {}, key = {};  // our own
  std::string trusted_ca = {};             // the peer must have a certificate of it
};

struct TlsSettings {
  TlsFiles files;
  std::string alpn;         // wire names joined by commas: "h2,http/1.1"; empty offers none
  std::string server_name;  // of a client: sent as SNI and compared with the certificate
};

class Channel {
 public:
  explicit Channel(Socket socket) : socket_(std::move(socket)) {}
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&&) noexcept = default;

  // Both throw Failure with OpenSSL's reason when the handshake fails.
  static Channel tls_client(Socket socket, const TlsSettings& settings);
  static Channel tls_server(Socket socket, const TlsSettings& settings);

  enum class Status { kDone, kWouldBlock, kEnd, kReset };
  // Appends what is there to `out`; never waits.
  Status try_read(std::string& out);
  // Writes what fits and removes it from the front of `bytes`; never waits.
  Status try_write(std::string_view& bytes);

  // Waits for at least one byte. kWouldBlock: the deadline passed.
  Status read(std::string& out, Deadline deadline = Deadline());
  // Writes all of it. False when the peer is gone. Throws when the deadline passes.
  bool write(std::string_view bytes, Deadline deadline = Deadline());
  // True when the peer closes or resets before the deadline; bytes on the way there are dropped.
  bool wait_for_end(Deadline deadline = Deadline());

  void half_close();
  void reset() { socket_.reset(); }
  void close();
  void shut_down() const { socket_.shut_down(); }

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] std::string alpn() const;
  [[nodiscard]] bool is_tls() const { return ssl_ != nullptr; }

 private:
  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  static Channel handshake(Socket socket, const TlsSettings& settings, bool server);

  Socket socket_;
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace outrigger::test
