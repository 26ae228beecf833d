// Whatever an upstream does, the client gets a complete problem answer or an answer that is visibly
// cut, soon, and the log says what happened (DESIGN 1.3, resilience 5.3).
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

class UpstreamFault : public OneUpstream {
 protected:
  // A problem answer, the log line and the metric that tell of it in the same words.
  static void expect_failure(Proxy& proxy, const std::string& path, int status,
                             std::vector<std::string> errors) {
    const Response answer = proxy.fetch(post(path, "{}"));
    expect_problem(answer, status);
    const std::string proxy_status = value_of(answer.headers, "proxy-status");
    const std::string error =
        proxy_status.substr(0, proxy_status.find_first_of(";", 12)).substr(17);
    EXPECT_NE(std::ranges::find(errors, error), errors.end()) << proxy_status;
    EXPECT_EQ(value_of(answer.headers, "x-should-retry"), "false");
    const auto line = proxy.access_line_of(path);
    EXPECT_EQ(line.value("status", 0), status) << line.dump();
    EXPECT_EQ(line.value("source", ""), "proxy") << line.dump();
    EXPECT_EQ(line.value("why", ""), error) << line.dump();
  }
};

TEST_F(UpstreamFault, RefusedConnection) {
  const ReservedPort nobody;
  TestProxy proxy(
      ProxyConfig().upstream("up", fmt::format("http://127.0.0.1:{}", nobody.number())));
  expect_failure(proxy, "/up/p", 502, {"connection_refused"});
}

TEST_F(UpstreamFault, UnresolvableName) {
  TestProxy proxy(
      ProxyConfig().upstream("up", "http://no-such-name.invalid:8080", "timeouts: {connect: 5s}"));
  const Response answer = proxy.fetch(get("/up/p"));
  EXPECT_TRUE(answer.status == 502 || answer.status == 504) << answer.status;
  expect_problem(answer, answer.status);
  const std::string proxy_status = value_of(answer.headers, "proxy-status");
  EXPECT_NE(proxy_status.find("dns_"), std::string::npos) << proxy_status;
}

// A listener whose queue is full: the kernel drops further SYNs, as a dead host would.
class BlackHole {
 public:
  BlackHole() : listener_(Socket::listen(0, 0)) {
    for (int i = 0; i < 8; ++i) fillers_.push_back(Socket::start_connect(listener_.local_port()));
  }
  [[nodiscard]] std::uint16_t port() const { return listener_.local_port(); }

 private:
  Socket listener_;
  std::vector<Socket> fillers_;
};

TEST_F(UpstreamFault, ConnectThatNeverFinishes) {
  const BlackHole hole;
  TestProxy proxy(ProxyConfig().upstream("up", fmt::format("http://127.0.0.1:{}", hole.port()),
                                         "timeouts: {connect: 300ms}"));
  expect_failure(proxy, "/up/p", 504, {"connection_timeout"});
}

TEST_F(UpstreamFault, CertificateOfAnotherName) {
  UpstreamOptions options = upstream_options({Http::k1, Transport::kTls});
  options.files.certificate = pki().other_name_certificate;
  options.files.key = pki().other_name_key;
  Upstream wrong(options);
  TestProxy proxy(ProxyConfig().upstream("up", wrong, upstream_keys({Http::k1, Transport::kTls})));
  expect_failure(proxy, "/up/p", 502, {"tls_certificate_error"});
  EXPECT_TRUE(wrong.requests().empty());
}

TEST_F(UpstreamFault, SelfSignedCertificate) {
  UpstreamOptions options = upstream_options({Http::k1, Transport::kTls});
  options.files.certificate = pki().self_signed_certificate;
  options.files.key = pki().self_signed_key;
  Upstream wrong(options);
  TestProxy proxy(ProxyConfig().upstream("up", wrong, upstream_keys({Http::k1, Transport::kTls})));
  expect_failure(proxy, "/up/p", 502, {"tls_certificate_error"});
  EXPECT_TRUE(wrong.requests().empty());
}

TEST_F(UpstreamFault, PlainBytesWhereTlsWasDue) {
  UpstreamOptions options = upstream_options({Http::k1, Transport::kTls});
  Upstream wrong(options);
  wrong.on_connection([](Channel& channel) {
    channel.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    channel.wait_for_end();
  });
  TestProxy proxy(ProxyConfig().upstream("up", wrong, upstream_keys({Http::k1, Transport::kTls})));
  expect_failure(proxy, "/up/p", 502, {"tls_protocol_error", "tls_alert_received"});
}

