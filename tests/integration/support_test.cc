// The test peers against each other, without a proxy: what fails here is a mistake of the peers.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

class Peers : public ::testing::TestWithParam<Side> {
 protected:
  Upstream upstream{upstream_options(GetParam())};
  Client client() { return Client(upstream.port(), client_options(GetParam())); }
};

INSTANTIATE_TEST_SUITE_P(All, Peers, ::testing::ValuesIn(kAllSides), side_name);

TEST_P(Peers, CarryHeadersAndBodiesBothWays) {
  upstream.expect("POST /v1/chat?x=%20y").reply(201, "answer", {{"x-a", "1"}, {"x-a", "2"}});
  const Response answer = client().fetch(post("/v1/chat?x=%20y", "question", {{"x-b", "3"}}));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, "answer");
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(values_of(answer.headers, "x-a"), (std::vector<std::string>{"1", "2"}));
  const Request seen = upstream.requests().at(0);
  EXPECT_EQ(seen.body, "question");
  EXPECT_TRUE(seen.complete);
  EXPECT_EQ(value_of(seen.headers, "x-b"), "3");
}

TEST_P(Peers, CarryTrailersBothWays) {
  upstream.expect("POST /").reply(200, "b", {}, {{"x-end", "done"}});
  Request request = post("/", "a");
  request.trailers = {{"x-sum", "42"}};
  const Response answer = client().fetch(request);
  EXPECT_EQ(value_of(answer.trailers, "x-end"), "done");
  EXPECT_EQ(value_of(upstream.requests().at(0).trailers, "x-sum"), "42");
}

TEST_P(Peers, ReuseOneConnection) {
  upstream.expect("GET /").times(3).reply(200, "x");
  Client one = client();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(one.fetch(get("/")).body, "x");
  EXPECT_EQ(upstream.connections(), 1U);
}

TEST_P(Peers, CarryLargeBodies) {
  const std::string body = pattern(8 << 20);
  upstream.expect("POST /").reply(200, body);
  Client one = client();
  EXPECT_TRUE(one.fetch(post("/", body)).body == body);
  EXPECT_TRUE(upstream.requests().at(0).body == body);
}

TEST_P(Peers, StreamInLockStep) {
  upstream.expect("POST /").before_body().manually();
  Client one = client();
  const auto call = one.start(post("/", ""));
  const Held served = upstream.accept();
  served->start(200, {});
  EXPECT_EQ(call->read_head().status, 200);
  for (const char* word : {"one", "two", "three"}) {
    call->send(word);
    EXPECT_EQ(served->read_body_some(), word);
    served->send(word);
    EXPECT_EQ(call->read_some(), word);
  }
  call->finish();
  EXPECT_EQ(served->read_body_some(), "");
  EXPECT_TRUE(served->request.complete);
  served->finish();
  EXPECT_TRUE(call->read_all().complete);
}

TEST_P(Peers, SeeInterimAnswersAndHeadOnlyOnes) {
  upstream.expect("HEAD /")
      .interim(103, {{"link", "</a>"}})
      .reply(200, "", {{"content-length", "9"}});
  upstream.expect("GET /none").reply(204);
  Client one = client();
  const Response answer = one.fetch([] {
    Request request = get("/");
    request.method = "HEAD";
    return request;
  }());
  ASSERT_EQ(answer.interim.size(), 1U);
  EXPECT_EQ(answer.interim[0].status, 103);
  EXPECT_EQ(value_of(answer.headers, "content-length"), "9");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(one.fetch(get("/none")).status, 204);
}

TEST_P(Peers, AnswerExpectContinue) {
  upstream.expect("POST /").reply(200);
  Client one = client();
  const auto call = one.start(post("/", "", {{"Expect", "100-continue"}, {"Content-Length", "2"}}));
  EXPECT_EQ(call->read_interim(1).status, 100);
  call->send("hi");
  call->finish();
  EXPECT_EQ(call->read_all().status, 200);
}

TEST_P(Peers, TellAnIncompleteAnswer) {
  upstream.expect("GET /cut").run([](Exchange& exchange) {
    exchange.start(200, {});
    exchange.send("half");
    exchange.reset();
  });
  const Response answer = client().fetch(get("/cut"));
  EXPECT_FALSE(answer.complete);
  EXPECT_NE(answer.failure, "");
}

TEST_P(Peers, NoticeALeavingClient) {
  upstream.expect("GET /").manually();
  Client one = client();
  const auto call = one.begin(get("/"));
  const Held served = upstream.accept();
  call->cancel();
  EXPECT_TRUE(served->client_gone());
}

TEST_P(Peers, FeelBackPressure) {
  upstream.expect("GET /").manually();
  ClientOptions options = client_options(GetParam());
  options.connect.receive_buffer_bytes = 16 * 1024;
  options.h2.stream_window = 32 * 1024;
  Client slow(upstream.port(), options);
  const auto call = slow.begin(get("/"));
  const Held served = upstream.accept();
  const std::string body = pattern(16 << 20);
  served->start(200, {{"content-length", std::to_string(body.size())}});
  EXPECT_LT(served->send_until_blocked(body, kQuiet), body.size());
}

TEST(PeersH2, ResetAndGoaway) {
  Upstream upstream({.http = Http::k2});
  upstream.expect("GET /reset").rst_stream(NGHTTP2_REFUSED_STREAM);
  upstream.expect("GET /away").goaway(0, NGHTTP2_NO_ERROR);
  Client client(upstream.port(), {.http = Http::k2});
  EXPECT_EQ(client.fetch(get("/reset")).reset_code, NGHTTP2_REFUSED_STREAM);
  EXPECT_FALSE(client.fetch(get("/away")).complete);
  EXPECT_EQ(client.h2().goaway_received()->last, 0);
}

TEST(PeersTls, RefuseAStrangersCertificate) {
  UpstreamOptions options = upstream_options({Http::k1, Transport::kTls});
  options.files.trusted_ca = pki().ca;
  Upstream upstream(options);
  upstream.expect("GET /").always().reply(200);
  Client stranger(upstream.port(), client_options({Http::k1, Transport::kTls}));
  EXPECT_EQ(stranger.fetch(get("/")).status, 0);
  ClientOptions known = client_options({Http::k1, Transport::kTls});
  known.files.certificate = pki().client_certificate;
  known.files.key = pki().client_key;
  EXPECT_EQ(Client(upstream.port(), known).fetch(get("/")).status, 200);
}

}  // namespace
}  // namespace outrigger::test
