// The ways in: base URL, absolute-form, CONNECT and Upgrade; and what a wrong path or place is
// told.
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

class Routing : public OneUpstream {
 protected:
  static std::string at(std::uint16_t port) { return fmt::format("127.0.0.1:{}", port); }
  static Request connect_to(const std::string& authority) {
    Request request;
    request.method = "CONNECT";
    request.target = authority;
    request.authority = authority;
    return request;
  }
  // A forward proxy that may reach loopback at the port of `upstream`.
  static std::string forward_to(const Upstream& upstream) {
    return fmt::format(
        "forward: {{enabled: true, allow_hosts: [\"127.0.0.1\"], allow_cidrs: [\"127.0.0.0/8\"], "
        "ports: [{}]}}",
        upstream.port());
  }
  static void echo(Channel& channel) {
    for (std::string bytes; channel.read(bytes) == Channel::Status::kDone; bytes.clear()) {
      if (!channel.write(bytes)) return;
    }
    channel.half_close();
  }
};

TEST_F(Routing, AWrongOrDoubledVersionIsToldTheRightUrl) {
  keys = "expected_version: /v1, version_tokens: [v1]";
  TestProxy proxy(config());
  for (const std::string path : {"/up/chat/completions", "/up/v1/v1/chat/completions"}) {
    const Response answer = proxy.fetch(post(path, "{}"));
    expect_problem(answer, 404);
    EXPECT_NE(answer.body.find("/up/v1/chat/completions"), std::string::npos) << answer.body;
  }
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Routing, AnUnknownPrefixIsToldTheKnownOnes) {
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/upp/v1/models"));
  expect_problem(answer, 404);
  EXPECT_NE(answer.body.find("/up"), std::string::npos) << answer.body;
}

TEST_F(Routing, TheRootIsAPageForPeople) {
  TestProxy proxy(config());
  const Response page = proxy.fetch(get("/", {{"Accept", "text/plain"}}));
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("/up"), std::string::npos) << page.body;
}

