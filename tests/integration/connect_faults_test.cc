// What never reached the upstream is sent again whatever it is; what may have reached it is told,
// and counted as an attempt (resilience 5.3: Connect, Response side).
#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

class Connect : public Scenario {
 protected:
  [[nodiscard]] static std::string protocol() {
    return h2_upstream() ? ", protocol: http2" : ", protocol: http1";
  }
};
INSTANTIATE_TEST_SUITE_P(, Connect, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Connect, ARefusedWriteIsSentOnceTheUpstreamIsThere) {
  std::uint16_t port = 0;
  {
    const ReservedPort free;
    port = free.number();
  }
  serve(ProxyConfig().workers(1).upstream(
      "up", fmt::format("http://127.0.0.1:{}", port),
      "retry: {max_attempts: 20, budget: none, backoff: {base: 200ms, factor: 1, max: 200ms}}, "
      "circuit_breaker: none" +
          protocol()));
  std::optional<Client> one(client());
  auto call = one->begin(post("/up/p", "{}"));
  ASSERT_TRUE(eventually([&] { return proxy().metric_sum("outrigger_retries_total") > 0; }));
  Upstream late({.http = GetParam().upstream, .port = port});
  late.expect("POST /p").reply(200, "well");
  EXPECT_EQ(call->read_all().body, "well");
  const std::string what = story("/up/p");
  EXPECT_TRUE(what.starts_with("P0 refused_unsent; ")) << what;
  EXPECT_TRUE(what.ends_with("; 200 ok")) << what;
  call.reset();
  one.reset();
  late.drop_connections();
  proxy().finish();
}

TEST_P(Connect, ARefusedConnectionIsTriedAsOftenAsAllowed) {
  const ReservedPort nobody;
  serve(ProxyConfig().workers(1).upstream("up", fmt::format("http://127.0.0.1:{}", nobody.number()),
                                          kThreeAttempts + protocol()));
  const Response answer = ask(post("/up/p", "{}"));
  expect_problem(answer, 502, "connection_refused");
  expect_gives_up(answer);
  EXPECT_EQ(story("/up/p"),
            "P0 refused_unsent; P0 refused_unsent; P0 refused_unsent (max_attempts)");
}

TEST_P(Connect, ANameThatDoesNotResolveIsNothingSent) {
  serve(ProxyConfig().workers(1).upstream("up", "http://no-such-name.invalid:8080",
                                          std::string(kThreeAttempts) + protocol()));
  const Response answer = ask(post("/up/p", "{}"));
  EXPECT_TRUE(answer.status == 502 || answer.status == 504) << answer.status;
  EXPECT_TRUE(story("/up/p").starts_with("P0 refused_unsent; P0 refused_unsent")) << story("/up/p");
}

TEST_P(Connect, AWrongCertificateIsNothingSent) {
  UpstreamOptions options = upstream_options({GetParam().upstream, Transport::kTls});
  options.files.certificate = pki().other_name_certificate;
  options.files.key = pki().other_name_key;
  Upstream wrong(options);
  serve(ProxyConfig().workers(1).upstream(
      "up", wrong,
      std::string(kThreeAttempts) + ", " + upstream_keys({GetParam().upstream, Transport::kTls})));
  expect_problem(ask(post("/up/p", "{}")), 502, "tls_certificate_error");
  EXPECT_TRUE(story("/up/p").starts_with("P0 refused_unsent; ")) << story("/up/p");
  EXPECT_TRUE(wrong.requests().empty());
  proxy().finish();
}

TEST_P(Connect, AConnectionThatEndedWhileIdleIsNoAttempt) {
  upstream.expect("POST /p").times(3).run([](Exchange& exchange) {
    exchange.reply(response(200, "ok"));
    if (h2_upstream()) exchange.goaway(exchange.stream_id(), NGHTTP2_NO_ERROR);
    if (!h2_upstream()) exchange.close();
  });
  serve(kThreeAttempts);
  for (int i = 0; i < 3; ++i) {
    const Response answer = ask(post("/up/p", "{}"));
    EXPECT_EQ(answer.body, "ok");
    EXPECT_EQ(find(answer.headers, "outrigger-attempts"), nullptr);
    EXPECT_TRUE(h2_upstream() || eventually([&] { return upstream.open_connections() == 0; }));
  }
  EXPECT_EQ(hits(), 3u);
}

TEST_P(Connect, WhatIsNoHttpIsALossLikeAnother) {
  upstream.on_connection([](Channel& channel) {
    std::string request;
    channel.read(request);
    channel.write("EHLO there\r\n\r\n");
    channel.wait_for_end();
  });
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 502);
  expect_gives_up(answer);
  EXPECT_TRUE(story("/up/p").ends_with(" (max_attempts)")) << story("/up/p");
}

