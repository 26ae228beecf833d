// Prompts over real sockets: what is said of a stored answer, what the client may wish, second ways
// with what is out of date, and the cache beside other policies (durability 3 items 20 to 25).
#include "tests/integration/cache_scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kOpensAtOnce =
    "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, open: {first: 1h, max: 1h}}";

class CachePrompts : public Cached {
 protected:
  Request ask_for(const std::string& words, Fields more = {}) {
    return prompt(chat_target(), chat(words), std::move(more));
  }
  void expect_text(const std::string& text) { expect_chat().reply(200, chat_answer(text), kJson); }
  static bool says(const Response& answer, const std::string& text) {
    return answer.status == 200 && answer.body == chat_answer(text);
  }
  // A stored answer that is out of date, given because there is no other.
  static void expect_second_best(const Response& answer, const Response& first) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body, first.body);
    EXPECT_EQ(kept_fields(answer), kept_fields(first));
    EXPECT_EQ(source_of(answer), "cache");
    EXPECT_EQ(value_of(answer.headers, "outrigger-degraded"), "true");
    EXPECT_EQ(value_of(answer.headers, "outrigger-tokens-saved"), "input=7, output=3");
    EXPECT_EQ(values_of(answer.headers, "age").size(), 1u) << "RFC 9111 5.1";
    // Nobody answered what was forwarded, if anything was (RFC 9211 2.1 and 2.3).
    EXPECT_EQ(cache_status(answer).find("fwd-status=200"), std::string::npos)
        << cache_status(answer);
  }
};
INSTANTIATE_TEST_SUITE_P(, CachePrompts, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(CachePrompts, WhatIsSavedIsToldInHeadLogAndMetrics) {
  serve_cached();
  expect_text("paid");
  const Response first = ask(ask_for("a"));
  EXPECT_EQ(source_of(first), "upstream");
  EXPECT_EQ(find(first.headers, "outrigger-tokens-saved"), nullptr);
  EXPECT_EQ(find(first.headers, "age"), nullptr);
  for (int i = 0; i < 3; ++i) {
    const Response again = ask(ask_for("a"));
    expect_stored(again, first);
    EXPECT_EQ(value_of(again.headers, "outrigger-tokens-saved"), "input=7, output=3");
  }
  EXPECT_TRUE(eventually([&] { return outcomes("hit") == 3; }));
  EXPECT_EQ(outcomes("miss"), 1);
  EXPECT_EQ(saved("input"), 21);
  EXPECT_EQ(saved("output"), 9);
  EXPECT_TRUE(
      eventually([&] { return proxy().metric("outrigger_cache_entries{tier=\"memory\"}") == 1; }));
  EXPECT_TRUE(
      eventually([&] { return proxy().metric("outrigger_cache_entries{tier=\"disk\"}") == 1; }));
  EXPECT_TRUE(eventually([&] { return proxy().access_log().size() == 4; }));
  const auto lines = proxy().access_log();
  EXPECT_EQ(lines[0].at("source"), "upstream");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].at("source"), "cache") << lines[i];
    EXPECT_EQ(story_of(lines[i]), "");
    EXPECT_EQ(lines[i].at("status"), 200);
  }
}

TEST_P(CachePrompts, TheRequestGoesUpstreamByteForByte) {
  serve_cached("ttl: 1h, ignore: [/metadata]");
  const std::string body =
      "{ \"stream\" : false,\n \"messages\":[{\"role\":\"user\",\"content\":\"hi\"}], "
      "\"metadata\":{\"run\":1.0},\"model\":\"m\",\"temperature\":0.7 }";
  expect_text("hello");
  const Response first = ask_chat(body, {{"accept-encoding", "gzip, br"}});
  const Request sent = upstream.requests().at(0);
  EXPECT_EQ(sent.body, body);
  const std::string codings = value_of(sent.headers, "accept-encoding");
  EXPECT_EQ(codings.find("gzip"), std::string::npos) << "whoever asks next may not take that";
  expect_stored(ask_chat(R"({"temperature":0.7,"model":"m","metadata":{"run":2},"stream":false,)"
                         R"("messages":[{"content":"hi","role":"user"}]})"),
                first);
}

