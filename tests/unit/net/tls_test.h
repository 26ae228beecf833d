// Certificates, contexts and engines for the TLS tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "proxy/net/tls_context.h"
#include "tests/support/certificates.h"

namespace outrigger::test {

constexpr std::string_view kHost = "api.example.com";

// One CA for all tests, and PEM files of what they need.
class TlsFiles {
 public:
  static const TlsFiles& get() {
    static const TlsFiles files;
    return files;
  }
  CertificateAuthority authority;
  CertificateAuthority stranger{"Other CA"};
  TemporaryFolder folder;
  std::string ca = folder.write("ca.pem", authority.certificate_pem());
  std::string other_ca = folder.write("other-ca.pem", stranger.certificate_pem());

  // Writes both files of an identity: settings of either side take them.
  template <class Settings>
  Settings& use(Settings& settings, const std::string& name, const Identity& identity) const {
    settings.certificate_file = folder.write(name + ".pem", identity.certificate_pem);
    settings.key_file = folder.write(name + ".key", identity.key_pem);
    return settings;
  }
};

inline TlsServerSettings server_settings() {
  static const TlsServerSettings settings = [] {
    TlsServerSettings made;
    const TlsFiles& files = TlsFiles::get();
    return files.use(
        made, "server",
        files.authority.server({std::string(kHost), "*.wild.example", "127.0.0.1", "::1"}));
  }();
  return settings;
}
inline TlsClientSettings client_settings() {
  TlsClientSettings settings;
  settings.ca_file = TlsFiles::get().ca;
  return settings;
}

template <class Context, class Settings>
std::shared_ptr<Context> load(const Settings& settings) {
  Result<std::shared_ptr<Context>> context = Context::load(settings);
  if (!context) {
    ADD_FAILURE() << context.error().detail;
    std::abort();
  }
  return *context;
}

// Both engines of one connection, joined in memory.
struct TlsPair {
  std::unique_ptr<TlsEngine> client;
  std::unique_ptr<TlsEngine> server;
  Status client_status;
  Status server_status;

  // Hands all output over until both are silent; `piece` bytes at a time.
  void pump(std::size_t piece = 1U << 20) {
    while (carry(*client, *server, server_status, piece) ||
           carry(*server, *client, client_status, piece)) {
    }
  }
  void handshake(std::size_t piece = 1U << 20) {
    client_status = client->ingest({});
    pump(piece);
    // Tickets of TLS 1.3 come after the handshake: reading takes them in.
    client->settle();
  }
  [[nodiscard]] bool open() const {
    return client->state() == TlsEngine::State::kOpen && server->state() == TlsEngine::State::kOpen;
  }

 private:
  static bool carry(TlsEngine& from, TlsEngine& to, Status& status, std::size_t piece) {
    const std::string_view output = from.output().substr(0, piece);
    if (output.empty()) return false;
    const Status taken = to.ingest(Slice::copy(output));
    if (!taken && status) status = taken;
    from.consume_output(output.size());
    return true;
  }
};

inline TlsPair make_pair(TlsClientContext& client, TlsServerContext& server,
                         std::string_view name = kHost) {
  return {client.connect(name), server.accept(), {}, {}};
}

}  // namespace outrigger::test
