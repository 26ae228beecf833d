// What becomes of a key whose execution did not end with an answer that is kept, and by which key
// the upstream knows it (durability 4.1 to 4.3; 5.3: 9, 10, 16 and 17).
#include "tests/integration/idempotency_scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kHello =
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";

class Outcome : public Once {
 protected:
  static void expect_unknown(const Response& answer) {
    expect_problem(answer, 409, "outcome_unknown");
    expect_gives_up(answer);
  }
  static void cut(Exchange& exchange) {
    exchange.start(200, {{"content-length", "100"}});
    exchange.send("half of it");
    exchange.client_gone(Deadline(100ms));  // so that what was sent is read before it is lost
    die(exchange);
  }
};
INSTANTIATE_TEST_SUITE_P(, Outcome, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Outcome, LostIsExecutedAgainWhereThatDoesNoHarm) {
  serve_once({}, "replay: safe, dialect: openai");
  const std::vector<std::pair<std::string, Script::Step>> losses = {
      {"/died", die}, {"/cut", cut}, {"/unended", [](Exchange& exchange) {
                                        exchange.start(200,
                                                       {{"content-type", "text/event-stream"}});
                                        exchange.send(kHello);
                                        exchange.finish();
                                      }}};
  for (const auto& [path, loss] : losses) {
    SCOPED_TRACE(path);
    upstream.expect("POST " + path).run(loss);
    upstream.expect("POST " + path).reply(200, "whole");
    const Response broken = ask(keyed("/up" + path, path));
    EXPECT_TRUE(broken.status == 502 || !broken.complete) << broken.status;
    const Response second = ask(keyed("/up" + path, path));
    EXPECT_EQ(second.body, "whole");
    EXPECT_FALSE(is_marked(second));
    EXPECT_TRUE(is_marked(ask(keyed("/up" + path, path))));
    EXPECT_EQ(hits(path), 2u);
  }
}

TEST_P(Outcome, LostIsToldWhereItMayHaveBeenExecuted) {
  serve_once();
  const std::vector<std::pair<std::string, Script::Step>> losses = {{"/died", die}, {"/cut", cut}};
  for (const auto& [path, loss] : losses) {
    SCOPED_TRACE(path);
    upstream.expect("POST " + path).run(loss);
    const Response broken = ask(keyed("/up" + path, path));
    EXPECT_TRUE(broken.status == 502 || !broken.complete) << broken.status;
    for (int i = 0; i < 2; ++i) expect_unknown(ask(keyed("/up" + path, path)));
    expect_problem(ask(keyed("/up" + path, path, "other")), 422, "idempotency_key_reused");
    EXPECT_EQ(hits(path), 1u);
  }
}

TEST_P(Outcome, OfAFailureInsideIsUnknown) {
  upstream.expect("POST /p").reply(500, "inside");
  serve_once();
  EXPECT_EQ(ask(keyed("/up/p", "k")).status, 500);
  expect_unknown(ask(keyed("/up/p", "k")));
}

