// Who takes part in the integration tests: the protocols and transports of the matrix, the
// certificates of the whole run, and the proxy under test.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/support/client.h"
#include "tests/support/proxy.h"
#include "tests/support/upstream.h"

namespace outrigger::test {

enum class Transport { kPlain, kTls };

// How one side speaks.
struct Side {
  Http http = Http::k1;
  Transport transport = Transport::kPlain;
};

inline constexpr std::array<Side, 4> kAllSides{{{Http::k1, Transport::kPlain},
                                                {Http::k1, Transport::kTls},
                                                {Http::k2, Transport::kPlain},
                                                {Http::k2, Transport::kTls}}};
std::string to_string(const Side& side);  // "h1_plain"
std::string side_name(const ::testing::TestParamInfo<Side>& info);

// Files of the run's own authority; "localhost" and 127.0.0.1 are the server's names.
struct Pki {
  std::string ca;
  std::string server_certificate, server_key;
  std::string client_certificate, client_key;
  std::string other_name_certificate, other_name_key;  // of the same authority, for another host
  std::string self_signed_certificate, self_signed_key;
};
const Pki& pki();

UpstreamOptions upstream_options(const Side& side);
ClientOptions client_options(const Side& side);
// The keys of a configured upstream that speaks as `side`.
std::string upstream_keys(const Side& side);

// The binary that was built with the tests, or the one that the variable OUTRIGGER_BINARY names.
class TestProxy : public Proxy {
 public:
  explicit TestProxy(const ProxyConfig& config, ProxyOptions options = {});
};
// The proxy port speaks TLS with the run's server certificate.
ProxyConfig& serve_tls(ProxyConfig& config);

// One scripted upstream, served as "/up/...".
class OneUpstream : public ::testing::Test {
 protected:
  Upstream upstream;
  ProxyConfig config() { return ProxyConfig().upstream("up", upstream, keys); }
  std::string keys;  // of the configured upstream
};

// The problem document's code (RFC 9457 member of ours) and the other two places that must agree
// with it.
void expect_problem(const Response& answer, int status, const std::string& code_or_any = {});

}  // namespace outrigger::test