TEST_F(UpstreamFault, TlsHandshakeThatNeverFinishes) {
  Upstream silent(upstream_options({Http::k1, Transport::kTls}));
  silent.on_connection([](Channel& channel) { channel.wait_for_end(); });
  TestProxy proxy(ProxyConfig().upstream(
      "up", silent, upstream_keys({Http::k1, Transport::kTls}) + ", timeouts: {tls: 300ms}"));
  expect_failure(proxy, "/up/p", 504, {"connection_timeout"});
}

TEST_F(UpstreamFault, UpstreamThatAsksForACertificateGetsIt) {
  UpstreamOptions options = upstream_options({Http::k1, Transport::kTls});
  options.files.trusted_ca = pki().ca;
  Upstream strict(options);
  strict.expect("GET /p").reply(200, "known");
  TestProxy proxy(ProxyConfig().upstream(
      "up", strict,
      fmt::format(
          "protocol: http1, tls: {{ca_file: \"{}\", certificate_file: \"{}\", key_file: \"{}\"}}",
          pki().ca, pki().client_certificate, pki().client_key)));
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "known");
}

TEST_F(UpstreamFault, CloseBeforeTheHead) {
  upstream.expect("POST /p").close();
  TestProxy proxy(config());
  expect_failure(proxy, "/up/p", 502, {"connection_terminated"});
}

TEST_F(UpstreamFault, ResetBeforeTheHead) {
  upstream.expect("POST /p").reset();
  TestProxy proxy(config());
  expect_failure(proxy, "/up/p", 502, {"connection_terminated"});
}

TEST_F(UpstreamFault, ResetRightAfterAccept) {
  upstream.on_connection([](Channel& channel) { channel.reset(); });
  TestProxy proxy(config());
  expect_failure(proxy, "/up/p", 502, {"connection_terminated", "connection_refused"});
}

TEST_F(UpstreamFault, HalfAHead) {
  upstream.expect("POST /p").reply_raw("HTTP/1.1 200 OK\r\nContent-Le").close();
  TestProxy proxy(config());
  expect_failure(proxy, "/up/p", 502, {"http_response_incomplete", "connection_terminated"});
}

TEST_F(UpstreamFault, NoAnswerInTime) {
  upstream.expect("POST /p").hang();
  keys = "timeouts: {headers: 300ms}";
  TestProxy proxy(config());
  expect_failure(proxy, "/up/p", 504, {"http_response_timeout"});
}

TEST_F(UpstreamFault, EndlessInterimAnswers) {
  upstream.expect("POST /p").run([](Exchange& exchange) {
    for (int i = 0; i < 1000; ++i) exchange.interim(102, {});
    exchange.client_gone();
  });
  TestProxy proxy(config());
  expect_failure(proxy, "/up/p", 502, {"http_protocol_error"});
}

TEST_F(UpstreamFault, SilenceMidStreamIsNeverACleanEnd) {
  upstream.expect("GET /p").stall_after("data: 1\n\n", {{"content-type", "text/event-stream"}});
  keys = "timeouts: {gap: 300ms}";
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/p"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "data: 1\n\n");
  EXPECT_FALSE(answer.complete);
  const auto line = proxy.access_line_of("/up/p");
  EXPECT_NE(line.value("why", ""), "") << line.dump();
}

TEST_F(UpstreamFault, TotalTimeIsNotAppliedToStreams) {
  upstream.expect("GET /sse").manually();
  upstream.expect("GET /plain").hang();
  keys = "timeouts: {total: 300ms}";
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(get("/up/sse"));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  EXPECT_EQ(call->read_head().status, 200);
  expect_problem(proxy.fetch(get("/up/plain")), 504);  // takes longer than the stream's total
  served->send("data: still here\n\n");
  EXPECT_EQ(call->read_until("\n\n"), "data: still here\n\n");
  served->finish();
  EXPECT_TRUE(call->read_all().complete);
}

TEST_F(UpstreamFault, AConnectionClosedWhileIdleIsReplacedUnseen) {
  upstream.expect("POST /p").times(5).run([](Exchange& exchange) {
    exchange.reply(response(200, "ok"));
    exchange.close();
  });
  TestProxy proxy(config().workers(1));
  Client client(proxy.port());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.fetch(post("/up/p", "x")).body, "ok");
    EXPECT_TRUE(eventually([&] { return upstream.open_connections() == 0; }));
  }
  EXPECT_EQ(upstream.connections(), 5U);
}

TEST_F(UpstreamFault, AConnectionClosedExactlyOnReuseIsReplacedUnseen) {
  // The upstream takes the request's connection down without reading it, as a keep-alive race does.
  upstream.expect("GET /first").reply(200, "ok").manually();
  upstream.expect("GET /second").reply(200, "again");
  TestProxy proxy(config().workers(1));
  Client client(proxy.port());
  EXPECT_EQ(client.fetch(get("/up/first")).body, "ok");
  Held served = upstream.accept();
  const auto call = client.begin(get("/up/second"));  // goes out on the idle connection
  std::this_thread::sleep_for(50ms);
  served->reset();
  served.release();
  EXPECT_EQ(call->read_all().body, "again");
  EXPECT_EQ(upstream.connections(), 2U);
}

