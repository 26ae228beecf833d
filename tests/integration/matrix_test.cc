// What must hold whichever protocols the two sides speak: {h1, h2} x {h1, h2} x {plain, TLS}.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

struct Pairing {
  Http client;
  Http upstream;
  Transport transport;
};

std::string pairing_name(const ::testing::TestParamInfo<Pairing>& info) {
  return to_string(Side{info.param.client, info.param.transport}) + "_to_" +
         to_string(Side{info.param.upstream, info.param.transport});
}

constexpr Pairing kPairings[] = {
    {Http::k1, Http::k1, Transport::kPlain}, {Http::k1, Http::k2, Transport::kPlain},
    {Http::k2, Http::k1, Transport::kPlain}, {Http::k2, Http::k2, Transport::kPlain},
    {Http::k1, Http::k1, Transport::kTls},   {Http::k1, Http::k2, Transport::kTls},
    {Http::k2, Http::k1, Transport::kTls},   {Http::k2, Http::k2, Transport::kTls},
};

class Matrix : public ::testing::TestWithParam<Pairing> {
 protected:
  static Side client_side() { return {GetParam().client, GetParam().transport}; }
  static Side upstream_side() { return {GetParam().upstream, GetParam().transport}; }
  static ProxyConfig configure(Upstream& upstream) {
    ProxyConfig config;
    config.upstream("up", upstream, upstream_keys(upstream_side())).workers(1);
    if (GetParam().transport == Transport::kTls) serve_tls(config);
    return config;
  }

  Upstream upstream{upstream_options(upstream_side())};
  TestProxy proxy{configure(upstream)};
  Client client{proxy.port(), client_options(client_side())};
};

INSTANTIATE_TEST_SUITE_P(All, Matrix, ::testing::ValuesIn(kPairings), pairing_name);

Request with_method(std::string method, Request request) {
  request.method = std::move(method);
  return request;
}

// The fields of `seen` whose names `sent` has too, in their order.
Fields common(const Fields& seen, const Fields& sent) {
  Fields list;
  for (const auto& field : seen) {
    if (find(sent, field.first) != nullptr) list.push_back(field);
  }
  return list;
}

TEST_P(Matrix, PassesAWholeExchangeUnchanged) {
  const Fields answer_fields{{"content-type", "application/json"},
                             {"set-cookie", "a=1"},
                             {"x-b", "2"},
                             {"set-cookie", "b=2; Path=/"},
                             {"x-request-id", "req_1"},
                             {"x-odd", "caf\xc3\xa9 \t!\"#$%"}};
  const std::string answer_body = pattern(3000);
  upstream.expect("POST /v1/chat%20x/?q=%2F&r").reply(201, answer_body, answer_fields);
  const Fields fields{{"content-type", "application/json"},
                      {"authorization", "Bearer k"},
                      {"x-multi", "one"},
                      {"x-multi", "two"},
                      {"user-agent", "test/1"},
                      {"accept", "*/*"}};
  const std::string body = pattern(5000);
  const Response answer = client.fetch(post("/up/v1/chat%20x/?q=%2F&r", body, fields));

  EXPECT_EQ(answer.status, 201);
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_TRUE(answer.body == answer_body);
  EXPECT_EQ(common(answer.headers, answer_fields), answer_fields);
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
  EXPECT_EQ(value_of(answer.headers, "outrigger-request-id").size(), 26U);
  const Request seen = upstream.requests().at(0);
  EXPECT_TRUE(seen.complete);
  EXPECT_TRUE(seen.body == body);
  EXPECT_EQ(common(seen.headers, fields), fields);
}

TEST_P(Matrix, PassesEachPieceOfAStreamAtOnce) {
  upstream.expect("POST /stream").before_body().manually();
  const auto call = client.start(post("/up/stream", "", {{"content-type", "text/plain"}}));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  EXPECT_EQ(call->read_head().status, 200);
  for (const std::string word : {"data: one\n\n", "data: two\n\n", ": ping\n\n", "data: x\n\n"}) {
    call->send(word);
    EXPECT_EQ(served->read_body_some(), word);
    served->send(word);
    EXPECT_EQ(call->read_exactly(word.size()), word);
  }
  call->finish();
  EXPECT_EQ(served->read_body_some(), "");
  EXPECT_TRUE(served->request.complete);
  served->finish();
  const Response answer = call->read_all();
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(answer.body, "");
}

