// What OpenSSL says went wrong, as an Error that a person understands. Reads and empties the
// thread's OpenSSL error queue.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/result.h"

using SSL = struct ssl_st;

namespace outrigger {

// Of a failed connection: kTls with the RFC 9209 tokens tls_certificate_error, tls_alert_received
// or tls_protocol_error. `expected_name` is what a client verified the certificate against, or
// empty.
Error tls_error(SSL* ssl, Origin peer, std::string_view expected_name);

// The last error in the queue as text, for failures outside a connection; "unknown error" when
// empty.
std::string openssl_text();

}  // namespace outrigger
