#include "proxy/net/tls_error.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

#include "proxy/net/address.h"
#include "proxy/net/errno_text.h"

namespace outrigger {
namespace {

constexpr std::size_t kMaxNames = 5;

// The names a certificate is for, as far as they fit into a message.
std::string names_of(X509* certificate) {
  std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  if (names == nullptr) return "no name at all";
  std::string result;
  std::size_t shown = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    if (shown++ == kMaxNames) return result + ", ...";
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    if (!result.empty()) result += ", ";
    if (name->type == GEN_DNS) {
      // Whoever made the certificate chose these bytes; the message stays one readable line.
      for (const char c : std::string_view(data, size)) result += c > ' ' && c <= '~' ? c : '?';
      continue;
    }
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    v4.sin_family = AF_INET;
    v6.sin6_family = AF_INET6;
    if (size == 4) {
      __builtin_memcpy(&v4.sin_addr, data, size);
      result += SocketAddress::from(reinterpret_cast<sockaddr*>(&v4), sizeof v4).host();
    } else if (size == 16) {
      __builtin_memcpy(&v6.sin6_addr, data, size);
      result += SocketAddress::from(reinterpret_cast<sockaddr*>(&v6), sizeof v6).host();
    }
  }
  return result.empty() ? "no name at all" : result;
}

// What to do about the refusals that have an obvious mend.
std::string_view mend(long verdict) noexcept {
  switch (verdict) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "; if it is to be trusted, name its CA as the CA file";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "; check this host's clock";
    default:
      return {};
  }
}

std::string refusal(SSL* ssl, long verdict, std::string_view expected_name) {
  std::string text = expected_name.empty()
                         ? "the client's certificate"
                         : "the certificate of '" + std::string(expected_name) + "'";
  text += " is refused: ";
  text += X509_verify_cert_error_string(verdict);
  const bool wrong_name =
      verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
  // The chain is there although it was refused, unlike the peer's certificate.
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
  if (wrong_name && sk_X509_num(chain) > 0) {
    text += " (it is for " + names_of(sk_X509_value(chain, 0)) + ")";
  }
  text += mend(verdict);
  return text;
}

std::string_view hint(int reason) noexcept {
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return "; it may not speak TLS on this port";
    case SSL_R_HTTP_REQUEST:
      return ": it sent plain HTTP to a TLS port";
    case SSL_R_UNSUPPORTED_PROTOCOL:
      return "; it offers nothing newer than TLS 1.1";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "; this port asks for a client certificate";
    default:
      return {};
  }
}

}  // namespace

std::string openssl_text() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return errno_text(ERR_GET_REASON(code));
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown error" : text;
}

Error tls_error(SSL* ssl, Origin peer, std::string_view expected_name) {
  Error error{Errc::kTls, peer, Phase::kNoConnection, "tls_protocol_error", {}};
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  const std::string who = peer == Origin::kClient ? "the client" : "the server";
  const long verdict = SSL_get_verify_result(ssl);
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    error.reason = "tls_certificate_error";
    error.detail = refusal(ssl, verdict, expected_name);
  } else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET) {
    error.reason = "tls_alert_received";
    error.detail = who + " ended TLS with the alert '" +
                   SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET) + "'";
  } else {
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    error.detail = "TLS with " + who + " failed: " + (text == nullptr ? "unknown error" : text);
    error.detail += hint(reason);
  }
  ERR_clear_error();
  return error;
}

}  // namespace outrigger
