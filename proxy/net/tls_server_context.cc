#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <utility>

#include "proxy/net/tls_context.h"
#include "proxy/net/tls_files.h"

namespace outrigger {
namespace {

constexpr long kTicketSeconds = 2 * 3600L;

TlsServerContext& context_of(SSL* ssl) {
  return *static_cast<TlsServerContext*>(TlsEngine::of(ssl).context());
}

TimePoint ticket_clock() noexcept {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return TimePoint{Duration{t.tv_sec * 1'000'000'000LL + t.tv_nsec}};
}

// Our preference among what the client offers; a client that offers only what we do not speak is
// refused (RFC 7301 3.2).
int choose_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                const unsigned char* offered, unsigned offered_size, void*) {
  for (const std::string& protocol : context_of(ssl).alpn()) {
    for (unsigned at = 0; at < offered_size; at += offered[at] + 1U) {
      const std::string_view offer(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
      if (offer != protocol) continue;
      *chosen = offered + at + 1;
      *chosen_size = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool set_mac_key(EVP_MAC_CTX* mac, TlsTicketKeys::Key& key) {
  std::array<OSSL_PARAM, 3> params = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>("SHA256"), 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, params.data()) == 1;
}

// OpenSSL's contract (SSL_CTX_set_tlsext_ticket_key_evp_cb): sealing returns 1, or -1 on failure;
// opening returns 0 for an unknown key (a full handshake follows), 1, or 2 to have the ticket
// replaced.
int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
               EVP_MAC_CTX* mac, int sealing) {
  TlsTicketKeys& keys = context_of(ssl).ticket_keys();
  if (sealing == 1) {
    std::optional<TlsTicketKeys::Key> key = keys.current(ticket_clock());
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    std::copy(key->name.begin(), key->name.end(), name);
    const bool sealed =
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
        set_mac_key(mac, *key);
    OPENSSL_cleanse(&*key, sizeof *key);
    return sealed ? 1 : -1;
  }
  std::optional<TlsTicketKeys::Found> found =
      keys.find(std::span<const unsigned char, 16>(name, 16), ticket_clock());
  if (!found) return 0;
  const bool opened =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) == 1 &&
      set_mac_key(mac, found->key);
  const int answer = found->current ? 1 : 2;
  OPENSSL_cleanse(&*found, sizeof *found);
  return opened ? answer : -1;
}

// A ticket holds the verdict on the client's certificate, so it must not outlive the CA that gave
// it: tickets are only good among contexts with the same client CA (and the same certificate).
void bind_tickets(SSL_CTX* context, const TlsServerSettings& settings) {
  std::string content;
  for (const std::string& file : {settings.certificate_file, settings.client_ca_file}) {
    std::ifstream stream(file, std::ios::binary);
    content.append(std::istreambuf_iterator<char>(stream), {});
    content += '\0';
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha256(), nullptr);
  SSL_CTX_set_session_id_context(context, digest.data(),
                                 std::min<unsigned>(size, SSL_MAX_SID_CTX_LENGTH));
}

}  // namespace

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::load(
    const TlsServerSettings& settings) {
  Result<SslContext> made = new_ssl_context(TlsSide::kServer);
  if (!made) return std::unexpected(std::move(made).error());
  SSL_CTX* raw = made->get();
  if (Status status = use_certificate(*raw, settings.certificate_file, settings.key_file);
      !status) {
    return std::unexpected(std::move(status).error());
  }
  if (!settings.client_ca_file.empty()) {
    if (Status status = trust_file(*raw, settings.client_ca_file); !status) {
      return std::unexpected(std::move(status).error());
    }
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(settings.client_ca_file.c_str()));
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(raw,
                                 SSL_SESS_CACHE_OFF);  // tickets only: nothing to store or lock
  SSL_CTX_set_timeout(raw, kTicketSeconds);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(raw, &ticket_key);
  if (!settings.alpn.empty()) SSL_CTX_set_alpn_select_cb(raw, &choose_alpn, nullptr);
  bind_tickets(raw, settings);

  std::shared_ptr<TlsServerContext> context(new TlsServerContext);
  context->context_ = std::move(*made);
  context->alpn_ = settings.alpn;
  context->ticket_keys_ =
      settings.ticket_keys != nullptr ? settings.ticket_keys : std::make_shared<TlsTicketKeys>();
  return context;
}

std::unique_ptr<TlsEngine> TlsServerContext::accept(Origin peer) {
  return std::make_unique<TlsEngine>(SSL_new(context_.get()), TlsEngine::Role::kServer, peer,
                                     shared_from_this());
}

}  // namespace outrigger
