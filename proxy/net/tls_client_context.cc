#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <utility>

#include "proxy/net/address.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_files.h"

namespace outrigger {
namespace {

bool is_ip(const std::string& name) {
  return SocketAddress::parse(name, 0).has_value();
}

// OpenSSL has a new session or ticket: ours when we return 1.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  TlsEngine& engine = TlsEngine::of(ssl);
  static_cast<TlsClientContext*>(engine.context())->keep(engine.expected_name(), session);
  return 1;
}

bool expired(const SSL_SESSION* session) {
  return SSL_SESSION_is_resumable(session) == 0 ||
         SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) <= std::time(nullptr);
}

}  // namespace

void SslContextFree::operator()(SSL_CTX* context) const noexcept {
  SSL_CTX_free(context);
}
void SslSessionFree::operator()(SSL_SESSION* session) const noexcept {
  SSL_SESSION_free(session);
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::load(
    const TlsClientSettings& settings) {
  Result<SslContext> made = new_ssl_context(TlsSide::kClient);
  if (!made) return std::unexpected(std::move(made).error());
  SSL_CTX* raw = made->get();
  if (!settings.certificate_file.empty() || !settings.key_file.empty()) {
    if (Status status = use_certificate(*raw, settings.certificate_file, settings.key_file);
        !status) {
      return std::unexpected(std::move(status).error());
    }
  }
  if (!settings.unsafe_skip_verification) {
    Status status =
        settings.ca_file.empty() ? trust_system(*raw) : trust_file(*raw, settings.ca_file);
    if (!status) return std::unexpected(std::move(status).error());
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  }
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, &keep_session);

  std::shared_ptr<TlsClientContext> context(new TlsClientContext);
  context->context_ = std::move(*made);
  context->server_name_ = settings.server_name;
  context->verify_ = !settings.unsafe_skip_verification;
  context->alpn_ = settings.alpn;
  return context;
}

std::unique_ptr<TlsEngine> TlsClientContext::connect(std::string_view server_name) {
  return connect(server_name, alpn_);
}

std::unique_ptr<TlsEngine> TlsClientContext::connect(std::string_view server_name,
                                                     std::span<const std::string> alpn) {
  const std::string name = server_name_.empty() ? std::string(server_name) : server_name_;
  SSL* ssl = SSL_new(context_.get());
  auto engine = std::make_unique<TlsEngine>(ssl, TlsEngine::Role::kClient, Origin::kUpstream,
                                            shared_from_this(), name);
  if (is_ip(name)) {
    if (verify_) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl, name.c_str());
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (verify_) SSL_set1_host(ssl, name.c_str());
  }
  if (const std::string wire = alpn_wire(alpn); !wire.empty()) {
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  if (const Session session = take(name)) SSL_set_session(ssl, session.get());
  return engine;
}

void TlsClientContext::keep(const std::string& name, SSL_SESSION* session) {
  Session owned(session);
  auto found = sessions_.find(name);
  if (found == sessions_.end()) {
    if (sessions_.size() >= kNames) sessions_.erase(sessions_.begin());
    found = sessions_.emplace(name, std::deque<Session>{}).first;
  }
  // A TLS 1.2 session serves any number of connections: one is enough.
  if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) found->second.clear();
  found->second.push_back(std::move(owned));
  if (found->second.size() > kTicketsPerName) found->second.pop_front();
}

TlsClientContext::Session TlsClientContext::take(const std::string& name) {
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return nullptr;
  std::deque<Session>& kept = found->second;
  while (!kept.empty() && expired(kept.back().get())) kept.pop_back();
  if (kept.empty()) {
    sessions_.erase(found);
    return nullptr;
  }
  if (SSL_SESSION_get_protocol_version(kept.back().get()) < TLS1_3_VERSION) {
    SSL_SESSION_up_ref(kept.back().get());
    return Session(kept.back().get());
  }
  Session newest = std::move(kept.back());
  kept.pop_back();
  if (kept.empty()) sessions_.erase(found);
  return newest;
}

std::size_t TlsClientContext::sessions() const noexcept {
  std::size_t total = 0;
  for (const auto& [name, kept] : sessions_) total += kept.size();
  return total;
}

}  // namespace outrigger
