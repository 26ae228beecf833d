// One TLS connection without a socket: ciphertext goes in and comes out as bytes, so that Stream
// alone decides when the kernel is asked. Wraps one OpenSSL connection; made by a TlsServerContext
// or a TlsClientContext. Owned by its Stream, on that worker's thread. An idle engine keeps no
// buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

using SSL = struct ssl_st;

namespace outrigger {

class TlsEngine {
 public:
  enum class State : std::uint8_t {
    kHandshaking,
    kOpen,
    kClosed,  // the peer said close_notify, or the connection failed
  };
  enum class Role : std::uint8_t { kServer, kClient };

  // Adopts `ssl` (fresh, no BIO yet). `context` is kept alive as long as the engine.
  // `expected_name` is the name a client verifies, for messages; `peer` gets the blame in errors.
  TlsEngine(SSL* ssl, Role role, Origin peer, std::shared_ptr<void> context,
            std::string expected_name = {});
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;
  ~TlsEngine();

  [[nodiscard]] State state() const noexcept { return state_; }

  // Takes bytes from the peer and drives the handshake; empty bytes make the first flight. The
  // slice is kept, not copied, until decrypt() has used it up. Fails with kTls and one of the RFC
  // 9209 tokens tls_protocol_error, tls_certificate_error, tls_alert_received; output() may then
  // hold an alert.
  Status ingest(Slice ciphertext);
  // The peer's TCP stream has ended; an end without close_notify is the caller's to judge.
  void ingest_eof() noexcept { eof_ = true; }

  // Decrypts as many records as there are and fit. 0: more ciphertext is needed, or peer_closed().
  Result<std::size_t> decrypt(std::span<char> into);
  // True when decrypt() may have something: plaintext, close_notify or an error.
  [[nodiscard]] bool pending() const noexcept;
  // Room that surely holds all that decrypt() can return now.
  [[nodiscard]] std::size_t pending_bytes() const noexcept;

  // Works off records that carry no data for us, such as session tickets, so that pending() and
  // peer_closed() speak of the peer's own doing only.
  void settle();

  // Encrypts the pieces in order, small ones joined into one record, and uses them up. Stops when
  // output() holds `kOutputBytes` or more: the caller sends that, then calls again.
  Status encrypt(std::span<std::string_view> pieces);
  static constexpr std::size_t kOutputBytes = 65536;

  // What is to be sent to the peer.
  [[nodiscard]] std::string_view output() const noexcept;
  void consume_output(std::size_t n) noexcept;

  // Adds close_notify to the output.
  Status close();
  [[nodiscard]] bool peer_closed() const noexcept { return peer_closed_; }

  // What was agreed, once open. Views live as long as the engine.
  [[nodiscard]] std::string_view alpn() const noexcept;     // "h2", "http/1.1", or empty
  [[nodiscard]] std::string_view version() const noexcept;  // "TLSv1.3"
  [[nodiscard]] std::string_view sni() const noexcept;      // as the client sent it, or empty
  [[nodiscard]] std::string peer_subject() const;  // of a verified certificate, RFC 2253; or empty
  [[nodiscard]] bool resumed() const noexcept;

  // The engine behind an OpenSSL connection, and its context: for OpenSSL's callbacks.
  static TlsEngine& of(const SSL* ssl) noexcept;
  [[nodiscard]] void* context() const noexcept { return context_.get(); }
  [[nodiscard]] const std::string& expected_name() const noexcept { return expected_name_; }

 private:
  friend struct TlsBio;
  struct SslFree {
    void operator()(SSL* ssl) const noexcept;
  };

  Status handshake();
  void note_read_end();
  Status encrypt_record(std::string_view plain);
  std::unexpected<Error> broken();  // reads OpenSSL's error queue; sticky from then on
  void reserve_output(std::size_t bytes);
  void append_output(std::string_view bytes);

  std::shared_ptr<void> context_;
  std::unique_ptr<SSL, SslFree> ssl_;
  Origin peer_;
  State state_ = State::kHandshaking;
  bool eof_ = false;
  bool peer_closed_ = false;
  bool close_sent_ = false;
  Slice input_;
  Block* output_ = nullptr;  // null when empty
  std::uint32_t output_begin_ = 0;
  std::uint32_t output_end_ = 0;
  std::string expected_name_;
  std::unique_ptr<Error> failure_;
};

}  // namespace outrigger
