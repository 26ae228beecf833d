#include "proxy/admin/gate.h"

#include "tests/unit/proxy/admin_request.h"

namespace outrigger::admin {
namespace {

constexpr std::string_view kToken = "0123456789abcdef0123456789abcdef";

SocketAddress at(std::string_view ip) {
  return SocketAddress::parse(ip, 4172).value();
}
Gate local() {
  return {at("127.0.0.1"), Secret()};
}
Gate open_to_others() {
  return {at("0.0.0.0"), Secret(std::string(kToken))};
}

// "" when it may pass.
std::string verdict(const Gate& gate, const http::RequestHead& asked) {
  const auto refusal = gate.refuse(asked);
  return refusal ? code_of(*refusal) : std::string();
}

// DNS rebinding: a name of the attacker's that is made to point to us stands in Host.
TEST(AdminGate, IsOpenOnlyUnderNamesThatNoPageCanTurnToUs) {
  struct Row {
    std::string_view listens;
    std::string_view host;
    bool passes;
  };
  const Row rows[] = {
      {"127.0.0.1", "127.0.0.1:4172", true},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "localhost:4172", true},
      {"127.0.0.1", "LocalHost:9000", true},  // a tunnel changes the port
      {"127.0.0.1", "localhost.:4172", true},
      {"127.0.0.1", "127.0.0.2:4172", true},
      {"127.0.0.1", "[::1]:4172", true},
      {"127.0.0.1", "evil.example:4172", false},
      {"127.0.0.1", "localhost.evil.example", false},
      {"127.0.0.1", "127.0.0.1.evil.example", false},
      {"127.0.0.1", "notlocalhost", false},
      {"127.0.0.1", "10.1.2.3:4172", false},
      {"127.0.0.1", "0.0.0.0:4172", false},  // browsers have taken it for loopback
      {"::1", "[::1]:4172", true},
      {"::1", "localhost", true},
      {"::1", "[fd00::1]:4172", false},
      {"10.1.2.3", "10.1.2.3:4172", true},
      {"10.1.2.3", "10.1.2.4:4172", false},
      {"10.1.2.3", "127.0.0.1:4172", true},
      {"10.1.2.3", "admin.example", false},
      {"0.0.0.0", "10.1.2.3:4172", true},  // one of its addresses, as far as we know
      {"::", "[2001:db8::5]:4172", true},
      {"0.0.0.0", "evil.example:4172", false},
  };
  for (const Row& row : rows) {
    const Gate gate(at(row.listens), Secret(std::string(kToken)));
    const std::string host = "Host: " + std::string(row.host);
    // /livez asks for no token, and is behind the same door otherwise.
    EXPECT_EQ(verdict(gate, head("GET /livez", {host})), row.passes ? "" : "admin_host_unknown")
        << row.listens << " " << row.host;
  }
}

TEST(AdminGate, TheRefusalOfAHostIsMisdirected) {
  const auto refusal = local().refuse(head("GET /livez", {"Host: evil.example"}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->head.status, 421);
}

TEST(AdminGate, AnyHostFitsASocketThatNoBrowserReaches) {
  const Gate gate(SocketAddress::unix_path("/run/outrigger.sock").value(), Secret());
  EXPECT_EQ(verdict(gate, head("GET /api/v1/info", {"Host: anything"})), "");
}

// Fetch Metadata: for reading as for changing.
TEST(AdminGate, LetsNoPageOfAnotherSiteAsk) {
  for (const std::string line : {"GET /api/v1/info", "POST /api/v1/cache/purge"}) {
    for (const std::string site : {"same-origin", "none"}) {
      EXPECT_EQ(verdict(local(), head(line, {"Host: localhost", "Sec-Fetch-Site: " + site})), "")
          << line << site;
    }
    for (const std::string site : {"same-site", "cross-site", "", "same-origin, none"}) {
      EXPECT_EQ(verdict(local(), head(line, {"Host: localhost", "Sec-Fetch-Site: " + site})),
                "admin_cross_site")
          << line << site;
    }
    EXPECT_EQ(verdict(local(), head(line, {"Host: localhost", "Sec-Fetch-Site: none",
                                           "Sec-Fetch-Site: cross-site"})),
              "admin_cross_site");
  }
}

TEST(AdminGate, AnOriginMustBeTheHost) {
  struct Row {
    std::string_view host, origin;
    bool passes;
  };
  const Row rows[] = {
      {"localhost:4172", "http://localhost:4172", true},
      {"LOCALHOST:4172", "http://localhost:4172", true},
      {"localhost", "http://localhost", true},
      {"localhost:80", "http://localhost", true},
      {"localhost:443", "https://localhost", true},
      {"[::1]:4172", "http://[::1]:4172", true},
      {"localhost:4172", "http://localhost:3000", false},  // another program on this machine
      {"localhost:4172", "http://127.0.0.1:4172", false},
      {"localhost:4172", "http://evil.example", false},
      {"localhost:4172", "http://localhost:4172.evil.example", false},
      {"localhost", "https://localhost:80", false},
      {"localhost:4172", "null", false},
      {"localhost:4172", "", false},
      {"localhost:4172", "ftp://localhost:4172", false},
      {"localhost:4172", "http://user@localhost:4172", false},
  };
  for (const Row& row : rows) {
    const std::string host = "Host: " + std::string(row.host);
    const std::string origin = "Origin: " + std::string(row.origin);
    EXPECT_EQ(verdict(local(), head("POST /x", {host, origin})),
              row.passes ? "" : "admin_cross_site")
        << row.host << " " << row.origin;
  }
  EXPECT_EQ(verdict(local(), head("GET /x", {"Host: localhost", "Origin: http://localhost",
                                             "Origin: http://evil.example"})),
            "admin_cross_site");
}

TEST(AdminGate, AsksForTheTokenForAllButLivez) {
  const Gate gate = open_to_others();
  const std::string right = "Authorization: Bearer " + std::string(kToken);
  EXPECT_EQ(verdict(gate, head("GET /livez", {"Host: 10.1.2.3"})), "");
  EXPECT_EQ(verdict(gate, head("GET /livez?verbose", {"Host: 10.1.2.3"})), "");
  for (const std::string line : {"GET /readyz", "GET /metrics", "GET /api/v1/info", "GET /livez/",
                                 "POST /api/v1/cache/purge", "GET /nothing"}) {
    EXPECT_EQ(verdict(gate, head(line, {"Host: 10.1.2.3"})), "admin_token_needed") << line;
    EXPECT_EQ(verdict(gate, head(line, {"Host: 10.1.2.3", right})), "") << line;
  }
}

TEST(AdminGate, TakesNoOtherToken) {
  const Gate gate = open_to_others();
  const std::string token(kToken);
  const std::string wrong[] = {
      "Bearer",
      "Bearer ",
      "Bearer x",
      "Basic " + token,
      token,
      "Bearer " + token.substr(1),
      "Bearer " + token + "0",
      "Bearer " + token + token,
      "Bearer  " + token,
  };
  for (const std::string& value : wrong) {
    EXPECT_EQ(verdict(gate, head("GET /readyz", {"Host: 10.1.2.3", "Authorization: " + value})),
              "admin_token_needed")
        << value;
  }
  const std::string right = "Authorization: bearer " + token;  // RFC 9110 11.1: any case
  EXPECT_EQ(verdict(gate, head("GET /readyz", {"Host: 10.1.2.3", right})), "");
  http::RequestHead twice = head("GET /readyz", {"Host: 10.1.2.3", right});
  twice.headers.add("Authorization", "Bearer " + token);
  EXPECT_EQ(verdict(gate, twice), "admin_token_needed");
}

TEST(AdminGate, TheRefusalSaysHowToShowAToken) {
  const auto refusal = open_to_others().refuse(head("GET /readyz", {"Host: 10.1.2.3"}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->head.status, 401);
  EXPECT_EQ(field_of(*refusal, "WWW-Authenticate"), "Bearer realm=\"outrigger admin\"");
}

TEST(AdminGate, ATokenIsAskedForOnLoopbackToo) {
  const Gate gate(at("127.0.0.1"), Secret(std::string(kToken)));
  EXPECT_EQ(verdict(gate, head("GET /readyz", {"Host: localhost"})), "admin_token_needed");
  EXPECT_EQ(verdict(local(), head("GET /readyz", {"Host: localhost"})), "");
}

TEST(AdminGate, APortThatOthersReachIsShutWithoutAToken) {
  const Gate gate(at("0.0.0.0"), Secret());
  EXPECT_EQ(verdict(gate, head("GET /readyz", {"Host: 10.1.2.3", "Authorization: Bearer "})),
            "admin_token_needed");
  EXPECT_EQ(verdict(gate, head("GET /livez", {"Host: 10.1.2.3"})), "");
}

TEST(AdminToken, IsNeededWhereOthersReachThePort) {
  const Secret token{std::string(kToken)};
  for (const std::string_view ip : {"127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(check_token(at(ip), Secret())) << ip;
    EXPECT_TRUE(check_token(at(ip), token)) << ip;
  }
  EXPECT_TRUE(check_token(SocketAddress::unix_path("/run/x").value(), Secret()));
  for (const std::string_view ip : {"0.0.0.0", "::", "10.1.2.3", "203.0.113.5", "fd00::1"}) {
    const Status refused = check_token(at(ip), Secret());
    ASSERT_FALSE(refused) << ip;
    EXPECT_EQ(refused.error().code, Errc::kConfig);
    EXPECT_TRUE(refused.error().detail.view().contains("OUTRIGGER_ADMIN_TOKEN"));
    EXPECT_TRUE(check_token(at(ip), token)) << ip;
  }
}

TEST(AdminToken, IsLongAndVisibleAndNeverPartOfTheComplaint) {
  for (const std::string bad : {"hush", "123456789012345", "0123456789abcdef 0123456789",
                                "0123456789abcdef\n", "0123456789abcde\xc3\xa9"}) {
    const Status refused = check_token(at("127.0.0.1"), Secret(bad));
    ASSERT_FALSE(refused) << bad;
    EXPECT_FALSE(refused.error().detail.view().contains(bad));
  }
  EXPECT_TRUE(check_token(at("127.0.0.1"), Secret("1234567890123456")));
}

}  // namespace
}  // namespace outrigger::admin
