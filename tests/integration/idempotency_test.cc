// A request with a key is executed once: what its repetitions get, and what makes one a repetition
// (durability 4.3; 5.3: 13 to 15).
#include "tests/integration/idempotency_scenario.h"

namespace outrigger::test {
namespace {

class IdempotencyKey : public Once {};
INSTANTIATE_TEST_SUITE_P(, IdempotencyKey, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(IdempotencyKey, ARepetitionGetsTheStoredAnswerByteForByte) {
  const Fields fields = {{"date", "Tue, 01 Dec 2020 10:00:00 GMT"},
                         {"content-type", "application/json; charset=utf-8"},
                         {"etag", "\"7\""},
                         {"set-cookie", "a=1"},
                         {"set-cookie", "b=2"},
                         {"x-request-id", "theirs"}};
  upstream.expect("POST /orders?a=b").reply(201, R"({"id": 7})", fields);
  serve_once();
  const Response first = ask(keyed("/up/orders?a=b", "k"));
  EXPECT_EQ(first.status, 201);
  EXPECT_FALSE(is_marked(first));
  EXPECT_EQ(value_of(first.headers, "outrigger-source"), "upstream");
  for (int i = 0; i < 2; ++i) {
    const Response again = ask(keyed("/up/orders?a=b", "k"));
    expect_replay(again, first);
    EXPECT_EQ(lasting_fields(again), fields);
    EXPECT_LE(std::stoll(value_of(again.headers, "idempotency-expires")), 86'400);
  }
  EXPECT_EQ(hits(), 1u);
}

TEST_P(IdempotencyKey, IsTheSameWithAndWithoutQuotes) {
  upstream.expect("POST /p").reply(200, "once");
  serve_once();
  const Response first = ask(keyed("/up/p", "\"a-1\""));
  EXPECT_EQ(key_upstream(0), "\"a-1\"") << "the upstream is told what the client wrote";
  expect_replay(ask(keyed("/up/p", "a-1")), first);
  expect_replay(ask(keyed("/up/p", "\"a-1\"")), first);
}

TEST_P(IdempotencyKey, ThatIsNoneIsRefusedAndNothingIsSent) {
  serve_once();
  for (const std::string& key : std::vector<std::string>{"", "\"\"", std::string(256, 'x'),
                                                         "\"" + std::string(256, 'x') + "\"",
                                                         "caf\xc3\xa9", "\"open", "\"a\", \"b\""}) {
    SCOPED_TRACE(key);
    const Response refused = ask(keyed("/up/p", key));
    expect_problem(refused, 400);
    expect_gives_up(refused);
  }
  const Response twice = ask(keyed("/up/p", "a", "{}", {{"idempotency-key", "b"}}));
  EXPECT_EQ(twice.status, 400) << "two header lines";
  upstream.expect("POST /p").reply(200);
  EXPECT_EQ(ask(keyed("/up/p", std::string(255, 'x'))).status, 200);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(IdempotencyKey, TwoLinesOfAHeaderOfOnesOwnAreRefused) {
  serve_once("header: X-Request-Key");
  const Response refused =
      ask(post("/up/p", "{}", {{"x-request-key", "a"}, {"x-request-key", "a"}}));
  expect_problem(refused, 400, "idempotency_key_repeated");
}

TEST_P(IdempotencyKey, MayBeRequiredOfWrites) {
  upstream.expect("GET /p").reply(200);
  upstream.expect("PUT /p").reply(200);
  serve_once("required: true");
  Request patch = post("/up/p", "{}");
  patch.method = "PATCH";
  for (const Request& write : {post("/up/p", "{}"), patch}) {
    expect_problem(ask(write), 400, "idempotency_key_missing");
  }
  Request put = post("/up/p", "{}");
  put.method = "PUT";
  EXPECT_EQ(ask(put).status, 200);
  EXPECT_EQ(ask(get("/up/p")).status, 200);
}

TEST_P(IdempotencyKey, KeepsSuccessesAndErrorsThatWouldComeAgain) {
  serve_once({}, "replay: safe");
  for (const int status : {200, 201, 202, 400, 404, 405, 410, 413, 415, 422}) {
    SCOPED_TRACE(status);
    const std::string path = fmt::format("/kept/{}", status);
    upstream.expect("POST " + path).reply(status, R"({"error":"no"})");
    const Response first = ask(keyed("/up" + path, path));
    EXPECT_EQ(first.status, status);
    expect_replay(ask(keyed("/up" + path, path)), first);
    EXPECT_EQ(hits(path), 1u);
  }
}

TEST_P(IdempotencyKey, KeepsNothingThatCouldGoAnotherWay) {
  serve_once({}, "replay: safe");
  for (const int status : {401, 403, 408, 409, 425, 429, 500, 502, 503, 504, 529}) {
    SCOPED_TRACE(status);
    const std::string path = fmt::format("/passing/{}", status);
    upstream.expect("POST " + path).reply(status, R"({"error":"no"})");
    upstream.expect("POST " + path).reply(200, "made");
    EXPECT_EQ(ask(keyed("/up" + path, path, "{}", {{"authorization", path}})).status, status);
    const Response second = ask(keyed("/up" + path, path, "{}", {{"authorization", path}}));
    EXPECT_EQ(second.body, "made");
    EXPECT_FALSE(is_marked(second));
    EXPECT_EQ(hits(path), 2u);
  }
}

TEST_P(IdempotencyKey, OfAnotherBodyMethodOrTargetIsRefused) {
  upstream.expect("POST /p?q=1").reply(200, "once");
  serve_once();
  EXPECT_EQ(ask(keyed("/up/p?q=1", "k", R"({"a":1})")).status, 200);
  Request other_method = keyed("/up/p?q=1", "k", R"({"a":1})");
  other_method.method = "PUT";
  for (const Request& other :
       {keyed("/up/p?q=1", "k", R"({"a":2})"), keyed("/up/p?q=1", "k", R"({"a": 1})"),
        keyed("/up/p?q=1", "k", ""), keyed("/up/p?q=2", "k", R"({"a":1})"),
        keyed("/up/other", "k", R"({"a":1})"), other_method}) {
    const Response refused = ask(other);
    expect_problem(refused, 422, "idempotency_key_reused");
    expect_gives_up(refused);
  }
  EXPECT_EQ(hits(), 1u);
}

TEST_P(IdempotencyKey, IsRefusedInTheWordsOfTheProvider) {
  ProxyConfig config;
  for (const std::string profile : {"openai", "anthropic"}) {
    config.upstream(profile, upstream,
                    fmt::format("use: {}, expected_version: none, idempotency: {{}}, protocol: {}",
                                profile, h2_upstream() ? "http2" : "http1"));
  }
  upstream.expect("POST /p").times(2).reply(200, "{}", {{"content-type", "application/json"}});
  serve(config.workers(1));
  for (const std::string profile : {"openai", "anthropic"}) {
    const std::string path = "/" + profile + "/p";
    EXPECT_EQ(ask(keyed(path, "k", R"({"model":"m"})")).status, 200);
    const Response refused = ask(keyed(path, "k", R"({"model":"n"})"));
    EXPECT_EQ(refused.status, 422);
    expect_gives_up(refused);
    EXPECT_EQ(code_of(refused), "idempotency_key_reused");
    const auto document = nlohmann::json::parse(refused.body);
    EXPECT_EQ(document["error"].value("type", ""), "invalid_request_error") << refused.body;
    if (profile == "anthropic") EXPECT_EQ(document.value("type", ""), "error") << refused.body;
  }
}

TEST_P(IdempotencyKey, IsEachCredentialsOwn) {
  upstream.expect("POST /p").reply(200, "for a");
  upstream.expect("POST /p").reply(200, "for b");
  upstream.expect("POST /p").reply(200, "for nobody");
  serve_once();
  const auto as = [&](const Fields& fields) { return ask(keyed("/up/p", "k", "{}", fields)); };
  const Response a = as({{"authorization", "Bearer a"}});
  const Response b = as({{"authorization", "Bearer b"}});
  const Response nobody = as({});
  EXPECT_EQ(a.body + b.body + nobody.body, "for afor bfor nobody");
  expect_replay(as({{"authorization", "Bearer a"}}), a);
  expect_replay(as({{"authorization", "Bearer b"}}), b);
  expect_replay(as({}), nobody);
}

TEST_P(IdempotencyKey, IsEachOwnersAsAHeaderNamesHim) {
  upstream.expect("POST /p").reply(200, "for 1");
  upstream.expect("POST /p").reply(200, "for 2");
  serve_once("owner: header, owner_header: X-Agent-Id");
  const auto as = [&](const std::string& agent, const std::string& token) {
    return ask(keyed("/up/p", "k", "{}", {{"X-Agent-Id", agent}, {"authorization", token}}));
  };
  const Response one = as("1", "Bearer old");
  const Response two = as("2", "Bearer old");
  EXPECT_EQ(one.body + two.body, "for 1for 2");
  expect_replay(as("1", "Bearer refreshed"), one);
  expect_replay(as("2", "Bearer refreshed"), two);
  EXPECT_EQ(value_of(upstream.requests()[0].headers, "x-agent-id"), "") << "it is not sent on";
}

TEST_P(IdempotencyKey, OfAnyoneBringsNobodysCookies) {
  upstream.expect("POST /p").reply(200, "once", {{"set-cookie", "mine=1"}, {"x-a", "b"}});
  serve_once("owner: anyone");
  EXPECT_EQ(
      value_of(ask(keyed("/up/p", "k", "{}", {{"authorization", "a"}})).headers, "set-cookie"),
      "mine=1");
  const Response again = ask(keyed("/up/p", "k", "{}", {{"authorization", "b"}}));
  EXPECT_TRUE(is_marked(again));
  EXPECT_EQ(lasting_fields(again), (Fields{{"x-a", "b"}}));
}

TEST_P(IdempotencyKey, IsEachClientCertificatesOwn) {
  upstream.expect("POST /p").reply(200, "for agent-7");
  upstream.expect("POST /p").reply(200, "for another");
  const CertificateAuthority authority;
  const TemporaryFolder folder;
  ClientOptions one = client_options({GetParam().client, Transport::kTls});
  ClientOptions two = one;
  for (auto [options, name] : {std::pair(&one, "agent-7"), std::pair(&two, "agent-8")}) {
    const Identity identity = authority.client(name);
    options->files.certificate = folder.write(std::string(name) + ".pem", identity.certificate_pem);
    options->files.key = folder.write(std::string(name) + ".key", identity.key_pem);
  }
  ProxyConfig config = with(once("owner: certificate"));
  config.tls(pki().server_certificate, pki().server_key,
             folder.write("ca.pem", authority.certificate_pem()));
  serve(config);
  const auto as = [&](const ClientOptions& options) {
    return Client(proxy().port(), options).fetch(keyed("/up/p", "k"));
  };
  const Response first = as(one);
  EXPECT_EQ(as(two).body, "for another");
  EXPECT_EQ(first.body, "for agent-7");
  expect_replay(as(one), first);
}

TEST_P(IdempotencyKey, OfTheSameJsonInAnotherOrderIsTheSame) {
  upstream.expect("POST /p").times(2).reply(200, "once");
  serve_once("fingerprint: json, exclude: [/sent_at, /meta/trace]");
  const Response first = ask(keyed(
      "/up/p", "k", R"({"a": 12345678901234567890123, "b": [1, 2], "sent_at": 1, "meta": {}})"));
  for (const char* same : {R"({"b":[1,2],"a":12345678901234567890123,"meta":{},"sent_at":1})",
                           R"({"a":12345678901234567890123,"b":[1,2],"meta":{"trace":"x"}})",
                           R"({"\u0061":12345678901234567890123,"b":[1,2],"meta":{}})"}) {
    SCOPED_TRACE(same);
    expect_replay(ask(keyed("/up/p", "k", same)), first);
  }
  for (const char* other : {R"({"a":12345678901234567890124,"b":[1,2],"meta":{}})",
                            R"({"a":12345678901234567890123,"b":[2,1],"meta":{}})",
                            R"({"a":12345678901234567890123,"b":[1,2],"meta":{"x":1}})",
                            R"({"a":12345678901234567890123,"b":[1,2],"b":[1,2],"meta":{}})"}) {
    SCOPED_TRACE(other);
    expect_problem(ask(keyed("/up/p", "k", other)), 422, "idempotency_key_reused");
  }
  EXPECT_EQ(ask(keyed("/up/p", "no json", "{a")).status, 200);
  expect_problem(ask(keyed("/up/p", "no json", "{b")), 422, "idempotency_key_reused");
}

TEST_P(IdempotencyKey, IsRefusedOnceItsAnswerIsTooLongToBeKept) {
  const std::string body = pattern(200'000);
  for (const char* path : {"POST /known", "POST /unknown"}) {
    upstream.expect(path).run([&, path](Exchange& exchange) {
      Fields fields;
      if (path == std::string("POST /known")) fields = {{"content-length", "200000"}};
      exchange.start(200, fields);
      exchange.send(body);
      exchange.finish();
    });
  }
  serve_once("max_answer: 100KiB");
  for (const std::string path : {"/up/known", "/up/unknown"}) {
    const Response whole = ask(keyed(path, path));
    EXPECT_TRUE(whole.complete) << whole.failure;
    EXPECT_TRUE(whole.body == body);
    const Response gone = ask(keyed(path, path));
    expect_problem(gone, 410, "answer_gone");
    expect_gives_up(gone);
  }
}

TEST_P(IdempotencyKey, WhoseAnswerIsOverIsRefusedOrUsedAgain) {
  for (const bool reuse : {false, true}) {
    Upstream one({.http = GetParam().upstream});
    one.expect("POST /p").reply(200, "first");
    if (reuse) one.expect("POST /p").reply(200, "second");
    TestProxy proxy(ProxyConfig().workers(1).upstream(
        "up", one,
        once(fmt::format("keep: 1s, remember: 1h, reuse: {}", reuse),
             h2_upstream() ? "protocol: http2" : "protocol: http1")));
    const auto post = [&](const std::string& body) {
      return Client(proxy.port(), {.http = GetParam().client}).fetch(keyed("/up/p", "k", body));
    };
    EXPECT_EQ(post("{}").body, "first");
    Response after;
    ASSERT_TRUE(eventually([&] { return !is_marked(after = post("{}")); }));
    if (reuse) {
      EXPECT_EQ(after.body, "second");
    } else {
      expect_problem(after, 410, "answer_gone");
      expect_problem(post("{\"other\":1}"), 422, "idempotency_key_reused");
    }
    proxy.finish();
  }
}

TEST_P(IdempotencyKey, IsOfOneUpstreamAlone) {
  Upstream other({.http = GetParam().upstream});
  upstream.expect("POST /p").reply(200, "up");
  other.expect("POST /p").reply(200, "other");
  const std::string protocol = h2_upstream() ? "protocol: http2" : "protocol: http1";
  serve(ProxyConfig()
            .workers(1)
            .upstream("up", upstream, once({}, protocol))
            .upstream("other", other, once({}, protocol)));
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, "up");
  EXPECT_EQ(ask(keyed("/other/p", "k")).body, "other");
  proxy().finish();
}

}  // namespace
}  // namespace outrigger::test
