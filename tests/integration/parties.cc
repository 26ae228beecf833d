#include "tests/integration/parties.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace outrigger::test {

const Pki& pki() {
  static const CertificateAuthority authority;
  static const TemporaryFolder folder;
  static const Pki files = [] {
    Pki made;
    made.ca = folder.write("ca.pem", authority.certificate_pem());
    const auto write = [](const std::string& name, const Identity& identity,
                          std::string& certificate, std::string& key) {
      certificate = folder.write(name + ".pem", identity.certificate_pem);
      key = folder.write(name + ".key", identity.key_pem);
    };
    write("server", authority.server({"localhost", "127.0.0.1"}), made.server_certificate,
          made.server_key);
    write("client", authority.client("agent-7"), made.client_certificate, made.client_key);
    write("other", authority.server({"other.example"}), made.other_name_certificate,
          made.other_name_key);
    write("self", self_signed({.names = {"localhost"}}), made.self_signed_certificate,
          made.self_signed_key);
    return made;
  }();
  return files;
}

std::string to_string(const Side& side) {
  const std::string http = side.http == Http::k1 ? "h1" : "h2";
  return http + (side.transport == Transport::kTls ? "_tls" : "_plain");
}

std::string side_name(const ::testing::TestParamInfo<Side>& info) {
  return to_string(info.param);
}

UpstreamOptions upstream_options(const Side& side) {
  UpstreamOptions options;
  options.http = side.http;
  if (side.transport == Transport::kTls) {
    options.tls = true;
    options.files.certificate = pki().server_certificate;
    options.files.key = pki().server_key;
  }
  return options;
}

ClientOptions client_options(const Side& side) {
  ClientOptions options;
  options.http = side.http;
  if (side.transport == Transport::kTls) {
    options.tls = true;
    options.files.trusted_ca = pki().ca;
  }
  return options;
}

std::string upstream_keys(const Side& side) {
  std::string keys = side.http == Http::k1 ? "protocol: http1" : "protocol: http2";
  if (side.transport == Transport::kTls)
    keys += fmt::format(", tls: {{ca_file: \"{}\"}}", pki().ca);
  return keys;
}

namespace {

std::string binary_under_test() {
  const char* other = std::getenv("OUTRIGGER_BINARY");
  return other == nullptr ? OUTRIGGER_BINARY : other;
}

}  // namespace

TestProxy::TestProxy(const ProxyConfig& config, ProxyOptions options)
    : Proxy(binary_under_test(), config, std::move(options)) {}

ProxyConfig& serve_tls(ProxyConfig& config) {
  return config.tls(pki().server_certificate, pki().server_key);
}

void expect_problem(const Response& answer, int status, const std::string& code) {
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(value_of(answer.headers, "content-type"), "application/problem+json") << answer.body;
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "proxy");
  EXPECT_EQ(value_of(answer.headers, "outrigger-request-id").size(), 26U);
  const std::string proxy_status = value_of(answer.headers, "proxy-status");
  EXPECT_TRUE(proxy_status.starts_with("outrigger; error=")) << proxy_status;
  const auto document = nlohmann::json::parse(answer.body, nullptr, false);
  ASSERT_TRUE(document.is_object()) << answer.body;
  EXPECT_EQ(document.value("status", 0), status);
  EXPECT_NE(document.value("title", ""), "");
  ASSERT_TRUE(document.contains("error")) << answer.body;
  EXPECT_NE(document["error"].value("message", ""), "");
  if (!code.empty()) {
    EXPECT_EQ(document["error"].value("code", ""), code);
    EXPECT_EQ(document.value("type", ""), "urn:outrigger:error:" + code);
  }
}

}  // namespace outrigger::test