class UpstreamFaultH2 : public UpstreamFault {
 protected:
  Upstream h2{{.http = Http::k2}};
  ProxyConfig h2_config(const std::string& more = {}) {
    return ProxyConfig().workers(1).upstream("up", h2, "protocol: http2" + more);
  }
};

TEST_F(UpstreamFaultH2, ARefusedStreamIsSentAgainUnseen) {
  h2.expect("POST /p").rst_stream(NGHTTP2_REFUSED_STREAM);
  h2.expect("POST /p").reply(200, "second try");
  TestProxy proxy(h2_config());
  EXPECT_EQ(proxy.fetch(post("/up/p", "{}")).body, "second try");
}

TEST_F(UpstreamFaultH2, AStreamBeyondGoawayIsSentAgainUnseen) {
  h2.expect("POST /p").goaway(0, NGHTTP2_NO_ERROR);
  h2.expect("POST /p").reply(200, "second try");
  TestProxy proxy(h2_config());
  EXPECT_EQ(proxy.fetch(post("/up/p", "{}")).body, "second try");
  EXPECT_EQ(h2.connections(), 2U);
}

TEST_F(UpstreamFaultH2, AStreamCoveredByGoawayIsFinishedAndTheNextGoesElsewhere) {
  h2.expect("GET /p").run([](Exchange& exchange) {
    exchange.start(200, {});
    exchange.goaway(exchange.stream_id(), NGHTTP2_NO_ERROR);
    exchange.send("finished");
    exchange.finish();
  });
  h2.expect("GET /q").reply(200, "elsewhere");
  TestProxy proxy(h2_config());
  Client client(proxy.port());
  const Response answer = client.fetch(get("/up/p"));
  EXPECT_EQ(answer.body, "finished");
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(client.fetch(get("/up/q")).body, "elsewhere");
}

TEST_F(UpstreamFaultH2, AResetStreamIsNotSentAgain) {
  h2.expect("POST /p").rst_stream(NGHTTP2_INTERNAL_ERROR);
  TestProxy proxy(h2_config());
  expect_failure(proxy, "/up/p", 502,
                 {"http_protocol_error", "connection_terminated", "http_response_incomplete"});
  EXPECT_EQ(h2.requests().size(), 1U);
}

TEST_F(UpstreamFaultH2, EveryResetCodeMidStreamIsSeenByTheClient) {
  TestProxy proxy(h2_config());
  for (std::uint32_t code = 0; code <= 13; ++code) {
    h2.expect("GET /p").manually();
    Client client(proxy.port());
    const auto call = client.begin(get("/up/p"));
    const Held served = h2.accept();
    served->start(200, {});
    served->send("part");
    EXPECT_EQ(call->read_exactly(4), "part");
    served->rst_stream(code);
    EXPECT_FALSE(call->read_all().complete) << code;
  }
}

TEST_F(UpstreamFaultH2, GarbageInsteadOfFrames) {
  h2.on_connection([](Channel& channel) {
    channel.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    channel.wait_for_end();
  });
  TestProxy proxy(h2_config());
  expect_failure(proxy, "/up/p", 502, {"http_protocol_error", "connection_terminated"});
}

TEST_F(UpstreamFaultH2, NoAnswerInTimeResetsOnlyThatStream) {
  h2.expect("POST /p").hang();
  h2.expect("GET /q").reply(200, "alive");
  TestProxy proxy(h2_config(", timeouts: {headers: 300ms}"));
  expect_failure(proxy, "/up/p", 504, {"http_response_timeout"});
  EXPECT_EQ(proxy.fetch(get("/up/q")).body, "alive");
  EXPECT_EQ(h2.connections(), 1U);
}

TEST_F(UpstreamFaultH2, OneConnectionCarriesManyStreamsUpToThePeersLimit) {
  Upstream narrow({.http = Http::k2, .h2 = {.max_concurrent_streams = 2}});
  narrow.expect("GET /p").times(6).manually();
  TestProxy proxy(ProxyConfig().workers(1).upstream("up", narrow, "protocol: http2"));
  Client client(proxy.port(), {.http = Http::k2});
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 6; ++i) calls.push_back(client.begin(get("/up/p")));
  for (int i = 0; i < 6; ++i) {
    const Held served = narrow.accept();
    served->reply(response(200, "ok"));
  }
  for (const auto& call : calls) EXPECT_EQ(call->read_all().body, "ok");
}

}  // namespace
}  // namespace outrigger::test