TEST_P(Matrix, PassesTrailersBothWays) {
  upstream.expect("POST /t").reply(200, "answer", {},
                                   {{"x-checksum", "abc"}, {"grpc-status", "0"}});
  Request request = post("/up/t", "question", {{"te", "trailers"}});
  request.trailers = {{"x-request-sum", "42"}};
  const Response answer = client.fetch(request);
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(answer.body, "answer");
  EXPECT_EQ(value_of(answer.trailers, "x-checksum"), "abc");
  EXPECT_EQ(value_of(answer.trailers, "grpc-status"), "0");
  const Request seen = upstream.requests().at(0);
  EXPECT_EQ(seen.body, "question");
  EXPECT_EQ(value_of(seen.trailers, "x-request-sum"), "42");
}

TEST_P(Matrix, PassesAnswersWithoutBodies) {
  upstream.expect("HEAD /h").reply(200, "", {{"content-length", "1234"}, {"etag", "\"v\""}});
  upstream.expect("DELETE /n").reply(204);
  upstream.expect("GET /m").reply(304, "", {{"etag", "\"v\""}});
  upstream.expect("GET /e").reply(200, "");
  const Response head = client.fetch(with_method("HEAD", get("/up/h")));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(value_of(head.headers, "content-length"), "1234");
  EXPECT_TRUE(head.complete) << head.failure;
  EXPECT_EQ(client.fetch(with_method("DELETE", get("/up/n"))).status, 204);
  const Response unchanged = client.fetch(get("/up/m"));
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(value_of(unchanged.headers, "etag"), "\"v\"");
  const Response empty = client.fetch(get("/up/e"));
  EXPECT_EQ(empty.status, 200);
  EXPECT_TRUE(empty.complete);
  EXPECT_EQ(empty.body, "");
}

TEST_P(Matrix, PassesInterimAnswers) {
  upstream.expect("GET /i").interim(103, {{"link", "</a.css>; rel=preload"}}).reply(200, "x");
  const Response answer = client.fetch(get("/up/i"));
  ASSERT_EQ(answer.interim.size(), 1U);
  EXPECT_EQ(answer.interim[0].status, 103);
  EXPECT_EQ(value_of(answer.interim[0].headers, "link"), "</a.css>; rel=preload");
  EXPECT_EQ(answer.body, "x");
}

TEST_P(Matrix, AsksForABodyThatWaitsForContinue) {
  upstream.expect("POST /c").reply(200, "thanks");
  const auto call =
      client.start(post("/up/c", "", {{"expect", "100-continue"}, {"content-length", "4"}}));
  EXPECT_EQ(call->read_interim(1).status, 100);
  call->send("body");
  call->finish();
  EXPECT_EQ(call->read_all().body, "thanks");
  EXPECT_EQ(upstream.requests().at(0).body, "body");
}

TEST_P(Matrix, PassesMethodsThatItDoesNotKnow) {
  for (const std::string method : {"PROPFIND", "PATCH", "OPTIONS", "X-Custom", "QUERY"}) {
    upstream.expect(method + " /m").reply(200, method);
    EXPECT_EQ(client.fetch(with_method(method, post("/up/m", "b"))).body, method);
  }
  EXPECT_EQ(upstream.requests().at(0).body, "b");
}

TEST_P(Matrix, PassesGrpcMessagesInBothDirections) {
  const std::string message("\0\0\0\0\5hello", 10);
  upstream.expect("POST /pkg.Service/Chat").before_body().manually();
  const auto call = client.start(
      post("/up/pkg.Service/Chat", "", {{"content-type", "application/grpc"}, {"te", "trailers"}}));
  const Held served = upstream.accept();
  EXPECT_EQ(value_of(served->request.headers, "te"), "trailers");
  served->start(200, {{"content-type", "application/grpc"}});
  EXPECT_EQ(call->read_head().status, 200);
  for (int i = 0; i < 3; ++i) {
    call->send(message);
    EXPECT_EQ(served->read_body_some(), message);
    served->send(message);
    EXPECT_EQ(call->read_exactly(message.size()), message);
  }
  call->finish();
  EXPECT_EQ(served->read_body_some(), "");
  served->finish({{"grpc-status", "5"}, {"grpc-message", "not%20found"}});
  const Response answer = call->read_all();
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_EQ(value_of(answer.trailers, "grpc-status"), "5");
  EXPECT_EQ(value_of(answer.trailers, "grpc-message"), "not%20found");
}

