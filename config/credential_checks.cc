#include "config/credential_checks.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/address.h"
#include "config/field_name.h"

namespace outrigger::config {
namespace {

constexpr std::size_t kMostKeys = 64;

// Fields that the proxy itself sets, or that end at each hop.
constexpr std::array<std::string_view, 9> kNotForKeys = {
    "host",    "connection",       "content-length", "transfer-encoding", "te",
    "trailer", "proxy-connection", "upgrade",        "keep-alive"};

// Visible ASCII and blanks within: what may stand in a field's value.
bool is_field_value(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; }) &&
         !text.starts_with(' ') && !text.ends_with(' ');
}

void check_header(const Credentials& credentials, const std::string& path, Checker& checker) {
  const std::string name = lower_case(credentials.header);
  const std::string at = path + ".header";
  if (!is_field_name(name)) {
    checker.error(Code::kInconsistent, at,
                  fmt::format("\"{}\" is not the name of a header", credentials.header),
                  "write for example x-api-key");
  } else if (std::ranges::find(kNotForKeys, name) != kNotForKeys.end() ||
             name.starts_with("outrigger-")) {
    checker.error(Code::kInconsistent, at,
                  fmt::format("the header {} cannot carry a key: the proxy sets it itself", name),
                  "write for example authorization");
  }
  if (!is_field_value(credentials.scheme)) {
    checker.error(Code::kInconsistent, path + ".scheme",
                  "the scheme has a character that no header may hold", "write for example Bearer");
  }
}

void check_literal(const Secret& secret, const std::string& at, std::string_view what,
                   Checker& checker) {
  if (secret.empty() || checker.by_reference(at)) return;
  checker.warning(Code::kSuspicious, at,
                  fmt::format("{} stands in the file, where whoever reads it has it", what),
                  "write ${NAME} or file:/path");
}

void check_keys(const Credentials& credentials, const std::string& path, Checker& checker) {
  const auto& keys = credentials.keys;
  if (keys.size() > kMostKeys) {
    checker.error(Code::kInconsistent, path + ".keys",
                  fmt::format("{} keys are too many", keys.size()),
                  fmt::format("name at most {}", kMostKeys));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string at = fmt::format("{}.keys[{}]", path, i);
    if (!is_field_value(keys[i].reveal())) {
      checker.error(Code::kInconsistent, at,
                    "the key has a blank at an end, or a character that no header may hold",
                    "look for a line break in the variable or the file");
    }
    if (std::find(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i), keys[i]) !=
        keys.begin() + static_cast<std::ptrdiff_t>(i)) {
      checker.warning(Code::kSuspicious, at, "the key is named twice", "remove one");
    }
    check_literal(keys[i], at, "the key", checker);
  }
}

bool one_host(const std::vector<Endpoint>& endpoints) {
  return std::ranges::all_of(endpoints, [&](const Endpoint& endpoint) {
    return endpoint.host == endpoints.front().host && endpoint.port == endpoints.front().port;
  });
}

void check_aws(const std::vector<Endpoint>& endpoints, const Credentials& credentials,
               const std::string& path, Decoded decoded, Checker& checker) {
  const AwsSigning& aws = *credentials.aws;
  const std::string at = path + ".aws";
  if (!credentials.keys.empty()) {
    checker.error(Code::kConflict, at, "credentials has both keys and aws",
                  "a request is signed, or carries a key: remove one");
  }
  const auto must = [&](bool there, std::string_view key) {
    if (there || decoded != Decoded::kWhole) return;
    checker.error(Code::kMissingKey, at, fmt::format("credentials.aws has no {}", key),
                  fmt::format("add {}", key));
  };
  must(!aws.region.empty(), "region");
  must(!aws.access_key.empty(), "access_key");
  must(!aws.secret_key.empty(), "secret_key");
  check_literal(aws.secret_key, at + ".secret_key", "the secret key", checker);
  check_literal(aws.session_token, at + ".session_token", "the session token", checker);
  if (!one_host(endpoints)) {
    checker.error(
        Code::kInconsistent, at, "a signature holds for one host, and the endpoints have several",
        "make each an upstream with its own region, and name one the fallback of the other");
  }
}

void check_clear_text(const std::vector<Endpoint>& endpoints, const std::string& path,
                      Checker& checker) {
  const auto exposed = std::ranges::find_if(endpoints, [](const Endpoint& endpoint) {
    return !endpoint.tls && !is_private_host(endpoint.host);
  });
  if (exposed == endpoints.end()) return;
  checker.warning(Code::kPlainText, path,
                  fmt::format("the keys of the proxy travel unencrypted to {}", exposed->host),
                  "write https:// in the url");
}

bool adds_any(const Policies& policies) {
  return policies.credentials && (!policies.credentials->keys.empty() || policies.credentials->aws);
}

}  // namespace

void check_spenders(const Server& server, const Upstream& upstream, const std::string& path,
                    Checker& checker) {
  const bool open = std::ranges::any_of(server.listen, [](const ListenAddress& address) {
    return !address.host.starts_with('/') && !is_loopback_host(address.host);
  });
  const bool guarded = server.tls && !server.tls->client_ca_file.empty();
  if (!open || guarded || !adds_any(upstream.policies)) return;
  checker.warning(Code::kSuspicious, path + ".credentials",
                  "whoever reaches server.listen may spend these keys",
                  "listen on 127.0.0.1, or name server.tls.client_ca_file");
}

void check_credentials(const std::vector<Endpoint>& endpoints, const Policies& policies,
                       const std::string& path, Decoded decoded, Checker& checker) {
  if (!policies.credentials) return;
  const Credentials& credentials = *policies.credentials;
  const std::string at = path + ".credentials";
  if (credentials.keys.empty() && decoded == Decoded::kWhole && checker.wrote(at + ".keys")) {
    checker.error(Code::kInconsistent, at + ".keys", "the list of keys is empty",
                  "name a key, or write credentials: none to add nothing");
    return;
  }
  if (!adds_any(policies)) {
    // A profile may name the header and leave the keys to others.
    if (decoded == Decoded::kWhole && checker.wrote(at + ".keep_client")) {
      checker.warning(Code::kSuspicious, at + ".keep_client",
                      "keep_client has no effect: there are no keys",
                      "name some in credentials.keys");
    }
    return;
  }
  check_header(credentials, at, checker);
  check_keys(credentials, at, checker);
  if (credentials.aws) check_aws(endpoints, credentials, at, decoded, checker);
  check_clear_text(endpoints, at, checker);
}

}  // namespace outrigger::config