TEST_F(Routing, DotSegmentsInAnyDisguiseAreRefused) {
  TestProxy proxy(config());
  for (const char* path : {"/up/../admin", "/up/%2e%2e/admin", "/up/a/./b", "/up/%2E./x"}) {
    EXPECT_EQ(proxy.fetch(get(path)).status, 400) << path;
  }
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(Routing, RoutesNarrowPoliciesByMethodAndPath) {
  upstream.expect("POST /big").times(2).reply(200, "ok");
  keys = "routes: [{match: {method: POST, path: /small}, max_request_body: 10B}]";
  TestProxy proxy(config());
  EXPECT_EQ(proxy.fetch(post("/up/big", std::string(100, 'x'))).status, 200);
  expect_problem(proxy.fetch(post("/up/small", std::string(100, 'x'))), 413);
  EXPECT_EQ(proxy.fetch(post("/up/big", "")).status, 200);
}

TEST_F(Routing, AbsoluteFormGoesToTheUpstreamOfThatHost) {
  upstream.expect("GET /v1/p?q").reply(200, "ok");
  TestProxy proxy(config());
  Request request = get("http://" + at(upstream.port()) + "/v1/p?q");
  request.authority = at(upstream.port());
  EXPECT_EQ(proxy.fetch(request).body, "ok");
}

TEST_F(Routing, AbsoluteFormToAStrangerNeedsForwardMode) {
  Upstream stranger;
  Request request = get("http://" + at(stranger.port()) + "/p");
  request.authority = at(stranger.port());
  {
    TestProxy closed(config());
    expect_problem(closed.fetch(request), 403);
  }
  stranger.expect("GET /p").reply(200, "reached");
  ProxyConfig open = config();
  open.server(forward_to(stranger));
  TestProxy proxy(open, {.check_descriptors = true});
  EXPECT_EQ(proxy.fetch(request).body, "reached");
  stranger.drop_connections();
}

TEST_F(Routing, ForwardModeRefusesPrivateAddressesOtherHostsAndPorts) {
  Upstream inside;
  const std::string port = std::to_string(inside.port());
  ProxyConfig open = config();
  open.server(
      "forward: {enabled: true, allow_hosts: [\"127.0.0.1\", localhost, \"169.254.169.254\"], "
      "ports: [" +
      port + "]}");
  TestProxy proxy(open);
  for (const std::string host : {"127.0.0.1", "localhost", "169.254.169.254", "example.com"}) {
    expect_problem(proxy.fetch(connect_to(host + ":" + port)), 403);
  }
  expect_problem(proxy.fetch(connect_to("127.0.0.1:1")), 403);
  EXPECT_EQ(inside.connections(), 0U);
}

TEST_F(Routing, NumericDisguisesOfAddressesAreRefused) {
  Upstream inside;
  ProxyConfig open = config();
  open.server(forward_to(inside));
  TestProxy proxy(open);
  for (const char* host : {"0x7f.1", "2130706433", "0177.0.0.1", "127.1"}) {
    const Response answer = proxy.fetch(connect_to(fmt::format("{}:{}", host, inside.port())));
    EXPECT_TRUE(answer.status == 400 || answer.status == 403) << host << " " << answer.status;
  }
  EXPECT_EQ(inside.connections(), 0U);
}

TEST_F(Routing, ConnectWithoutForwardModeIsRefused) {
  TestProxy proxy(config());
  const Response answer = proxy.fetch(connect_to("example.com:443"));
  EXPECT_TRUE(answer.status == 403 || answer.status == 405) << answer.status;
}

TEST_F(Routing, ConnectTunnelsBytesBothWaysAndHalfCloses) {
  Upstream peer;
  peer.on_connection(echo);
  ProxyConfig open = config();
  open.server(forward_to(peer));
  TestProxy proxy(open);
  {
    Client client(proxy.port());
    client.send_raw(
        fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\nearly ", at(peer.port())));
    const auto call = client.await_answer("CONNECT");
    EXPECT_EQ(call->read_head().status, 200);
    client.send_raw("late");
    EXPECT_EQ(call->read_exactly(10), "early late");
    const std::string much = pattern(1 << 20);
    client.send_raw(much);
    EXPECT_TRUE(call->read_exactly(much.size()) == much);
    client.half_close();
    EXPECT_EQ(call->read_some(), "");
  }
  EXPECT_TRUE(eventually([&] { return peer.open_connections() == 0; }));
  EXPECT_EQ(proxy.access_line([](const auto&) { return true; }).value("mode", ""), "connect");
}

TEST_F(Routing, ConnectOverHttp2TunnelsOnOneStream) {
  Upstream peer;
  peer.on_connection(echo);
  ProxyConfig open = config();
  open.server(forward_to(peer));
  TestProxy proxy(open);
  Client client(proxy.port(), {.http = Http::k2});
  const auto call = client.start(connect_to(at(peer.port())));
  EXPECT_EQ(call->read_head().status, 200);
  call->send("through");
  EXPECT_EQ(call->read_exactly(7), "through");
  call->finish();
  EXPECT_TRUE(call->read_all().complete);
  EXPECT_TRUE(eventually([&] { return peer.open_connections() == 0; }));
}

TEST_F(Routing, AClientThatLeavesATunnelClosesTheOtherEnd) {
  Upstream peer;
  peer.on_connection(echo);
  ProxyConfig open = config();
  open.server(forward_to(peer));
  TestProxy proxy(open);
  Client client(proxy.port());
  const auto call = client.begin(connect_to(at(peer.port())));
  EXPECT_EQ(call->read_head().status, 200);
  EXPECT_TRUE(eventually([&] { return peer.open_connections() == 1; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return peer.open_connections() == 0; }));
}

class WebSocket : public Routing {
 protected:
  // Answers 101 and echoes until the client is done.
  // RFC 6455 4.2.2.
  static std::string accept_of(std::string key) {
    key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[20];
    ::SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
    unsigned char text[32];
    const int size = ::EVP_EncodeBlock(text, digest, sizeof digest);
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
  }
  void expect_upgrade() {
    upstream.expect("GET /ws").run([](Exchange& exchange) {
      if (value_of(exchange.request.headers, "upgrade") != "websocket") give_up("no Upgrade came");
      exchange.raw(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Accept: " +
          accept_of(value_of(exchange.request.headers, "sec-websocket-key")) + "\r\n\r\nhello");
      for (std::string bytes; !(bytes = exchange.read_tunnel()).empty();) exchange.raw(bytes);
      exchange.close();
    });
  }
  static Request upgrade() {
    return get("/up/ws", {{"Connection", "Upgrade"},
                          {"Upgrade", "websocket"},
                          {"Sec-WebSocket-Version", "13"},
                          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  }
};

TEST_F(WebSocket, UpgradePassesBytesBothWays) {
  expect_upgrade();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(upgrade());
  const Response head = call->read_head();
  EXPECT_EQ(head.status, 101);
  EXPECT_TRUE(same_name(value_of(head.headers, "upgrade"), "websocket"));
  EXPECT_TRUE(same_name(value_of(head.headers, "connection"), "upgrade"));
  EXPECT_EQ(value_of(head.headers, "sec-websocket-accept"), accept_of("dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_EQ(call->read_exactly(5), "hello");
  for (const char* word : {"one", "two"}) {
    client.send_raw(word);
    EXPECT_EQ(call->read_exactly(3), word);
  }
  client.half_close();
  EXPECT_EQ(call->read_some(), "");
}

TEST_F(WebSocket, ExtendedConnectOverHttp2ReachesAnHttp1Upstream) {
  expect_upgrade();
  TestProxy proxy(config());
  Client client(proxy.port(), {.http = Http::k2});
  Request request = get("/up/ws", {{":protocol", "websocket"}, {"sec-websocket-version", "13"}});
  request.method = "CONNECT";
  const auto call = client.start(request);
  EXPECT_EQ(call->read_head().status, 200);
  EXPECT_EQ(call->read_exactly(5), "hello");
  call->send("one");
  EXPECT_EQ(call->read_exactly(3), "one");
  call->finish();
  call->read_all();
}

TEST_F(WebSocket, ARefusedUpgradeIsAnOrdinaryAnswer) {
  upstream.expect("GET /ws").reply(403, "no");
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(upgrade());
  const Response answer = call->read_all();
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(client.fetch(get("/up/p")).body, "ok");
}

TEST_F(WebSocket, BytesSentBeforeThe101WaitForIt) {
  upstream.expect("GET /ws").manually();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(upgrade());
  client.send_raw("early");
  const Held served = upstream.accept();
  EXPECT_EQ(served->read_tunnel(Deadline(kQuiet)), "");
  served->raw(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(served->read_tunnel(), "early");
  EXPECT_EQ(call->read_head().status, 101);
  served->close();
}

}  // namespace
}  // namespace outrigger::test