TEST_P(Matrix, CarriesLargeBodiesInBoundedMemory) {
  const std::size_t size = GetParam().transport == Transport::kPlain ? 64 << 20 : 16 << 20;
  const std::string body = pattern(size);
  upstream.expect("POST /up").reply(200, "got it");
  upstream.expect("GET /down").reply(200, body);
  upstream.expect("GET /warm").reply(200, "w");
  client.fetch(get("/up/warm"));
  const std::uint64_t before = proxy.process().resident_bytes();
  EXPECT_EQ(client.fetch(post("/up/up", body)).body, "got it");
  EXPECT_TRUE(upstream.requests().back().body == body);
  const Response answer = client.fetch(get("/up/down"));
  EXPECT_TRUE(answer.complete) << answer.failure;
  EXPECT_TRUE(answer.body == body);
  EXPECT_LT(proxy.process().resident_bytes(), before + (16 << 20));
}

TEST_P(Matrix, ClosesTheUpstreamCallWhenTheClientLeavesBeforeTheAnswer) {
  upstream.expect("POST /wait").manually();
  const auto call = client.begin(post("/up/wait", "q"));
  const Held served = upstream.accept();
  call->cancel();
  EXPECT_TRUE(served->client_gone());
}

TEST_P(Matrix, ClosesTheUpstreamCallWhenTheClientLeavesMidStream) {
  upstream.expect("GET /stream").manually();
  const auto call = client.begin(get("/up/stream"));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send("data: 1\n\n");
  EXPECT_EQ(call->read_until("\n\n"), "data: 1\n\n");
  call->cancel();
  EXPECT_TRUE(served->client_gone());
}

TEST_P(Matrix, NeverEndsABrokenAnswerCleanly) {
  upstream.expect("GET /streamed").manually();
  upstream.expect("GET /sized").manually();
  for (const std::string path : {"/streamed", "/sized"}) {
    Client one(proxy.port(), client_options(client_side()));
    const auto call = one.begin(get("/up" + path));
    const Held served = upstream.accept();
    served->start(200, path == "/sized" ? Fields{{"content-length", "100"}} : Fields{});
    served->send("half of it");
    EXPECT_EQ(call->read_exactly(10), "half of it");
    served->reset();
    const Response answer = call->read_all();
    EXPECT_FALSE(answer.complete) << path;
    EXPECT_NE(answer.failure, "") << path;
  }
}

TEST_P(Matrix, StopsTheUpstreamWhenTheClientReadsSlowly) {
  upstream.expect("GET /much").manually();
  ClientOptions options = client_options(client_side());
  options.connect.receive_buffer_bytes = 16 * 1024;
  options.h2.stream_window = 64 * 1024;
  Client slow(proxy.port(), options);
  const auto call = slow.begin(get("/up/much"));
  const Held served = upstream.accept();
  const std::string body = pattern(48 << 20);
  const std::uint64_t before = proxy.process().resident_bytes();
  served->start(200, {{"content-length", std::to_string(body.size())}});
  const std::size_t taken = served->send_until_blocked(body, kQuiet);
  EXPECT_LT(taken, body.size() / 2);
  EXPECT_LT(proxy.process().resident_bytes(), before + (16 << 20));
  const std::string got = call->read_exactly(taken);
  EXPECT_TRUE(got == body.substr(0, taken));
}

TEST_P(Matrix, KeepsOneUpstreamConnectionForRequestsInARow) {
  upstream.expect("GET /r").times(10).reply(200, "x");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.fetch(get("/up/r")).body, "x");
  EXPECT_EQ(upstream.connections(), 1U);
}

}  // namespace
}  // namespace outrigger::test
