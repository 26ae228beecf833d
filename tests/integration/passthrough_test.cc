// What the proxy changes of a message, and that it changes nothing else.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

class PassThrough : public OneUpstream {
 protected:
  // The fields of a head as sent, without those that the proxy writes itself.
  static Fields without(Fields fields, std::initializer_list<std::string_view> names) {
    std::erase_if(fields, [&](const auto& field) {
      return std::ranges::any_of(names, [&](auto name) { return same_name(field.first, name); });
    });
    return fields;
  }
};

TEST_F(PassThrough, KeepsNamesOrderAndSpellingOfFields) {
  const Fields sent{{"X-CamelCase", "One"}, {"accept", "*/*"},
                    {"X-camelcase", "two"}, {"COOKIE", "a=1; b=2"},
                    {"Cookie", "c=3"},      {"X-Empty", ""},
                    {"User-Agent", "u"},    {"X-Forwarded-For", "10.0.0.1"}};
  const Fields answered{{"Content-Type", "text/plain"},
                        {"Set-Cookie", "x=1"},
                        {"X-CASE", "y"},
                        {"set-cookie", "z=2"},
                        {"Date", "Tue, 01 Jan 2030 00:00:00 GMT"},
                        {"Server", "their/1"},
                        {"Content-Length", "2"}};
  upstream.expect("GET /p?a=b&a=c").reply(200, "ok", answered);
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/p?a=b&a=c", sent));
  EXPECT_EQ(without(upstream.requests().at(0).headers, {"via"}), sent);
  EXPECT_EQ(without(answer.headers, {"via", "outrigger-request-id", "outrigger-source"}), answered);
  EXPECT_EQ(answer.reason, "Scripted");
}

TEST_F(PassThrough, AddsViaBothWays) {
  upstream.expect("GET /p").reply(200, "ok", {{"Via", "1.0 inner"}});
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/p", {{"Via", "1.1 outer"}}));
  std::string seen;
  for (const std::string& value : values_of(upstream.requests().at(0).headers, "via")) {
    seen += value + ", ";
  }
  EXPECT_TRUE(seen.starts_with("1.1 outer, 1.1 outrigger")) << seen;
  std::string returned;
  for (const std::string& value : values_of(answer.headers, "via")) returned += value + ", ";
  EXPECT_TRUE(returned.starts_with("1.0 inner, 1.1 outrigger")) << returned;
}

TEST_F(PassThrough, AnswersALoopWith508) {
  Upstream mirror;
  mirror.expect("GET /p").reply(200, "ok");
  TestProxy proxy(ProxyConfig().upstream("up", mirror));
  proxy.fetch(get("/up/p"));
  const std::string via = value_of(mirror.requests().at(0).headers, "via");
  const Response answer = proxy.fetch(get("/up/p", {{"Via", via}}));
  expect_problem(answer, 508);
  EXPECT_EQ(mirror.requests().size(), 1U);
}

TEST_F(PassThrough, RemovesHopByHopFieldsOfRequests) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  proxy.fetch(get("/up/p", {{"Connection", "keep-alive, X-Hop"},
                            {"X-Hop", "1"},
                            {"Keep-Alive", "timeout=5"},
                            {"Proxy-Connection", "keep-alive"},
                            {"Proxy-Authorization", "Basic c2VjcmV0"},
                            {"TE", "gzip, trailers;q=0.5"},
                            {"Upgrade", "h2c"},
                            {"HTTP2-Settings", "AAMAAABkAAQAAP__"},
                            {"X-Stays", "2"}}));
  const Request seen = upstream.requests().at(0);
  for (const char* name : {"x-hop", "keep-alive", "proxy-connection", "proxy-authorization",
                           "upgrade", "http2-settings"}) {
    EXPECT_EQ(find(seen.headers, name), nullptr) << name;
  }
  EXPECT_EQ(value_of(seen.headers, "x-stays"), "2");
}

