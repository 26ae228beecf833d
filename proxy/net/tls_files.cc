#include "proxy/net/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "proxy/net/errno_text.h"
#include "proxy/net/tls_error.h"

namespace outrigger {
namespace {

// TLS 1.2 suites; those of TLS 1.3 are all sound.
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";

std::unexpected<Error> bad(std::string detail) {
  return fail(Errc::kConfig, Origin::kProxy, "configuration_error", std::move(detail));
}

// Read here and not by OpenSSL, whose errors would not say which of several things was wrong.
Status readable(std::string_view what, const std::string& file) {
  std::FILE* opened = std::fopen(file.c_str(), "re");
  if (opened == nullptr) {
    const std::string why = errno_text(errno);
    return bad("cannot read the " + std::string(what) + " '" + file + "': " + why +
               "; check the path and its permissions");
  }
  const int first = std::fgetc(opened);
  const int error = errno;
  const bool failed = std::ferror(opened) != 0;
  std::fclose(opened);
  if (failed) {
    return bad("cannot read the " + std::string(what) + " '" + file + "': " + errno_text(error));
  }
  if (first == EOF) return bad("the " + std::string(what) + " '" + file + "' is empty");
  return {};
}

// Without it OpenSSL would ask for the passphrase on the terminal.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

Result<SslContext> new_ssl_context(TlsSide side) {
  SslContext context(
      SSL_CTX_new(side == TlsSide::kServer ? TLS_server_method() : TLS_client_method()));
  if (context == nullptr) {
    return fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error", openssl_text());
  }
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(raw, kCiphers);
  SSL_CTX_set1_groups_list(raw, kGroups);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

Status use_certificate(SSL_CTX& context, const std::string& certificate_file,
                       const std::string& key_file) {
  if (certificate_file.empty() || key_file.empty()) {
    return bad("TLS needs both a certificate file and a key file");
  }
  if (Status status = readable("certificate file", certificate_file); !status) return status;
  if (Status status = readable("key file", key_file); !status) return status;
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(&context, certificate_file.c_str()) != 1) {
    return bad("the certificate file '" + certificate_file + "' holds no usable PEM certificate (" +
               openssl_text() + "); it must hold the server's certificate, then its intermediates");
  }
  bool encrypted = false;
  SSL_CTX_set_default_passwd_cb(&context, &no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(&context, &encrypted);
  // OpenSSL compares the key with the certificate here already, when both are of one type.
  const bool taken = SSL_CTX_use_PrivateKey_file(&context, key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(&context, nullptr);
  SSL_CTX_set_default_passwd_cb(&context, nullptr);
  if (encrypted) {
    ERR_clear_error();
    return bad("the key in '" + key_file + "' is encrypted; give it without a passphrase");
  }
  const bool mismatch =
      !taken && ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
  if (!taken && !mismatch) {
    return bad("the key file '" + key_file + "' holds no usable PEM private key (" +
               openssl_text() + ")");
  }
  if (mismatch || SSL_CTX_check_private_key(&context) != 1) {
    ERR_clear_error();
    return bad("the key in '" + key_file + "' does not belong to the first certificate in '" +
               certificate_file + "'; give the key it was made with");
  }
  return {};
}

Status trust_file(SSL_CTX& context, const std::string& ca_file) {
  if (Status status = readable("CA file", ca_file); !status) return status;
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(&context, ca_file.c_str()) != 1) {
    return bad("the CA file '" + ca_file + "' holds no usable PEM certificate (" + openssl_text() +
               ")");
  }
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(&context), X509_V_FLAG_PARTIAL_CHAIN);
  return {};
}

Status trust_system(SSL_CTX& context) {
  ERR_clear_error();
  if (SSL_CTX_set_default_verify_paths(&context) == 1) return {};
  return bad("cannot open the system's certificate store (" + openssl_text() +
             "); install ca-certificates or name a CA file");
}

std::string alpn_wire(std::span<const std::string> protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

}  // namespace outrigger