TEST_P(Connect, InterimAnswersOfAFailedAttemptDoNotSpoilTheNext) {
  upstream.expect("GET /p").interim(103, {{"link", "</a>"}}).run(die);
  upstream.expect("GET /p").interim(103, {{"link", "</b>"}}).reply(200, "well");
  serve(kThreeAttempts);
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "well");
}

class ConnectH1 : public Scenario {};
INSTANTIATE_TEST_SUITE_P(, ConnectH1, ::testing::Values(kAllProtocols[0], kAllProtocols[2]),
                         protocols_name);

// A pooled connection that dies under a GET is replaced unseen, unless its route says that the
// GET must not be repeated.
TEST_P(ConnectH1, ALostPooledConnectionRepeatsNoGetThatMustNotBe) {
  const auto twice_on_one_connection = [&](const std::string& target) {
    upstream.expect("GET " + target + "/first").reply(200, "first");
    upstream.expect("GET " + target + "/second").run(die);
  };
  twice_on_one_connection("/reads");
  upstream.expect("GET /reads/second").reply(200, "again");
  twice_on_one_connection("/acts");
  serve("retry: none, routes: [{match: {path: /acts}, replay: never}]");
  EXPECT_EQ(ask(get("/up/reads/first")).body, "first");
  EXPECT_EQ(ask(get("/up/reads/second")).body, "again");
  EXPECT_EQ(ask(get("/up/acts/first")).body, "first");
  EXPECT_EQ(ask(get("/up/acts/second")).status, 502);
  EXPECT_EQ(hits("/acts/second"), 1u);
}

TEST_P(ConnectH1, HalfAHeadIsALossLikeAnother) {
  upstream.expect("GET /p").reply_raw("HTTP/1.1 200 OK\r\nContent-Le").close();
  upstream.expect("GET /p").reply(200, "well");
  serve(kThreeAttempts);
  EXPECT_EQ(ask(get("/up/p")).body, "well");
  EXPECT_TRUE(story("/up/p").ends_with("; 200 ok")) << story("/up/p");
}

TEST_P(ConnectH1, AJsonAnswerThatBreaksOffIsRepeated) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  upstream.expect("POST /p").reply_raw(head + "Content-Length: 50\r\n\r\n{\"a\":").close();
  upstream.expect("POST /p")
      .reply_raw(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n")
      .close();
  upstream.expect("POST /p").reply(200, "{}", {{"content-type", "application/json"}});
  serve(std::string("use: openai, expected_version: none, ") + kThreeAttempts);
  EXPECT_EQ(ask(llm_request("/up/p")).body, "{}");
  EXPECT_EQ(story("/up/p"), "200 truncated; 200 truncated; 200 ok");
}

TEST_P(ConnectH1, AnAnswerWithoutFrameThatLacksItsEndIsRepeated) {
  upstream.expect("POST /p")
      .reply_raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"choices\":[{\"a\"")
      .close();
  upstream.expect("POST /p").reply(200, "{}", {{"content-type", "application/json"}});
  serve(std::string("use: openai, expected_version: none, ") + kThreeAttempts);
  EXPECT_EQ(ask(llm_request("/up/p")).body, "{}");
}

class ConnectH2 : public Scenario {};
INSTANTIATE_TEST_SUITE_P(, ConnectH2, ::testing::Values(kAllProtocols[1], kAllProtocols[3]),
                         protocols_name);

TEST_P(ConnectH2, AWriteOfARefusedStreamIsSentAgain) {
  upstream.expect("POST /p").rst_stream(NGHTTP2_REFUSED_STREAM);
  upstream.expect("POST /p").reply(200, "well");
  serve(kThreeAttempts);
  EXPECT_EQ(ask(post("/up/p", "{}")).body, "well");
}

TEST_P(ConnectH2, AStreamThatIsAlwaysRefusedEndsAsNothingSent) {
  upstream.expect("POST /p").always().rst_stream(NGHTTP2_REFUSED_STREAM);
  serve(kThreeAttempts);
  const Response answer = ask(post("/up/p", "{}"));
  expect_problem(answer, 502, "stream_refused");
  expect_gives_up(answer);
  EXPECT_EQ(story("/up/p"),
            "P1 refused_unsent; P1 refused_unsent; P1 refused_unsent (max_attempts)");
}