TEST_F(PassThrough, RemovesHopByHopFieldsOfAnswers) {
  upstream.expect("GET /p").reply(200, "ok",
                                  {{"Connection", "X-Hop"},
                                   {"X-Hop", "1"},
                                   {"Keep-Alive", "timeout=5"},
                                   {"Proxy-Authenticate", "Basic"},
                                   {"X-Stays", "2"}});
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/p"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(find(answer.headers, "x-hop"), nullptr);
  EXPECT_EQ(find(answer.headers, "keep-alive"), nullptr);
  EXPECT_EQ(find(answer.headers, "proxy-authenticate"), nullptr);
  EXPECT_EQ(value_of(answer.headers, "x-stays"), "2");
}

TEST_F(PassThrough, KeepsItsOwnFieldsFromTheUpstream) {
  upstream.expect("GET /p").reply(200, "ok", {{"x-request-id", "theirs"}});
  TestProxy proxy(config());
  const Response answer = proxy.fetch(
      get("/up/p",
          {{"Outrigger-Execution", "e1"}, {"outrigger-step", "s1"}, {"X-Outrigger", "theirs"}}));
  const Request seen = upstream.requests().at(0);
  EXPECT_EQ(find(seen.headers, "outrigger-execution"), nullptr);
  EXPECT_EQ(find(seen.headers, "outrigger-step"), nullptr);
  EXPECT_EQ(value_of(seen.headers, "x-outrigger"), "theirs");
  EXPECT_EQ(value_of(answer.headers, "x-request-id"), "theirs");
  EXPECT_EQ(value_of(answer.headers, "outrigger-source"), "upstream");
}

TEST_F(PassThrough, SendsTheUpstreamsOwnAuthority) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  Request request = get("/up/p");
  request.authority = fmt::format("127.0.0.1:{}", proxy.port());
  proxy.fetch(request);
  EXPECT_EQ(upstream.requests().at(0).authority, fmt::format("127.0.0.1:{}", upstream.port()));
}

TEST_F(PassThrough, JoinsTheBasePathOfTheUpstream) {
  upstream.expect("GET /base/v2/p?q=1").reply(200, "ok");
  TestProxy proxy(ProxyConfig().upstream("up", upstream.url() + "/base/v2"));
  EXPECT_EQ(proxy.fetch(get("/up/p?q=1")).body, "ok");
  upstream.drop_connections();
}

TEST_F(PassThrough, AnswersPipelinedRequestsInOrder) {
  upstream.expect("GET /1").after(50ms).reply(200, "first");
  upstream.expect("GET /2").reply(200, "second");
  upstream.expect("GET /3").reply(200, "third");
  TestProxy proxy(config());
  Client client(proxy.port());
  std::string requests;
  for (const int n : {1, 2, 3})
    requests += fmt::format("GET /up/{} HTTP/1.1\r\nHost: h\r\n\r\n", n);
  client.send_raw(requests);
  for (const char* body : {"first", "second", "third"}) {
    EXPECT_EQ(client.await_answer("GET")->read_all().body, body);
  }
}

TEST_F(PassThrough, UnderstandsRequestsThatArriveByteByByte) {
  upstream.expect("POST /p").reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  const std::string request =
      "POST /up/p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n"
      "0\r\n\r\n";
  for (const char byte : request) client.send_raw({&byte, 1});
  EXPECT_EQ(client.await_answer("POST")->read_all().body, "ok");
  EXPECT_EQ(upstream.requests().at(0).body, "abcde");
}

TEST_F(PassThrough, ServesHttp10ClientsAndClosesAfterwards) {
  upstream.expect("GET /chunked").run([](Exchange& exchange) {
    exchange.start(200, {});
    exchange.send("streamed");
    exchange.finish();
  });
  TestProxy proxy(config());
  Client client(proxy.port());
  client.send_raw("GET /up/chunked HTTP/1.0\r\n\r\n");
  const auto call = client.await_answer("GET");
  const Response answer = call->read_all();
  EXPECT_EQ(find(answer.headers, "transfer-encoding"), nullptr);
  EXPECT_EQ(answer.body, "streamed");
  EXPECT_TRUE(answer.complete);
}

