// What many TLS connections of one listener or one upstream share: certificates, trust, session
// tickets. One context belongs to one worker: OpenSSL would let threads share it, but they would
// contend for its reference count and its locks at every handshake. Changed files are taken up by
// making a new context; engines keep the one they were made by alive.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/tls_engine.h"
#include "proxy/net/tls_tickets.h"

using SSL_CTX = struct ssl_ctx_st;
using SSL_SESSION = struct ssl_session_st;

namespace outrigger {

struct SslContextFree {
  void operator()(SSL_CTX* context) const noexcept;
};
struct SslSessionFree {
  void operator()(SSL_SESSION* session) const noexcept;
};

struct TlsServerSettings {
  std::string certificate_file;  // PEM: the leaf, then its intermediates
  std::string key_file;          // PEM, not encrypted
  std::string client_ca_file;    // set: client certificates are required and verified
  std::vector<std::string> alpn = {"h2", "http/1.1"};  // in our order of preference
  std::shared_ptr<TlsTicketKeys> ticket_keys;  // one for all workers; null: this context's own
};

// Answers TLS handshakes: TLS 1.2 and up, forward secrecy only, resumption by tickets.
class TlsServerContext : public std::enable_shared_from_this<TlsServerContext> {
 public:
  // Fails with kConfig; the detail names the file and the mend.
  static Result<std::shared_ptr<TlsServerContext>> load(const TlsServerSettings& settings);

  // A connection that waits for a ClientHello.
  [[nodiscard]] std::unique_ptr<TlsEngine> accept(Origin peer = Origin::kClient);

  // For OpenSSL's callbacks.
  [[nodiscard]] const std::vector<std::string>& alpn() const noexcept { return alpn_; }
  [[nodiscard]] TlsTicketKeys& ticket_keys() noexcept { return *ticket_keys_; }

 private:
  TlsServerContext() = default;
  std::unique_ptr<SSL_CTX, SslContextFree> context_;
  std::vector<std::string> alpn_;
  std::shared_ptr<TlsTicketKeys> ticket_keys_;
};

struct TlsClientSettings {
  std::string ca_file;           // trusted instead of the system store
  std::string certificate_file;  // ours, for a server that asks; both or none
  std::string key_file;
  std::string server_name;  // verified and sent as SNI instead of the name given to connect()
  bool unsafe_skip_verification = false;
  std::vector<std::string> alpn = {"h2", "http/1.1"};  // offered in this order; empty: no ALPN
};

// Starts TLS handshakes with one upstream's servers. Verifies chain and name, sends SNI, and
// resumes the latest sessions: each TLS 1.3 ticket is used once (RFC 8446 C.4).
class TlsClientContext : public std::enable_shared_from_this<TlsClientContext> {
 public:
  // Fails with kConfig; the detail names the file and the mend.
  static Result<std::shared_ptr<TlsClientContext>> load(const TlsClientSettings& settings);

  // A connection whose first flight comes out of ingest({}). `server_name` is a canonical host name
  // or IP address. The second form offers other protocols than the settings name.
  [[nodiscard]] std::unique_ptr<TlsEngine> connect(std::string_view server_name);
  [[nodiscard]] std::unique_ptr<TlsEngine> connect(std::string_view server_name,
                                                   std::span<const std::string> alpn);

  // Keeps a session for the next connection to `name`; called by OpenSSL through the engine.
  void keep(const std::string& name, SSL_SESSION* session);
  // Tickets kept, all names together.
  [[nodiscard]] std::size_t sessions() const noexcept;

 private:
  using Session = std::unique_ptr<SSL_SESSION, SslSessionFree>;
  TlsClientContext() = default;
  Session take(const std::string& name);

  static constexpr std::size_t kTicketsPerName = 8;
  static constexpr std::size_t kNames = 256;

  std::unique_ptr<SSL_CTX, SslContextFree> context_;
  std::string server_name_;
  bool verify_ = true;
  std::vector<std::string> alpn_;
  std::map<std::string, std::deque<Session>, std::less<>> sessions_;
};

}  // namespace outrigger
