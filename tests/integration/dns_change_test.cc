// A name whose addresses change while the proxy runs (resilience 5.3: Connect). The proxy gets an
// /etc/resolv.conf of its own, which needs the right to mount, and the name server port 53.
#include "tests/integration/scenario.h"
#include "tests/support/name_server.h"

namespace outrigger::test {
namespace {

constexpr const char* kSecondAddress = "127.0.0.3";

class NamedUpstream : public Scenario {
 protected:
  void SetUp() override {
    if (!may_mount()) GTEST_SKIP() << "needs the right to mount";
    try {
      names.emplace("127.0.0.1");
    } catch (const Failure& failure) {
      GTEST_SKIP() << failure.what();
    }
  }
  // Serves the name, with a port that is right on every address.
  void serve_name(const std::string& keys) {
    const std::string resolv_conf =
        folder.write("resolv.conf", fmt::format("nameserver {}\n", names->address()));
    const std::string protocol = h2_upstream() ? ", protocol: http2" : ", protocol: http1";
    serve(ProxyConfig().workers(1).upstream(
              "up", fmt::format("http://moves.test:{}", upstream.port()), keys + protocol),
          {.resolv_conf = resolv_conf});
  }

  TemporaryFolder folder;
  std::optional<NameServer> names;
};
INSTANTIATE_TEST_SUITE_P(, NamedUpstream, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(NamedUpstream, AWriteFollowsItsNameToAnotherAddressAndArrivesOnce) {
  upstream.expect("POST /p").reply(200, "before");
  serve_name(
      "circuit_breaker: none, retry: {max_attempts: 20, budget: none, backoff: {base: 200ms, "
      "factor: 1, max: 200ms}}");
  EXPECT_EQ(ask(post("/up/p", "{}")).body, "before");
  Upstream moved({.http = GetParam().upstream, .port = upstream.port(), .address = kSecondAddress});
  moved.expect("POST /q").reply(200, "after");
  upstream.stop();
  upstream.drop_connections();
  names->set(kSecondAddress);
  EXPECT_EQ(ask(post("/up/q", "{}")).body, "after");
  EXPECT_EQ(moved.requests().size(), 1u);
  EXPECT_TRUE(story("/up/q").ends_with("200 ok")) << story("/up/q");
  moved.drop_connections();
  proxy().finish();
}

TEST_P(NamedUpstream, ANameThatLosesItsAddressesIsNothingSent) {
  names->set("");
  serve_name(kThreeAttempts);
  expect_problem(ask(post("/up/p", "{}")), 502, "dns_error");
  EXPECT_EQ(story("/up/p"),
            "P0 refused_unsent; P0 refused_unsent; P0 refused_unsent (max_attempts)");
}

}  // namespace
}  // namespace outrigger::test