TEST_P(CachePrompts, APromptInPiecesIsTheSamePrompt) {
  serve_cached();
  expect_text("hello");
  const std::string body = chat(std::string(300'000, 'w'));
  const Response first = ask_chat(body);
  Client one = client();
  const auto call = one.start(prompt(chat_target(), ""));
  for (std::size_t at = 0; at < body.size(); at += 70'000) call->send(body.substr(at, 70'000));
  call->finish();
  expect_stored(call->read_all(), first);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CachePrompts, WhatIsTooLongToBeLookedIntoPasses) {
  serve_cached("ttl: 1h", "retry: {max_attempts: 1, budget: none, buffer: 64KiB}");
  const std::string body = chat(std::string(300'000, 'w'));
  for (int i = 0; i < 2; ++i) {
    expect_text("hello");
    Client one = client();
    const auto call = one.start(prompt(chat_target(), ""));
    for (std::size_t at = 0; at < body.size(); at += 70'000) call->send(body.substr(at, 70'000));
    call->finish();
    const Response answer = call->read_all();
    EXPECT_TRUE(says(answer, "hello")) << answer.status << answer.body;
    EXPECT_EQ(source_of(answer), "upstream");
  }
}

TEST_P(CachePrompts, TheClientsWishesCount) {
  serve_cached("ttl: 1h, stale: 1h");
  expect_text("one");
  const Response first = ask(ask_for("a"));
  const auto wish = [&](const std::string& control) {
    return ask(ask_for("a", {{"cache-control", control}}));
  };
  for (const char* kept : {"max-age=3000", "min-fresh=3000", "only-if-cached", "max-stale"}) {
    expect_stored(wish(kept), first);
  }
  expect_text("two");
  EXPECT_TRUE(says(wish("no-store"), "two"));
  expect_stored(wish("max-age=3000"), first);
  expect_text("three");
  EXPECT_TRUE(says(wish("no-cache"), "three"));
  EXPECT_TRUE(says(ask(ask_for("a")), "three")) << "that is kept";
  expect_text("four");
  EXPECT_TRUE(says(wish("min-fresh=7200"), "four"));
  EXPECT_TRUE(says(ask(ask_for("a")), "four"));
  const Response refused = ask(ask_for("b", {{"cache-control", "only-if-cached"}}));
  expect_problem(refused, 504, "not_cached");
  EXPECT_EQ(hits(), 4u);
}

TEST_P(CachePrompts, WhatIsOutOfDateIsAskedAnewUnlessTheClientTakesIt) {
  serve_cached("ttl: 1s, stale: 1h");
  expect_text("old");
  const Response first = ask(ask_for("a"));
  wait_until_stale(ask_for("a"));
  const Response taken = ask(ask_for("a", {{"cache-control", "max-stale=3000"}}));
  EXPECT_EQ(taken.body, first.body);
  EXPECT_EQ(source_of(taken), "cache");
  EXPECT_GE(std::stoi(value_of(taken.headers, "age")), 1);
  EXPECT_NE(cache_status(taken).find("hit; ttl=-"), std::string::npos) << cache_status(taken);
  expect_text("new");
  const Response fresh = ask(ask_for("a"));
  EXPECT_TRUE(says(fresh, "new"));
  EXPECT_EQ(cache_status(fresh), "outrigger; fwd=stale; fwd-status=200");
  EXPECT_TRUE(says(ask(ask_for("a")), "new"));
  EXPECT_EQ(hits(), 2u);
}

// ---- out of date, and no other way ----

TEST_P(CachePrompts, WhatIsOutOfDateServesWhileTheUpstreamIsDead) {
  expect_text("old");
  ProxyConfig config = with(cached("ttl: 1s, stale: 1h", "fallback: [{stale: 1h}]"));
  serve(config);
  const Response first = ask(ask_for("a"));
  wait_until_stale(ask_for("a"));
  upstream.stop();
  upstream.drop_connections();
  expect_second_best(ask(ask_for("a")), first);
  expect_second_best(ask(ask_for("a")), first);
  EXPECT_EQ(ask(ask_for("never asked")).status, 502);
  EXPECT_EQ(proxy().metric_sum("outrigger_fallbacks_total", "to=\"stale\""), 2);
  EXPECT_EQ(outcomes("stale"), 2);
}

TEST_P(CachePrompts, WhatIsOutOfDateServesWhileTheBreakerIsOpen) {
  expect_text("old");
  serve_cached("ttl: 1s, stale: 1h",
               std::string(kOpensAtOnce) +
                   ", retry: none, fallback: [{stale: 1h, if: [breaker_open, overloaded]}]");
  const Response first = ask(ask_for("a"));
  wait_until_stale(ask_for("a"));
  expect_chat().reply(500, "{}");
  EXPECT_EQ(ask(ask_for("b")).status, 500) << "it opens the breaker";
  expect_second_best(ask(ask_for("a")), first);
  EXPECT_EQ(ask(ask_for("never asked")).status, 503);
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CachePrompts, AFailureThatTheSecondWayIsNotForPasses) {
  expect_text("old");
  serve_cached("ttl: 1s, stale: 1h", "fallback: [{stale: 1h, if: overloaded}]");
  const Response first = ask(ask_for("a"));
  wait_until_stale(ask_for("a"));
  expect_chat().reply(400, R"({"error":{"message":"no"}})", kJson);
  EXPECT_EQ(ask(ask_for("a")).status, 400);
  expect_chat().reply(529, "{}", kJson);
  expect_second_best(ask(ask_for("a")), first);
  expect_text("new");
  EXPECT_TRUE(says(ask(ask_for("a")), "new"));
}

TEST_P(CachePrompts, WhoeverWaitedForTheFailureGetsWhatIsOutOfDateToo) {
  expect_text("old");
  serve_cached("ttl: 1s, stale: 1h", "fallback: [{stale: 1h}]");
  const Response first = ask(ask_for("a"));
  wait_until_stale(ask_for("a"));
  expect_chat().manually();
  std::vector<Client> clients;
  std::vector<std::unique_ptr<Call>> calls;
  clients.reserve(10);
  clients.push_back(client());
  calls.push_back(clients.back().begin(ask_for("a")));
  Held served = upstream.accept();
  // One of them may come late; it is told the same.
  expect_chat().always().reply(529, "{}");
  for (int i = 0; i < 9; ++i) {
    clients.push_back(client());
    calls.push_back(clients.back().begin(ask_for("a")));
  }
  served->reply(response(529, "{}"));
  served.release();
  for (const auto& call : calls) {
    const Response answer = call->read_all();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, first.body);
    EXPECT_EQ(value_of(answer.headers, "outrigger-degraded"), "true");
  }
}

// ---- beside other policies ----

TEST_P(CachePrompts, KeysAreOutsideAndReplaysAreNothingOfTheCaches) {
  serve_cached("ttl: 1h", "idempotency: {}");
  const auto keyed = [&](const std::string& key) {
    return ask(ask_for("a", {{"idempotency-key", key}}));
  };
  expect_text("paid");
  const Response first = keyed("k1");
  EXPECT_EQ(source_of(first), "upstream");
  const Response second = keyed("k2");
  expect_stored(second, first);
  const Response plain = ask(ask_for("a"));
  expect_stored(plain, first);
  ASSERT_TRUE(eventually([&] { return outcomes("hit") == 2; }));
  for (const char* key : {"k1", "k2"}) {
    const Response replay = keyed(key);
    EXPECT_EQ(replay.body, first.body);
    EXPECT_EQ(source_of(replay), "idempotency");
    EXPECT_EQ(value_of(replay.headers, "idempotent-replayed"), "true");
  }
  expect_problem(ask(ask_for("other", {{"idempotency-key", "k2"}})), 422, "idempotency_key_reused");
  EXPECT_EQ(outcomes("hit"), 2);
  EXPECT_EQ(outcomes("miss"), 1);
  EXPECT_EQ(saved("input"), 14);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CachePrompts, ARepeatedAttemptIsOneMissAndItsAnswerIsKept) {
  serve_cached("ttl: 1h", kThreeAttempts);
  expect_chat().times(2).reply(503, "{}");
  expect_text("third");
  const Response first = ask(ask_for("a"));
  EXPECT_TRUE(says(first, "third"));
  EXPECT_EQ(value_of(first.headers, "outrigger-attempts"), "3");
  expect_stored(ask(ask_for("a")), first);
  EXPECT_EQ(hits(), 3u);
}

TEST_P(CachePrompts, AnAnswerOfAnotherUpstreamIsNotKept) {
  Upstream second{{.http = GetParam().upstream}};
  expect_chat().times(2).reply(529, "{}");
  second.expect("*").times(2).reply(200, chat_answer("second's"), kJson);
  ProxyConfig config = with(cached("ttl: 1h", "fallback: [{upstream: second}]"));
  config.upstream("second", second, "replay: safe, dialect: openai" + protocol());
  serve(config);
  for (int i = 0; i < 2; ++i) {
    const Response answer = ask(ask_for("a"));
    EXPECT_TRUE(says(answer, "second's"));
    EXPECT_EQ(source_of(answer), "fallback");
  }
  expect_text("own");
  EXPECT_TRUE(says(ask(ask_for("a")), "own"));
  EXPECT_TRUE(says(ask(ask_for("a")), "own"));
  proxy().finish();
}

TEST_P(CachePrompts, SeveralSamplesArePaidOnceEach) {
  serve_cached("ttl: 1h, samples: 2");
  expect_chat().times(2).reply(200, chat_answer("any"), kJson);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(says(ask(ask_for("a")), "any"));
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CachePrompts, AReloadChangesThePolicyAndKeepsWhatIsThere) {
  serve_cached("ttl: 1h");
  expect_text("one");
  const Response first = ask(ask_for("a"));
  proxy().reload(with(cached("ttl: 2h, collapse: false")));
  expect_stored(ask(ask_for("a")), first);
  proxy().reload(with("replay: safe, dialect: openai, cache: none"));
  expect_text("two");
  const Response passed = ask(ask_for("a"));
  EXPECT_TRUE(says(passed, "two"));
  EXPECT_EQ(find(passed.headers, "cache-status"), nullptr);
  proxy().reload(with(cached("ttl: 1h")));
  expect_stored(ask(ask_for("a")), first);
  proxy().reload(with(cached("ttl: 1h, owner: anyone")));
  expect_text("three");
  EXPECT_TRUE(says(ask(ask_for("a")), "three")) << "it is another's now";
  EXPECT_TRUE(says(ask(ask_for("a", {{"authorization", "Bearer x"}})), "three"));
  EXPECT_EQ(hits(), 3u);
}

TEST_P(CachePrompts, AReloadInMidAnswerLosesNothing) {
  serve_cached("ttl: 1h");
  expect_chat().manually();
  const Request request = prompt(chat_target(), chat("a", R"("stream":true,)"));
  Client one = client();
  const auto leader = one.begin(request);
  Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send(kHello);
  EXPECT_EQ(leader->read_until("\n\n"), kHello);
  proxy().reload(with(cached("ttl: 2h")));
  Client two = client();
  const auto follower = two.begin(request);
  EXPECT_EQ(follower->read_until("\n\n"), kHello) << "it is the same answer";
  served->send(std::string(kStop) + kDone);
  served->finish();
  served.release();
  EXPECT_EQ(leader->read_all().body, std::string(kStop) + kDone);
  EXPECT_EQ(follower->read_all().body, std::string(kStop) + kDone);
  EXPECT_TRUE(is_hit(ask(request)));
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CachePrompts, AFirstCacheMayComeByReload) {
  serve("replay: safe, dialect: openai");
  expect_text("one");
  EXPECT_TRUE(says(ask(ask_for("a")), "one"));
  proxy().reload(with(cached("ttl: 1h")));
  expect_text("two");
  const Response first = ask(ask_for("a"));
  EXPECT_TRUE(says(first, "two"));
  expect_stored(ask(ask_for("a")), first);
  EXPECT_TRUE(eventually([&] {
    return proxy().metric("outrigger_cache_entries{tier=\"disk\"}") == 1;
  })) << proxy().log();
}

TEST_P(CachePrompts, WhatPassesByIsCountedAndSaysWhy) {
  serve_cached("ttl: 1h, if: {json: {/temperature: 0}}");
  const std::vector<std::pair<std::string, std::string>> rows = {
      {chat("warm"), "if_json"},
      {chat("kept", R"("temperature":0,"previous_response_id":"r1",)"), "server_state"},
      {R"({"a":1,"a":2})", "if_json"},
      {R"({"temperature":0,"a":1,"a":2})", "ambiguous"},
      {"no json", "not_json"}};
  for (const auto& [body, why] : rows) {
    expect_chat().times(2).reply(200, chat_answer("x"), kJson);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(cache_status(ask_chat(body)),
                "outrigger; fwd=bypass; fwd-status=200; detail=" + why);
    }
  }
  EXPECT_EQ(outcomes("bypass"), static_cast<double>(hits()));
}

}  // namespace
}  // namespace outrigger::test
