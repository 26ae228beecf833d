// TLS on the proxy port: what is accepted, what is not, and whom it proves.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

const Side kTls1{Http::k1, Transport::kTls};

class ServerTls : public OneUpstream {
 protected:
  ProxyConfig with_client_ca() {
    ProxyConfig made = config();
    return made.tls(pki().server_certificate, pki().server_key, pki().ca);
  }
};

TEST_F(ServerTls, AClientCertificateIsDemandedWhenAnAuthorityIsGiven) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(with_client_ca());
  EXPECT_THROW(
      {
        Client stranger(proxy.port(), client_options(kTls1));
        if (stranger.fetch(get("/up/p")).status == 0) give_up("the connection ended");
      },
      Failure);
  ClientOptions known = client_options(kTls1);
  known.files.certificate = pki().client_certificate;
  known.files.key = pki().client_key;
  EXPECT_EQ(Client(proxy.port(), known).fetch(get("/up/p")).body, "ok");
}

TEST_F(ServerTls, ACertificateOfAnotherAuthorityIsRefused) {
  TestProxy proxy(with_client_ca());
  ClientOptions stranger = client_options(kTls1);
  stranger.files.certificate = pki().self_signed_certificate;
  stranger.files.key = pki().self_signed_key;
  EXPECT_THROW(
      {
        if (Client(proxy.port(), stranger).fetch(get("/up/p")).status == 0) give_up("ended");
      },
      Failure);
  EXPECT_EQ(upstream.connections(), 0U);
}

TEST_F(ServerTls, PlainHttpOnTheTlsPortIsEndedAndOthersServed) {
  upstream.expect("GET /p").reply(200, "ok");
  ProxyConfig tls = config();
  TestProxy proxy(serve_tls(tls));
  Client plain(proxy.port());
  plain.send_raw("GET /up/p HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(plain.closed_by_peer());
  EXPECT_EQ(Client(proxy.port(), client_options(kTls1)).fetch(get("/up/p")).body, "ok");
}

TEST_F(ServerTls, AHandshakeThatStallsIsEnded) {
  ProxyConfig tls = config();
  tls.server("limits: {tls_time: 300ms}");
  TestProxy proxy(serve_tls(tls));
  Channel silent = connect_channel(proxy.port());
  EXPECT_TRUE(silent.wait_for_end());
}

TEST_F(ServerTls, ClientsWithoutAlpnSpeakHttp1) {
  upstream.expect("GET /p").reply(200, "ok");
  ProxyConfig tls = config();
  TestProxy proxy(serve_tls(tls));
  Channel channel = Channel::tls_client(Socket::connect(proxy.port()),
                                        {{.trusted_ca = pki().ca}, "", "localhost"});
  channel.write("GET /up/p HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  std::string answer;
  while (channel.read(answer) == Channel::Status::kDone) continue;
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
}

}  // namespace
}  // namespace outrigger::test