TEST_P(Outcome, LostIsExecutedAgainUnderTheSameKeyUpstream) {
  upstream.expect("POST /p").run(die);
  upstream.expect("POST /p").reply(500, "inside");
  upstream.expect("POST /p").run(cut);
  upstream.expect("POST /p").reply(201, "made");
  serve_once({}, "replay: keyed");
  for (const int status : {502, 500, 200}) EXPECT_EQ(ask(keyed("/up/p", "k")).status, status);
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, "made");
  EXPECT_TRUE(is_marked(ask(keyed("/up/p", "k"))));
  ASSERT_EQ(hits(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(key_upstream(i), "k");
}

TEST_P(Outcome, LostIsNotExecutedAgainOnceTheUpstreamMayHaveForgottenTheKey) {
  upstream.expect("POST /p").run(die);
  upstream.expect("POST /p").always().run(die);
  serve_once("upstream: {horizon: 1s}", "replay: keyed");
  Response last;
  ASSERT_TRUE(eventually([&] { return (last = ask(keyed("/up/p", "k"))).status == 409; }));
  expect_unknown(last);
  const std::size_t sent = hits();
  expect_unknown(ask(keyed("/up/p", "k")));
  EXPECT_EQ(hits(), sent);
}

TEST_P(Outcome, OfEachAttemptIsAskedForByOneKey) {
  upstream.expect("POST /p").run(die);
  upstream.expect("POST /p").reply(503);
  upstream.expect("POST /p").reply(200, "made");
  serve_once({}, std::string("replay: keyed, ") + kThreeAttempts);
  const Response made = ask(keyed("/up/p", "k"));
  EXPECT_EQ(made.body, "made");
  EXPECT_EQ(story("/up/p"), "P3 transient; 503 overloaded; 200 ok");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(key_upstream(i), "k");
  expect_replay(ask(keyed("/up/p", "k")), made);
}

class Verified : public Outcome {
 protected:
  void serve_verified(const std::string& retry = {}) {
    serve_once({}, retry +
                       "replay: verify, verify: {get: \"/orders?key={idempotency-key}\", "
                       "settle: 5ms, negatives: 2, found: {json: {/total: {at_least: 1}}}}");
  }
  Response order() { return ask(keyed("/up/orders", "k-1")); }
  static constexpr const char* kProbe = "GET /orders?key=k-1";
};
INSTANTIATE_TEST_SUITE_P(, Verified, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Verified, WhatAnEarlierRequestMayHaveDoneIsLookedForFirst) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).reply(200, R"({"total":1})", {{"x-found", "yes"}});
  serve_verified();
  EXPECT_EQ(order().status, 502);
  const Response found = order();
  EXPECT_EQ(found.body, R"({"total":1})");
  EXPECT_EQ(value_of(found.headers, "outrigger-verified"), "found");
  const Response again = order();
  EXPECT_EQ(again.body, found.body);
  EXPECT_TRUE(is_marked(again));
  EXPECT_EQ(value_of(again.headers, "x-found"), "yes");
  EXPECT_EQ(hits("/orders"), 1u);
}

TEST_P(Verified, WhatIsNotFoundIsExecutedOnceMore) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).times(2).reply(200, R"({"total":0})");
  upstream.expect("POST /orders").reply(201, "made");
  serve_verified();
  EXPECT_EQ(order().status, 502);
  const Response made = order();
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.body, "made");
  expect_replay(order(), made);
  EXPECT_EQ(hits("/orders"), 2u);
}

TEST_P(Verified, WhatCannotBeFoundOutIsAskedForAgainLater) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).reply(403);
  upstream.expect(kProbe).reply(200, R"({"total":0})");
  upstream.expect(kProbe).reply(200, R"({"total":1})");
  serve_verified();
  EXPECT_EQ(order().status, 502);
  expect_problem(order(), 504, "unknown_outcome");
  EXPECT_EQ(order().body, R"({"total":1})") << "there after all: the first no was too early";
  EXPECT_EQ(hits("/orders"), 1u);
}

TEST_P(Verified, WithinOneExecutionItIsTheSame) {
  upstream.expect("POST /orders").run(die);
  upstream.expect(kProbe).times(2).reply(200, R"({"total":0})");
  upstream.expect("POST /orders").reply(201, "made");
  serve_verified(std::string(kThreeAttempts) + ", ");
  const Response made = order();
  EXPECT_EQ(made.body, "made");
  expect_replay(order(), made);
}

TEST_P(Outcome, ProvablyNothingFreesTheKey) {
  serve_once();
  for (const int status : {401, 403, 429, 503}) {
    SCOPED_TRACE(status);
    const std::string path = fmt::format("/{}", status);
    upstream.expect("POST " + path).reply(status);
    upstream.expect("POST " + path).reply(201, "made");
    const Fields own = {{"authorization", path}};
    EXPECT_EQ(ask(keyed("/up" + path, path, "{}", own)).status, status);
    expect_problem(ask(keyed("/up" + path, path, "other", own)), 422, "idempotency_key_reused");
    const Response made = ask(keyed("/up" + path, path, "{}", own));
    EXPECT_EQ(made.body, "made");
    EXPECT_FALSE(is_marked(made));
  }
}

TEST_P(Outcome, IsSettledByAPerson) {
  serve_once();
  const auto said = [&](const char* word) {
    return ask(keyed("/up/p", "k", "{}", {{"Outrigger-Resolve", word}}));
  };
  upstream.expect("POST /p").reply(500, "who knows");
  EXPECT_EQ(ask(keyed("/up/p", "k")).status, 500);
  expect_problem(ask(keyed("/up/p", "k")), 409, "outcome_unknown");
  EXPECT_EQ(said("perhaps").status, 400) << "neither of the words that there are";
  EXPECT_EQ(hits(), 1u);
  upstream.expect("POST /p").reply(201, "made");
  EXPECT_EQ(said("resubmit").body, "made");
  EXPECT_TRUE(is_marked(ask(keyed("/up/p", "k"))));
  upstream.expect("POST /q").reply(500, "who knows");
  EXPECT_EQ(ask(keyed("/up/q", "q")).status, 500);
  EXPECT_EQ(ask(keyed("/up/q", "q", "{}", {{"Outrigger-Resolve", "discard"}})).status, 410);
  expect_problem(ask(keyed("/up/q", "q")), 410, "answer_gone");
  EXPECT_EQ(hits("/q"), 1u);
}

