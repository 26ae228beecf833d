// Several endpoints of one upstream: shared load, dead ones set aside, pools with limits.
#include <gtest/gtest.h>

#include <map>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

TEST(Endpoints, ShareTheLoad) {
  Upstream a;
  Upstream b;
  for (Upstream* one : {&a, &b}) one->expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(ProxyConfig().endpoints("up", {&a, &b}));
  Client client(proxy.port());
  for (int i = 0; i < 60; ++i) EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
  EXPECT_GT(a.requests().size(), 10U);
  EXPECT_GT(b.requests().size(), 10U);
}

TEST(Endpoints, TheBusyOneGetsLess) {
  Upstream busy;
  Upstream idle;
  busy.expect("GET /slow").times(8).hang();
  idle.expect("GET /slow").always().hang();
  for (Upstream* one : {&busy, &idle}) one->expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(ProxyConfig().workers(1).endpoints("up", {&busy, &idle}));
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(std::make_unique<Client>(proxy.port()));
    calls.push_back(clients.back()->begin(get("/up/slow")));
    EXPECT_TRUE(eventually([&] {
      return busy.requests().size() + idle.requests().size() == static_cast<std::size_t>(i) + 1;
    }));
  }
  // The least loaded of two endpoints is always the right one: an even split.
  EXPECT_EQ(busy.requests().size(), 8U);
  EXPECT_EQ(idle.requests().size(), 8U);
}

TEST(Endpoints, ARefusingOneIsPassedOver) {
  Upstream alive;
  alive.expect("POST /p").always().reply(200, "ok");
  const ReservedPort nobody;
  const std::string dead = fmt::format("http://127.0.0.1:{}", nobody.number());
  TestProxy proxy(ProxyConfig().workers(1).upstream(
      "up", "",
      fmt::format(
          "endpoints: [\"{}\", \"{}\"], health: {{passive: {{connect_failures: 2, eject: 30s}}}}",
          dead, alive.url())));
  Client client(proxy.port());
  int failed = 0;
  for (int i = 0; i < 40; ++i) failed += client.fetch(post("/up/p", "{}")).status == 200 ? 0 : 1;
  EXPECT_LE(failed, 2) << "a dead endpoint is set aside after two failures";
  EXPECT_GE(alive.requests().size(), 38U);
  alive.drop_connections();
}

TEST(Endpoints, AllSetAsideStillTriesRatherThanRefuse) {
  const ReservedPort nobody;
  const std::string dead = fmt::format("http://127.0.0.1:{}", nobody.number());
  TestProxy proxy(ProxyConfig().workers(1).upstream(
      "up", dead, "health: {passive: {connect_failures: 1, eject: 30s}}"));
  for (int i = 0; i < 4; ++i) {
    const Response answer = proxy.fetch(get("/up/p"));
    EXPECT_TRUE(answer.status == 502 || answer.status == 503) << answer.status;
    expect_problem(answer, answer.status);
  }
}

TEST(Endpoints, ProbesMarkAnEndpointDownAndUpAgain) {
  Upstream sick;
  Upstream well;
  std::atomic<bool> healthy = true;
  sick.expect("GET /health").always().run([&](Exchange& exchange) {
    exchange.reply(response(healthy ? 200 : 503));
  });
  well.expect("GET /health").always().reply(200);
  for (Upstream* one : {&sick, &well}) one->expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(ProxyConfig().workers(1).endpoints(
      "up", {&sick, &well},
      "health: {active: {path: /health, interval: 200ms, timeout: 200ms, healthy_after: 2, "
      "unhealthy_after: 2}}"));
  const auto served_by_sick = [&] {
    std::size_t count = 0;
    for (const Request& request : sick.requests()) count += request.target == "/p" ? 1 : 0;
    return count;
  };
  const auto takes_traffic = [&] {
    const std::size_t before = served_by_sick();
    Client client(proxy.port());
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
    return served_by_sick() > before;
  };
  EXPECT_TRUE(eventually(takes_traffic));
  healthy = false;
  EXPECT_TRUE(eventually([&] { return !takes_traffic(); }));
  healthy = true;
  EXPECT_TRUE(eventually(takes_traffic));
  proxy.finish();  // probes end before the upstreams do
}

TEST(Pools, OpenNoMoreConnectionsThanAllowedAndQueueTheRest) {
  Upstream upstream;
  upstream.expect("GET /p").times(6).manually();
  TestProxy proxy(ProxyConfig().workers(1).upstream("up", upstream, "pool: {connections: 2}"));
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<Client>(proxy.port()));
    calls.push_back(clients.back()->begin(get("/up/p")));
  }
  for (int i = 0; i < 6; ++i) {
    EXPECT_LE(upstream.open_connections(), 2U);
    upstream.accept()->reply(response(200, "ok"));
  }
  for (const auto& call : calls) EXPECT_EQ(call->read_all().body, "ok");
  EXPECT_EQ(upstream.connections(), 2U);
}

TEST(Pools, RefuseWhatWaitsBeyondTheLimit) {
  Upstream upstream;
  upstream.expect("GET /p").manually();
  TestProxy proxy(
      ProxyConfig().workers(1).upstream("up", upstream, "pool: {connections: 1, waiting: 0}"));
  Client client(proxy.port());
  const auto call = client.begin(get("/up/p"));
  const Held served = upstream.accept();
  const Response refused = proxy.fetch(get("/up/p"));
  expect_problem(refused, 503);
  EXPECT_NE(value_of(refused.headers, "retry-after"), "");
  served->reply(response(200, "ok"));
  EXPECT_EQ(call->read_all().body, "ok");
}

TEST(Pools, AClientThatLeavesTheQueueIsForgotten) {
  Upstream upstream;
  upstream.expect("GET /p").manually();
  upstream.expect("GET /q").reply(200, "q");
  TestProxy proxy(ProxyConfig().workers(1).upstream("up", upstream, "pool: {connections: 1}"));
  Client first(proxy.port());
  const auto call = first.begin(get("/up/p"));
  Held served = upstream.accept();
  {
    Client leaver(proxy.port());
    leaver.begin(get("/up/never"));
    EXPECT_TRUE(eventually(
        [&] { return proxy.metric_sum("outrigger_upstream_queued", "upstream=\"up\"") == 1; }));
  }
  EXPECT_TRUE(eventually(
      [&] { return proxy.metric_sum("outrigger_upstream_queued", "upstream=\"up\"") == 0; }));
  served->reply(response(200, "p"));
  served.release();
  EXPECT_EQ(call->read_all().body, "p");
  EXPECT_EQ(proxy.fetch(get("/up/q")).body, "q");
}

TEST(Pools, CloseConnectionsThatStayIdle) {
  Upstream upstream;
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(ProxyConfig().upstream("up", upstream, "pool: {idle: 200ms}"));
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "ok");
  EXPECT_TRUE(eventually([&] { return upstream.open_connections() == 0; }));
}

TEST(Alpn, ChoosesTheUpstreamsProtocol) {
  for (const Http http : {Http::k1, Http::k2}) {
    Upstream upstream(upstream_options({http, Transport::kTls}));
    upstream.expect("GET /p").reply(200, "ok");
    TestProxy proxy(ProxyConfig().upstream(
        "up", upstream, fmt::format("protocol: auto, tls: {{ca_file: \"{}\"}}", pki().ca)));
    EXPECT_EQ(proxy.fetch(get("/up/p")).body, "ok");
  }
}

}  // namespace
}  // namespace outrigger::test