TEST_P(ConnectH2, AnUpstreamThatTakesNoStreamsIsNothingSent) {
  Upstream full({.http = Http::k2, .h2 = {.max_concurrent_streams = 0}});
  serve(ProxyConfig().workers(1).upstream(
      "up", full, std::string(kThreeAttempts) + ", protocol: http2, timeouts: {connect: 1s}"));
  const Response answer = ask(post("/up/p", "{}"));
  EXPECT_TRUE(answer.status == 502 || answer.status == 503) << answer.status << answer.body;
  expect_gives_up(answer);
  EXPECT_TRUE(full.requests().empty());
  EXPECT_EQ(story("/up/p").find("P2"), std::string::npos) << story("/up/p");
  EXPECT_EQ(story("/up/p").find("P3"), std::string::npos) << story("/up/p");
  full.drop_connections();
  proxy().finish();
}

TEST_P(ConnectH2, AWriteBeyondGoawayIsSentAgainAndOneAtItIsNot) {
  upstream.expect("POST /beyond").goaway(0, NGHTTP2_NO_ERROR);
  upstream.expect("POST /beyond").reply(200, "well");
  upstream.expect("POST /at").run([](Exchange& exchange) {
    exchange.goaway(exchange.stream_id(), NGHTTP2_NO_ERROR);
    exchange.rst_stream(NGHTTP2_INTERNAL_ERROR);
  });
  serve(kThreeAttempts);
  EXPECT_EQ(ask(post("/up/beyond", "{}")).body, "well");
  expect_problem(ask(post("/up/at", "{}")), 502);
  EXPECT_EQ(hits("/at"), 1u);
}

// A server may end its stream in a frame behind the body. It was reset as soon as the body had come
// to its Content-Length: such resets count as an attack with the upstream, and hid its trailers.
TEST_P(ConnectH2, AnAnswerThatHasComeToItsLengthIsWaitedForAndNotReset) {
  serve("retry: none");
  for (const auto& [status, type] :
       {std::pair{200, "text/plain"}, {200, "application/json"}, {500, "application/json"}}) {
    SCOPED_TRACE(fmt::format("{} {}", status, type));
    upstream.expect("GET /p").manually();
    Client one = client();
    const auto call = one.begin(get("/up/p"));
    const Held served = upstream.accept();
    served->start(status, {{"content-length", "4"}, {"content-type", type}});
    served->send("true");
    EXPECT_FALSE(served->client_gone(Deadline(kQuiet)));
    served->finish({{"x-sum", "1"}});
    const Response answer = call->read_all();
    EXPECT_EQ(answer.body, "true");
    EXPECT_TRUE(answer.complete);
    // HTTP/1 has no trailers behind a Content-Length (RFC 9112 6.3).
    const std::string expected = GetParam().client == Http::k2 ? "1" : "";
    EXPECT_EQ(value_of(answer.trailers, "x-sum"), expected);
  }
}

// A stream that is reset is no connection that went stale: each reset was one attempt too many that
// nobody counted.
TEST_P(ConnectH2, AReadOfAResetStreamIsSentAgainAsAnAttemptThatCounts) {
  upstream.expect("GET /once").rst_stream(NGHTTP2_INTERNAL_ERROR);
  upstream.expect("GET /p").times(3).rst_stream(NGHTTP2_ENHANCE_YOUR_CALM);
  serve(ProxyConfig()
            .workers(1)
            .upstream("once", upstream, "retry: none, protocol: http2")
            .upstream("up", upstream, std::string(kThreeAttempts) + ", protocol: http2"));
  expect_problem(ask(get("/once/once")), 502);
  EXPECT_EQ(hits("/once"), 1u);
  expect_problem(ask(get("/up/p")), 502);
  EXPECT_EQ(hits("/p"), 3u);
}

TEST_P(ConnectH2, EveryCodeOfAResetInMidAnswerIsATruncatedOne) {
  serve(std::string("use: openai, expected_version: none, ") + kThreeAttempts);
  for (const std::uint32_t code : {NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL,
                                   NGHTTP2_REFUSED_STREAM, NGHTTP2_ENHANCE_YOUR_CALM}) {
    SCOPED_TRACE(code);
    const std::string target = fmt::format("/{}", code);
    upstream.expect("POST " + target).run([code](Exchange& exchange) {
      exchange.start(200, {{"content-type", "application/json"}});
      exchange.send("{\"choices\":");
      exchange.rst_stream(code);
    });
    upstream.expect("POST " + target).reply(200, "{}", {{"content-type", "application/json"}});
    EXPECT_EQ(ask(llm_request("/up" + target)).body, "{}");
    EXPECT_EQ(story("/up" + target), "200 truncated; 200 ok");
  }
}

}  // namespace
}  // namespace outrigger::test