TEST_P(Outcome, OfARefusedConnectionOrStreamFreesTheKey) {
  if (h2_upstream()) {
    upstream.expect("POST /p").before_body().rst_stream(NGHTTP2_REFUSED_STREAM);
    upstream.expect("POST /p").reply(201, "made");
    serve_once();
    // It is sent again unseen where none of its body was taken; else the client hears of it.
    const Response first = ask(keyed("/up/p", "k"));
    EXPECT_TRUE(first.status == 201 || first.status >= 502) << first.status;
    EXPECT_EQ(ask(keyed("/up/p", "k")).body, "made");
    return;
  }
  const ReservedPort port;
  serve(ProxyConfig().workers(1).upstream("up", fmt::format("http://127.0.0.1:{}", port.number()),
                                          once()));
  EXPECT_EQ(ask(keyed("/up/p", "k")).status, 502);
  Upstream late({.port = port.number()});
  late.expect("POST /p").reply(201, "made");
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, "made");
  EXPECT_TRUE(is_marked(ask(keyed("/up/p", "k"))));
  late.drop_connections();
}

TEST_P(Outcome, AnAnswerThatComesTooLateIsNobodys) {
  upstream.expect("POST /p").manually();
  upstream.expect("POST /p").reply(200, "second");
  serve_once({}, std::string("replay: keyed, timeouts: {headers: 200ms}, ") + kThreeAttempts);
  Client one = client();
  const auto call = one.begin(keyed("/up/p", "k"));
  const Held late = upstream.accept();
  const Response answer = call->read_all();
  try {
    late->reply(response(200, "first"));
  } catch (const ClientGone&) {
  }
  EXPECT_EQ(answer.body, "second");
  expect_replay(ask(keyed("/up/p", "k")), answer);
  EXPECT_EQ(hits(), 2u);
}

