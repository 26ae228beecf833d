// Bounds on clients: over one, the client is told and the proxy goes on serving the others.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

class Limits : public OneUpstream {
 protected:
  ProxyConfig limited(const std::string& limits) {
    return config().server("limits: {" + limits + "}");
  }
  void expect_still_serving(Proxy& proxy) {
    upstream.expect("GET /after").reply(200, "fine");
    EXPECT_EQ(proxy.fetch(get("/up/after")).body, "fine");
  }
};

TEST_F(Limits, TooManyFieldsAreA431) {
  TestProxy proxy(config());
  Request request = get("/up/p");
  for (int i = 0; i < 150; ++i) request.headers.emplace_back(fmt::format("X-{}", i), "v");
  EXPECT_EQ(proxy.fetch(request).status, 431);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Limits, ATooLargeFieldIsA431) {
  TestProxy proxy(config());
  EXPECT_EQ(proxy.fetch(get("/up/p", {{"X-A", std::string(20'000, 'a')}})).status, 431);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Limits, ATooLargeHeadIsA431) {
  TestProxy proxy(config());
  Request request = get("/up/p");
  for (int i = 0; i < 8; ++i) request.headers.emplace_back("X-A", std::string(10'000, 'a'));
  EXPECT_EQ(proxy.fetch(request).status, 431);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Limits, ATooLongTargetIsA414) {
  TestProxy proxy(config());
  EXPECT_EQ(proxy.fetch(get("/up/" + std::string(70'000, 'a'))).status, 414);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Limits, ADeclaredBodyAboveTheLimitIsA413BeforeTheUpstreamSeesIt) {
  keys = "max_request_body: 1KiB";
  TestProxy proxy(config());
  const Response answer = proxy.fetch(post("/up/p", std::string(2000, 'x')));
  expect_problem(answer, 413);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Limits, AChunkedBodyAboveTheLimitIsNeverCompleteUpstream) {
  keys = "max_request_body: 1KiB";
  upstream.expect("POST /p").always().run([](Exchange& exchange) {
    if (exchange.request.complete) exchange.reply(response(200, "took it"));
  });
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.start(post("/up/p", ""));
  call->send(std::string(600, 'x'));
  call->send(std::string(600, 'x'));
  call->finish();
  EXPECT_EQ(call->read_all().status, 413);
  upstream.drop_connections();
  for (const Request& request : upstream.requests()) EXPECT_FALSE(request.complete);
}

TEST_F(Limits, ABodyExactlyAtTheLimitPasses) {
  keys = "max_request_body: 1KiB";
  upstream.expect("POST /p").reply(200, "ok");
  TestProxy proxy(config());
  EXPECT_EQ(proxy.fetch(post("/up/p", std::string(1024, 'x'))).body, "ok");
}

TEST_F(Limits, ASlowHeadIsEndedHoweverManyBytesTrickle) {
  TestProxy proxy(limited("head_time: 500ms"));
  Client client(proxy.port());
  client.send_raw("GET /up/p HTTP/1.1\r\nHost: h\r\n");
  std::string answer;
  const Deadline deadline;
  while (!deadline.passed()) {
    if (!client.channel().write("X")) break;
    const auto status = client.channel().read(answer, Deadline(20ms));
    if (status == Channel::Status::kEnd || status == Channel::Status::kReset) break;
  }
  EXPECT_FALSE(deadline.passed()) << "a slow head holds its connection";
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 408")) << answer;
  EXPECT_EQ(upstream.connections(), 0U);
  expect_still_serving(proxy);
}

TEST_F(Limits, ASilentNewConnectionIsClosed) {
  TestProxy proxy(limited("first_request_idle: 300ms"));
  Client client(proxy.port());
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Limits, AnIdleKeepAliveConnectionIsClosed) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(limited("keep_alive_idle: 300ms"));
  Client client(proxy.port());
  EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Limits, AnIdleH2ConnectionIsClosedWithGoaway) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(limited("keep_alive_idle: 300ms"));
  Client client(proxy.port(), {.http = Http::k2});
  EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
  EXPECT_TRUE(client.closed_by_peer());
  ASSERT_TRUE(client.h2().goaway_received().has_value());
  EXPECT_EQ(client.h2().goaway_received()->code, NGHTTP2_NO_ERROR);
}

TEST_F(Limits, ASlowBodyIsEnded) {
  for (const Http http : {Http::k1, Http::k2}) {
    upstream.expect("POST /p").before_body().hang();
    TestProxy proxy(limited("body_rate_bytes: 1000B, body_rate_window: 1s"));
    Client client(proxy.port(), {.http = http});
    const auto call = client.start(post("/up/p", ""));
    const Deadline deadline;
    const auto refused = [&] {
      if (!call->send("x")) return true;
      if (http == Http::k2)
        return client.h2().wait_head(1, Deadline(1ms)) || client.h2().peek(1).closed;
      return wait_for(client.channel().fd(), Wait::kRead, Deadline(1ms));
    };
    EXPECT_TRUE(eventually(refused)) << "a slow body holds its request";
    const Response answer = call->read_all();
    EXPECT_TRUE(answer.status == 408 || answer.status == 0) << answer.status;
    EXPECT_TRUE(eventually([&] { return upstream.open_connections() == 0; }));
  }
}

TEST_F(Limits, AClientThatTakesNothingIsGivenUp) {
  upstream.expect("GET /much").manually();
  TestProxy proxy(limited("write_stall: 500ms"));
  ClientOptions options;
  options.connect.receive_buffer_bytes = 16 * 1024;
  Client client(proxy.port(), options);
  const auto call = client.begin(get("/up/much"));
  const Held served = upstream.accept();
  served->start(200, {{"content-length", "50000000"}});
  try {
    served->send_until_blocked(pattern(50'000'000), 100ms);
  } catch (const ClientGone&) {
    return;  // given up while we were still writing
  }
  EXPECT_TRUE(served->client_gone());
}

TEST_F(Limits, AnH2WindowThatStaysClosedIsGivenUp) {
  upstream.expect("GET /much").manually();
  TestProxy proxy(limited("write_stall: 500ms"));
  ClientOptions options{.http = Http::k2};
  options.h2.stream_window = 0;
  Client client(proxy.port(), options);
  const auto call = client.begin(get("/up/much"));
  const Held served = upstream.accept();
  served->reply(response(200, "never taken"));
  EXPECT_FALSE(call->read_all().complete);
}

TEST_F(Limits, ConnectionsBeyondTheLimitAreClosedAndTheOthersServed) {
  upstream.expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(limited("connections: 5").workers(1));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<Client>(proxy.port()));
    EXPECT_EQ(clients.back()->fetch(get("/up/p")).body, "ok");
  }
  Client sixth(proxy.port());
  sixth.channel().write("GET /up/p HTTP/1.1\r\nHost: h\r\n\r\n");
  const Response refused = sixth.await_answer("GET")->read_all();
  EXPECT_TRUE(refused.status == 503 || refused.status == 0) << refused.status;
  for (const auto& client : clients) EXPECT_EQ(client->fetch(get("/up/p")).body, "ok");
  clients.clear();
  EXPECT_TRUE(eventually([&] { return proxy.fetch(get("/up/p")).status == 200; }));
}

TEST_F(Limits, OneAddressMayNotTakeAllConnections) {
  upstream.expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(limited("connections_per_client: 3").workers(1));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(proxy.port()));
    EXPECT_EQ(clients.back()->fetch(get("/up/p")).body, "ok");
  }
  Client fourth(proxy.port());
  fourth.channel().write("GET /up/p HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(fourth.await_answer("GET")->read_all().status, 200);
}

TEST_F(Limits, WithoutDescriptorsAcceptingPausesAndRecovers) {
  upstream.expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(config().workers(1).server("overload: {descriptors: none}"), {.max_files = 48});
  std::vector<Socket> hoard;
  for (int i = 0; i < 80; ++i) hoard.push_back(Socket::connect(proxy.port()));
  EXPECT_TRUE(eventually([&] { return proxy.process().descriptors().size() >= 47; }));
  const Milliseconds before = proxy.process().cpu_time();
  std::this_thread::sleep_for(1s);
  EXPECT_LT(proxy.process().cpu_time() - before, 500ms) << "accepting spins without descriptors";
  EXPECT_FALSE(proxy.process().exit_code().has_value());
  hoard.clear();
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "ok");
}

TEST_F(Limits, AnAcceptStormIsServed) {
  upstream.expect("GET /p").always().reply(200, "ok");
  TestProxy proxy(config());
  for (int round = 0; round < 5; ++round) {
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < 100; ++i) {
      clients.push_back(std::make_unique<Client>(proxy.port()));
      calls.push_back(clients.back()->begin(get("/up/p")));
    }
    for (const auto& call : calls) EXPECT_EQ(call->read_all().body, "ok");
  }
}

}  // namespace
}  // namespace outrigger::test
