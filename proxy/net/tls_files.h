// What both kinds of TLS context are made of: protocol bounds, and PEM files read with errors that
// name the file and the mend.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "proxy/base/result.h"
#include "proxy/net/tls_context.h"

namespace outrigger {

using SslContext = std::unique_ptr<SSL_CTX, SslContextFree>;
enum class TlsSide : std::uint8_t { kServer, kClient };

// An OpenSSL context with the bounds that hold on both sides: TLS 1.2 and up, forward secrecy and
// authenticated encryption only (RFC 9325), no renegotiation, no compression, buffers freed when
// idle.
Result<SslContext> new_ssl_context(TlsSide side);

// All fail with kConfig, origin proxy, reason "configuration_error".
Status use_certificate(SSL_CTX& context, const std::string& certificate_file,
                       const std::string& key_file);
// Trusts exactly the certificates in the file, be they CAs, intermediates or servers' own.
Status trust_file(SSL_CTX& context, const std::string& ca_file);
Status trust_system(SSL_CTX& context);

// Protocol names in wire format (RFC 7301 3.1).
std::string alpn_wire(std::span<const std::string> protocols);

}  // namespace outrigger