class UpstreamKey : public Once {
 protected:
  [[nodiscard]] std::string sent(std::size_t request, const std::string& name) const {
    return value_of(upstream.requests().at(request).headers, name);
  }
};
INSTANTIATE_TEST_SUITE_P(, UpstreamKey, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(UpstreamKey, IsSentByItsNameThereAndShortened) {
  upstream.expect("POST /p").times(3).reply(200);
  serve_once("upstream: {header: PayPal-Request-Id, max_length: 36}");
  const std::string lengthy(80, 'x');
  for (const std::string& key : {std::string("short"), lengthy, lengthy + "y"}) {
    ask(keyed("/up/p", key));
  }
  EXPECT_EQ(sent(0, "paypal-request-id"), "short");
  EXPECT_EQ(sent(1, "paypal-request-id").size(), 36u);
  EXPECT_NE(sent(1, "paypal-request-id"), sent(2, "paypal-request-id"));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(sent(i, "idempotency-key"), "");
}

TEST_P(UpstreamKey, ThatIsHashedIsTheSameInEachAttempt) {
  upstream.expect("POST /p").times(2).run(die);
  upstream.expect("POST /p").reply(200);
  serve_once("upstream: {header: X-Key, max_length: 20}",
             std::string("replay: keyed, ") + kThreeAttempts);
  EXPECT_EQ(ask(keyed("/up/p", std::string(80, 'x'))).status, 200);
  EXPECT_EQ(sent(0, "x-key").size(), 20u);
  EXPECT_EQ(sent(1, "x-key"), sent(0, "x-key"));
  EXPECT_EQ(sent(2, "x-key"), sent(0, "x-key"));
}

TEST_P(UpstreamKey, OfAnEditedRequestIsAnotherOneWhereverItStands) {
  upstream.expect("POST /p").reply(529, "{}");
  upstream.expect("POST /p").reply(200, "{}");
  serve_once("upstream: {header: X-Key, json: /key}",
             "replay: safe, retry: none, fallback: [{model: small}]");
  EXPECT_EQ(ask(keyed("/up/p", "k", R"({"model":"big"})")).status, 200);
  EXPECT_EQ(sent(0, "x-key"), "k");
  EXPECT_EQ(sent(1, "x-key"), "k-fallback1") << "it is another request";
  EXPECT_EQ(sent(1, "idempotency-key"), "");
  const auto edited = nlohmann::json::parse(upstream.requests().at(1).body);
  EXPECT_EQ(edited.value("model", ""), "small");
  EXPECT_EQ(edited.value("key", ""), "k-fallback1");
}

TEST_P(UpstreamKey, IsPutIntoTheBody) {
  upstream.expect("POST /p").times(2).reply(200, "once");
  serve_once("upstream: {header: none, json: /idempotency_key}");
  const Response first = ask(keyed("/up/p", "k", R"({"amount":12345678901234567890123,"a":{}})"));
  const Request seen = upstream.requests().at(0);
  EXPECT_EQ(nlohmann::json::parse(seen.body).value("idempotency_key", ""), "k") << seen.body;
  EXPECT_NE(seen.body.find("12345678901234567890123"), std::string::npos) << seen.body;
  EXPECT_EQ(value_of(seen.headers, "idempotency-key"), "");
  expect_replay(ask(keyed("/up/p", "k", R"({"amount":12345678901234567890123,"a":{}})")), first);
  const Response refused = ask(keyed("/up/p", "no json", "plain"));
  expect_problem(refused, 400);
  EXPECT_TRUE(eventually([&] { return ask(keyed("/up/p", "no json", "{}")).status == 200; }))
      << "nothing was done by it";
}

TEST_P(UpstreamKey, OfSeveralAgentsBehindOneCredentialDiffers) {
  upstream.expect("POST /p").times(2).reply(200);
  serve_once("owner: header, owner_header: X-Agent-Id",
             "credentials: {keys: [secret-of-the-proxy]}");
  for (const std::string agent : {"1", "2"}) {
    EXPECT_EQ(ask(keyed("/up/p", "k", "{}", {{"x-agent-id", agent}})).status, 200);
  }
  EXPECT_NE(key_upstream(0), "");
  EXPECT_NE(key_upstream(0), "k");
  EXPECT_NE(key_upstream(0), key_upstream(1));
}

TEST_P(UpstreamKey, StandsInTheClientsBodyToo) {
  upstream.expect("POST /p").times(2).reply(200, "once");
  serve_once("json: /meta/key");
  const std::string json = R"({"meta":{"key":"in-body"}})";
  const Response first = ask(post("/up/p", json, {{"content-type", "application/json"}}));
  EXPECT_EQ(key_upstream(0), "in-body");
  expect_replay(ask(post("/up/p", json, {{"content-type", "application/json"}})), first);
  EXPECT_FALSE(is_marked(ask(keyed("/up/p", "in-body", json)))) << "a header's is another key";
}

TEST_P(UpstreamKey, IsMadeOfExecutionAndStep) {
  upstream.expect("POST /p").times(2).reply(200, "once");
  serve_once();
  const auto step = [&](const std::string& name) {
    return ask(post("/up/p", "{}", {{"Outrigger-Execution", "e"}, {"Outrigger-Step", name}}));
  };
  const Response first = step("1");
  EXPECT_FALSE(is_marked(step("2")));
  expect_replay(step("1"), first);
  EXPECT_NE(key_upstream(0), "");
  EXPECT_NE(key_upstream(0), key_upstream(1));
}

TEST_P(UpstreamKey, IsMadeOfAnInvocationOfAnAwsLibrary) {
  upstream.expect("POST /p").reply(200, "once");
  serve_once();
  const auto invoke = [&](const std::string& request) {
    return ask(
        post("/up/p", "{}", {{"amz-sdk-invocation-id", "8c1a"}, {"amz-sdk-request", request}}));
  };
  const Response first = invoke("attempt=1; max=3");
  expect_replay(invoke("attempt=2; max=3"), first);
}

TEST_P(UpstreamKey, NoneIsMadeOfALibrarysFirstCall) {
  upstream.expect("POST /p").times(2).reply(200, "each");
  serve_once();
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(is_marked(ask(post("/up/p", "{}", {{"x-stainless-retry-count", "0"}}))));
  }
  EXPECT_EQ(hits(), 2u) << "two equal requests are two";
}

}  // namespace
}  // namespace outrigger::test
