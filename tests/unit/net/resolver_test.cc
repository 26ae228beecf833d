#include "proxy/net/resolver.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/net/dns_server.h"
#include "tests/unit/net/net_test.h"

namespace outrigger::test {
namespace {

using Kind = DnsScript::Kind;
using Addresses = std::vector<SocketAddress>;

Addresses addresses(std::initializer_list<std::string_view> ips, std::uint16_t port = 443) {
  Addresses result;
  for (const std::string_view ip : ips) result.push_back(*SocketAddress::parse(ip, port));
  return result;
}

class ResolverTest : public NetTest {
 protected:
  ResolverSettings settings() {
    ResolverSettings made;
    made.servers = {server->address()};
    made.timeout = 10s;
    made.tries = 1;
    return made;
  }
  Result<Addresses> resolve(Resolver& resolver, std::string_view host) {
    return run(resolver.resolve(host, 443, scope));
  }
  // Waits until nothing of DNS is under way.
  void settle(const Resolver& resolver) {
    run_until([&] { return resolver.queries() == 0; });
  }
  void SetUp() override { server.emplace(loop); }
  void TearDown() override {
    server.reset();
    NetTest::TearDown();
  }
  std::optional<DnsServer> server;
};

TEST_F(ResolverTest, AnswersLiteralsAndLocalhostWithoutAsking) {
  Resolver resolver(loop, settings());
  const std::size_t before = open_descriptors();
  EXPECT_EQ(resolve(resolver, "192.0.2.7"), addresses({"192.0.2.7"}));
  EXPECT_EQ(resolve(resolver, "2001:db8::7"), addresses({"2001:db8::7"}));
  EXPECT_EQ(resolve(resolver, "localhost"), addresses({"::1", "127.0.0.1"}));
  EXPECT_EQ(resolve(resolver, "a.localhost"), addresses({"::1", "127.0.0.1"}));
  EXPECT_TRUE(server->seen.empty());
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(ResolverTest, AsksForBothFamiliesAndAlternates) {
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.1"}, {"192.0.2.2"}, {"2001:db8::1"}}});
  Resolver resolver(loop, settings());
  EXPECT_EQ(resolve(resolver, "a.test"), addresses({"2001:db8::1", "192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(server->seen.size(), 2u);
}

TEST_F(ResolverTest, RemembersAnAnswerForItsTtl) {
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.1", 60}}});
  Resolver resolver(loop, settings());
  EXPECT_TRUE(resolve(resolver, "a.test"));
  settle(resolver);
  const std::size_t asked = server->seen.size();
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.9", 60}}});
  EXPECT_EQ(run(resolver.resolve("a.test", 80, scope)), addresses({"192.0.2.1"}, 80));
  EXPECT_EQ(server->seen.size(), asked);
}

TEST_F(ResolverTest, AsksAgainWhenTheTtlIsOver) {
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.1", 0}}});
  ResolverSettings brief = settings();
  brief.cache.min_ttl = 1ms;
  Resolver resolver(loop, brief);
  EXPECT_TRUE(resolve(resolver, "a.test"));
  settle(resolver);
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.9", 60}}});
  ASSERT_TRUE(run(sleep_for(2ms)));
  EXPECT_EQ(resolve(resolver, "a.test"), addresses({"192.0.2.9"}));
}

TEST_F(ResolverTest, ConcurrentAskersShareOneQueryAndMayLeave) {
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.1"}}});
  Resolver resolver(loop, settings());
  CancelScope leaving;
  const auto first = start(resolver.resolve("a.test", 1, leaving));
  const auto second = start(resolver.resolve("a.test", 2, scope));
  leaving.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  EXPECT_EQ(await(first).error().reason, "client_gone");
  EXPECT_EQ(await(second), addresses({"192.0.2.1"}, 2));
  settle(resolver);
  EXPECT_EQ(server->seen.size(), 2u) << "one query a family";
}

TEST_F(ResolverTest, WaitsOnlyShortlyForALateFamily) {  // RFC 8305 section 3
  server->set("a.test", "A", {Kind::kAnswer, {{"192.0.2.1"}}});
  server->set("a.test", "AAAA", {Kind::kSilence, {}});
  ResolverSettings patient = settings();
  patient.timeout = 1h;
  patient.resolution_delay = 2ms;
  Resolver resolver(loop, patient);
  EXPECT_EQ(resolve(resolver, "a.test"), addresses({"192.0.2.1"}));
  EXPECT_EQ(resolver.queries(), 1u) << "the late answer may still come";
  EXPECT_EQ(resolve(resolver, "a.test"), addresses({"192.0.2.1"})) << "and nobody waits for it";
}

TEST_F(ResolverTest, TellsAndRemembersThatANameDoesNotExist) {
  Resolver resolver(loop, settings());
  const Result<Addresses> none = resolve(resolver, "none.test");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::kResolve);
  EXPECT_EQ(none.error().origin, Origin::kUpstream);
  EXPECT_EQ(none.error().reason, "dns_error");
  EXPECT_NE(none.error().detail.find("none.test"), std::string::npos);
  const std::size_t asked = server->seen.size();
  EXPECT_FALSE(resolve(resolver, "none.test"));
  EXPECT_EQ(server->seen.size(), asked);
}

TEST_F(ResolverTest, TellsASilentServerFromAFailingOne) {
  server->set("silent.test", {Kind::kSilence, {}});
  server->set("failing.test", {Kind::kServerFailure, {}});
  ResolverSettings impatient = settings();
  impatient.timeout = 5ms;
  Resolver hasty(loop, impatient);
  EXPECT_EQ(resolve(hasty, "silent.test").error().reason, "dns_timeout");
  Resolver resolver(loop, settings());
  EXPECT_EQ(resolve(resolver, "failing.test").error().reason, "dns_error");
}

TEST_F(ResolverTest, ServesStaleAddressesWhenDnsFails) {  // RFC 8767
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.1", 0}}});
  ResolverSettings brief = settings();
  brief.cache.min_ttl = 1ms;
  Resolver resolver(loop, brief);
  EXPECT_TRUE(resolve(resolver, "a.test"));
  settle(resolver);
  server->set("a.test", {Kind::kServerFailure, {}});
  ASSERT_TRUE(run(sleep_for(2ms)));
  EXPECT_EQ(resolve(resolver, "a.test"), addresses({"192.0.2.1"}));
  settle(resolver);
}

TEST_F(ResolverTest, ServesStaleAddressesWhenDnsIsSlow) {
  server->set("a.test", {Kind::kAnswer, {{"192.0.2.1", 0}}});
  ResolverSettings brief = settings();
  brief.cache.min_ttl = 1ms;
  brief.timeout = 1h;
  brief.stale_after = 2ms;
  Resolver resolver(loop, brief);
  EXPECT_TRUE(resolve(resolver, "a.test"));
  settle(resolver);
  server->set("a.test", {Kind::kSilence, {}});
  ASSERT_TRUE(run(sleep_for(2ms)));
  EXPECT_EQ(resolve(resolver, "a.test"), addresses({"192.0.2.1"}));
  EXPECT_EQ(resolver.queries(), 1u);
}

TEST_F(ResolverTest, FetchesALongAnswerOverTcp) {  // RFC 7766
  std::vector<DnsRecord> many;
  for (int i = 1; i <= 60; ++i) many.push_back({"192.0.2." + std::to_string(i)});
  server->set("long.test", {Kind::kAnswer, many, true});
  server->set("next.test", {Kind::kAnswer, {{"192.0.2.99"}}, true});
  ResolverSettings patient = settings();
  patient.timeout = 5s;
  Resolver resolver(loop, patient);
  const auto first = start(resolver.resolve("long.test", 443, scope));
  const auto second = start(resolver.resolve("next.test", 443, scope));
  EXPECT_EQ(await(first)->size(), 60u);
  EXPECT_EQ(await(second), addresses({"192.0.2.99"}));
  settle(resolver);
}

// c-ares gets more to write on a connection whose readiness for writing was reported long ago.
TEST_F(ResolverTest, SendsLaterQueriesOverAnOpenTcpConnection) {
  server->set("silent.test", {Kind::kSilence, {}, true});
  server->set("next.test", {Kind::kAnswer, {{"192.0.2.99"}}, true});
  ResolverSettings patient = settings();
  patient.timeout = 1h;
  Resolver resolver(loop, patient);
  CancelScope leaving;
  const auto silent = start(resolver.resolve("silent.test", 443, leaving));
  run_until([&] { return server->seen.size() == 4; });
  EXPECT_EQ(server->seen.back().substr(server->seen.back().size() - 4), "/tcp");
  EXPECT_EQ(resolve(resolver, "next.test"), addresses({"192.0.2.99"}));
  leaving.cancel({});
  EXPECT_FALSE(await(silent));
}

TEST_F(ResolverTest, TheHostsFileComesFirst) {
  server->set("inside.test", {Kind::kAnswer, {{"2001:db8::666"}}});
  const std::string file = ::testing::TempDir() + "hosts." + std::to_string(getpid());
  std::ofstream(file) << "192.0.2.5 inside.test\n";
  setenv("CARES_HOSTS", file.c_str(), 1);
  {
    Resolver resolver(loop, settings());
    EXPECT_EQ(resolve(resolver, "inside.test"), addresses({"192.0.2.5"}));
    ASSERT_TRUE(run(sleep_for(5ms)));
    EXPECT_EQ(resolve(resolver, "inside.test"), addresses({"192.0.2.5"}))
        << "DNS adds nothing later";
  }
  unsetenv("CARES_HOSTS");
  ::unlink(file.c_str());
}

TEST_F(ResolverTest, UnusableServersAreAnErrorNotACrash) {
  ResolverSettings bad;
  bad.servers = {"not an address"};
  Resolver resolver(loop, bad);
  const Result<Addresses> none = resolve(resolver, "a.test");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().detail.find("not an address"), std::string::npos) << none.error().detail;
}

TEST_F(ResolverTest, TearsDownWithQueriesUnderWayAndAskersWaiting) {
  server->set("a.test", "A", {Kind::kAnswer, {{"192.0.2.1"}}});
  server->set("a.test", "AAAA", {Kind::kSilence, {}});
  ResolverSettings patient = settings();
  patient.timeout = 1h;
  patient.resolution_delay = 1h;
  auto resolver = std::make_unique<Resolver>(loop, patient);
  auto group = std::make_unique<TaskGroup>(loop);
  std::optional<Result<Addresses>> result;
  group->spawn(keep_result(resolver->resolve("a.test", 443, scope), result));
  // c-ares's own timer, the wait for the other family, and the guard of this line.
  run_until([&] { return loop.timers() == 3; });
  resolver.reset();  // the wrong order, which a tear-down may take
  EXPECT_EQ(loop.timers(), 0u);
  group.reset();
  EXPECT_FALSE(result);
}

}  // namespace
}  // namespace outrigger::test