TEST_F(PassThrough, KeepsAnHttp10ConnectionThatAsksForIt) {
  upstream.expect("GET /p").times(2).reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  for (int i = 0; i < 2; ++i) {
    client.send_raw("GET /up/p HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    const Response answer = client.await_answer("GET")->read_all();
    EXPECT_EQ(answer.body, "ok");
    EXPECT_EQ(value_of(answer.headers, "connection"), "keep-alive");
  }
}

TEST_F(PassThrough, ClosesWhenTheClientAsksForIt) {
  upstream.expect("GET /p").reply(200, "ok");
  TestProxy proxy(config());
  Client client(proxy.port());
  const Response answer = client.fetch(get("/up/p", {{"Connection", "close"}}));
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(value_of(answer.headers, "connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(PassThrough, AnswersAClientThatHalfClosedAfterItsRequest) {
  upstream.expect("GET /p").manually();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(get("/up/p", {{"Connection", "close"}}));
  const Held served = upstream.accept();
  client.half_close();
  served->reply(response(200, "late"));
  // A half-close may be taken for leaving; what must not happen is a partial answer.
  const Response answer = call->read_all();
  EXPECT_TRUE(answer.complete || answer.status == 0) << answer.failure;
}

TEST_F(PassThrough, ForwardsAnEarlyAnswerWhileTheBodyIsStillComing) {
  upstream.expect("POST /p").before_body().run([](Exchange& exchange) {
    exchange.reply(response(413, "too much", {{"connection", "close"}}));
  });
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.start(post("/up/p", ""));
  call->send("first part");
  const Response answer = call->read_all();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "too much");
}

TEST_F(PassThrough, WritesOneAccessLineForEachRequest) {
  upstream.expect("POST /v1/p?api_key=hidden&x=1").reply(201, "created");
  TestProxy proxy(config());
  const Response answer =
      proxy.fetch(post("/up/v1/p?api_key=hidden&x=1", "12345", {{"User-Agent", "tester"}}));
  const auto line =
      proxy.access_line([](const auto& entry) { return entry.value("status", 0) == 201; });
  EXPECT_EQ(line.value("request_id", ""), value_of(answer.headers, "outrigger-request-id"));
  EXPECT_EQ(line.value("method", ""), "POST");
  EXPECT_EQ(line.value("upstream", ""), "up");
  EXPECT_EQ(line.value("source", ""), "upstream");
  EXPECT_EQ(line.value("attempts", 0), 1);
  EXPECT_EQ(line.value("bytes_in", 0), 5);
  EXPECT_EQ(line.value("bytes_out", 0), 7);
  EXPECT_EQ(line.value("user_agent", ""), "tester");
  EXPECT_EQ(line.dump().find("hidden"), std::string::npos) << line.dump();
  EXPECT_EQ(proxy.metric_sum("outrigger_requests_total", "upstream=\"up\""), 1);
}

TEST_F(PassThrough, LeavesNoCredentialInLogsAndMetrics) {
  const std::string canary = "canary-5f2c9d";
  upstream.expect("POST /p").reply(401, "no", {{"x-echo", canary}});
  upstream.expect("POST /cut").close();
  TestProxy proxy(config());
  const Fields secrets{
      {"Authorization", "Bearer " + canary}, {"X-Api-Key", canary}, {"Cookie", "session=" + canary},
      {"Proxy-Authorization", canary},       {"api-key", canary},   {"X-Goog-Api-Key", canary}};
  EXPECT_EQ(proxy.fetch(post("/up/p", canary, secrets)).status, 401);
  const Response failed = proxy.fetch(post("/up/cut", canary, secrets));
  EXPECT_EQ(failed.status, 502);
  EXPECT_EQ(failed.body.find(canary), std::string::npos) << failed.body;
  proxy.fetch(get("/up/..?key=" + canary, secrets));
  proxy.fetch(get("/nowhere?token=" + canary, secrets));
  static_cast<void>(proxy.access_line_of("/up/cut"));
  EXPECT_EQ(proxy.health("/metrics").body.find(canary), std::string::npos);
  proxy.finish();
  EXPECT_EQ(proxy.process().standard_output().find(canary), std::string::npos);
  EXPECT_EQ(proxy.log().find(canary), std::string::npos);
}

}  // namespace
}  // namespace outrigger::test
