// Repetitions of what is being executed: they share its answer as it comes, whoever of them stays,
// and nobody sees its end before it is kept (durability 3, Streams; 5.3: 11 and 12).
#include "tests/integration/held_disk.h"
#include "tests/integration/idempotency_scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kHello =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\"Hello\"},\"finish_reason\":null}]}\n\n";
constexpr const char* kStop =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"stop\"}]}\n\n";
constexpr const char* kDone = "data: [DONE]\n\n";
constexpr const char* kEvent = "data: 1\n\n";

class Shared : public Once {
 protected:
  // A client of its own and what it asks.
  struct Party {
    std::unique_ptr<Client> client;
    std::unique_ptr<Call> call;
    void leave() { call->cancel(); }
  };
  Party begin(const Request& request, const ConnectOptions& connect = {}) {
    auto client = std::make_unique<Client>(
        proxy().port(), ClientOptions{.http = GetParam().client, .connect = connect});
    auto call = client->begin(request);
    return {std::move(client), std::move(call)};
  }
  void start_events(Exchange& served) {
    served.start(200, {{"content-type", "text/event-stream"}, {"x-run", "1"}});
    served.send(kEvent);
  }
  // Whether anything comes on a connection that has one request, or of that its head.
  static bool is_answered(Party& party) {
    if (party.client->http() == Http::k1) {
      return wait_for(party.client->channel().fd(), Wait::kRead, Deadline(kQuiet));
    }
    return eventually([&] { return party.client->h2().peek(1).head_seen; }, Deadline(kQuiet));
  }
  HeldDisk find_disk() {
    upstream.expect("POST /warm").always().reply(200, "warm");
    return {proxy().process().pid(), [&] {
              Party party = begin(keyed("/up/warm", std::to_string(++written_)));
              return is_answered(party);
            }};
  }
  int written_ = 0;
  // Waits until the proxy has logged the end of so many requests.
  void expect_logged(std::size_t lines) {
    EXPECT_TRUE(eventually([&] { return proxy().access_log().size() >= lines; }));
  }
};
INSTANTIATE_TEST_SUITE_P(, Shared, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Shared, AHundredAtOnceAreExecutedOnce) {
  upstream.expect("POST /p").after(50ms).reply(201, pattern(50'000), {{"x-run", "1"}});
  ProxyConfig config = with(once());
  serve(config.workers(2));
  const int streams = GetParam().client == Http::k2 ? 10 : 1;
  std::vector<Client> clients;
  std::vector<std::unique_ptr<Call>> calls;
  clients.reserve(100);
  while (calls.size() < 100) {
    clients.push_back(client());
    for (int i = 0; i < streams; ++i) calls.push_back(clients.back().begin(keyed("/up/p", "k")));
  }
  std::vector<Response> answers;
  for (const auto& call : calls) answers.push_back(call->read_all());
  const auto first = std::ranges::find_if_not(answers, is_marked);
  ASSERT_NE(first, answers.end());
  EXPECT_EQ(first->status, 201);
  for (auto each = answers.begin(); each != answers.end(); ++each) {
    if (each != first) expect_shared(*each, *first);
  }
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Shared, OfTwoRequestsWithOneKeyTheFirstIsExecuted) {
  upstream.expect("POST /p").after(50ms).reply(200, "once");
  ProxyConfig config = with(once());
  serve(config.workers(2));
  std::vector<Client> clients;
  std::vector<std::unique_ptr<Call>> calls;
  clients.reserve(60);
  for (int i = 0; i < 60; ++i) {
    clients.push_back(client());
    calls.push_back(clients.back().begin(keyed("/up/p", "k", i % 2 == 0 ? "even" : "odd")));
  }
  std::array<int, 2> executed{};
  std::array<int, 2> refused{};
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Response answer = calls[i]->read_all();
    if (answer.status == 200) {
      EXPECT_EQ(answer.body, "once");
      ++executed[i % 2];
    } else {
      expect_problem(answer, 422, "idempotency_key_reused");
      ++refused[i % 2];
    }
  }
  ASSERT_EQ(hits(), 1u);
  const std::size_t winner = upstream.requests()[0].body == "even" ? 0 : 1;
  EXPECT_EQ(executed[winner], 30);
  EXPECT_EQ(refused[1 - winner], 30);
}

TEST_P(Shared, NothingWhereDuplicatesAreRefused) {
  upstream.expect("POST /p").manually();
  serve_once("duplicates: refuse");
  const Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  const Response refused = ask(keyed("/up/p", "k"));
  expect_problem(refused, 409, "idempotency_in_flight");
  EXPECT_EQ(value_of(refused.headers, "x-should-retry"), "true");
  EXPECT_NE(value_of(refused.headers, "retry-after"), "");
  expect_problem(ask(keyed("/up/p", "k", "other")), 422, "idempotency_key_reused");
  served->reply(response(200, "once"));
  const Response first = leader.call->read_all();
  expect_replay(ask(keyed("/up/p", "k")), first);
}

TEST_P(Shared, NothingThatDoesNotBeginInTime) {
  upstream.expect("POST /p").manually();
  serve_once("wait: 100ms");
  const Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  const Response refused = ask(keyed("/up/p", "k"));
  expect_problem(refused, 409, "idempotency_in_flight");
  EXPECT_EQ(value_of(refused.headers, "x-should-retry"), "true");
  EXPECT_NE(value_of(refused.headers, "retry-after"), "");
  served->reply(response(200, "once"));
  EXPECT_EQ(leader.call->read_all().body, "once");
}

TEST_P(Shared, WhoComesInMidStreamGetsAllOfItAsItComes) {
  upstream.expect("POST /p").manually();
  serve_once({}, "dialect: openai");
  const Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}, {"x-run", "1"}});
  served->send(kHello);
  EXPECT_EQ(leader.call->read_until("\n\n"), kHello);
  const Party joiner = begin(keyed("/up/p", "k"));
  EXPECT_TRUE(is_marked(joiner.call->read_head()));
  EXPECT_EQ(joiner.call->read_until("\n\n"), kHello) << "what was there";
  served->send(kHello);
  EXPECT_EQ(joiner.call->read_until("\n\n"), kHello) << "what comes, as it comes";
  EXPECT_EQ(leader.call->read_until("\n\n"), kHello);
  served->send(std::string(kStop) + kDone);
  served->finish();
  for (const Party* each : {&leader, &joiner}) {
    const Response end = each->call->read_all();
    EXPECT_TRUE(end.complete) << end.failure;
    EXPECT_EQ(end.body, std::string(kStop) + kDone);
  }
  const Response again = ask(keyed("/up/p", "k"));
  EXPECT_EQ(again.body, std::string(kHello) + kHello + kStop + kDone);
  EXPECT_TRUE(is_marked(again));
  EXPECT_EQ(lasting_fields(again), lasting_fields(joiner.call->read_head()));
}

TEST_P(Shared, WhoReadsSlowlyHoldsUpNobody) {
  const std::string body = pattern(4u << 20);
  for (const bool slow_leader : {false, true}) {
    SCOPED_TRACE(slow_leader ? "the first" : "another");
    upstream.expect("POST /p").manually();
    if (!slow_leader) serve_once();
    const Request request = keyed("/up/p", slow_leader ? "k2" : "k1");
    Party leader = begin(request, {.receive_buffer_bytes = slow_leader ? 4096 : 0});
    Held served = upstream.accept();
    served->start(200, {{"content-length", std::to_string(body.size())}});
    EXPECT_EQ(leader.call->read_head().status, 200);
    Party joiner = begin(request, {.receive_buffer_bytes = slow_leader ? 0 : 4096});
    EXPECT_EQ(joiner.call->read_head().status, 200);
    served->send(body);
    served->finish();
    served.release();
    Party& slow = slow_leader ? leader : joiner;
    Party& fast = slow_leader ? joiner : leader;
    for (Party* each : {&fast, &slow}) {
      const Response whole = each->call->read_all();
      EXPECT_TRUE(whole.complete) << whole.failure;
      EXPECT_TRUE(whole.body == body);
    }
  }
}

TEST_P(Shared, IsFinishedWithoutAClientAndKept) {
  upstream.expect("POST /p").manually();
  serve_once();
  Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  start_events(*served);
  EXPECT_EQ(leader.call->read_until("\n\n"), kEvent);
  leader.leave();
  expect_logged(1);
  served->send("data: 2\n\n");
  const Party late = begin(keyed("/up/p", "k"));
  EXPECT_EQ(late.call->read_until("data: 2\n\n"), std::string(kEvent) + "data: 2\n\n");
  served->send("data: 3\n\n");
  served->finish();
  EXPECT_EQ(late.call->read_all().body, "data: 3\n\n");
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, std::string(kEvent) + "data: 2\n\ndata: 3\n\n");
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Shared, IsFinishedThoughNobodySawItsHead) {
  upstream.expect("POST /p").manually();
  serve_once();
  Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  leader.leave();
  expect_logged(1);
  served->reply(response(201, "made"));
  Response late;
  ASSERT_TRUE(eventually([&] {
    return !value_of((late = ask(keyed("/up/p", "k"))).headers, "idempotency-expires").empty();
  }));
  EXPECT_EQ(late.status, 201);
  EXPECT_EQ(late.body, "made");
}

TEST_P(Shared, EndsUpstreamWithItsLastClientWhereThatIsWanted) {
  upstream.expect("POST /p").manually();
  serve_once({}, "replay: safe, on_client_gone: cancel");
  Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  start_events(*served);
  EXPECT_EQ(leader.call->read_until("\n\n"), kEvent);
  Party joiner = begin(keyed("/up/p", "k"));
  EXPECT_EQ(joiner.call->read_until("\n\n"), kEvent);
  leader.leave();
  expect_logged(1);
  served->send("data: 2\n\n");
  EXPECT_EQ(joiner.call->read_until("\n\n"), "data: 2\n\n") << "one of them is still there";
  joiner.leave();
  EXPECT_TRUE(served->client_gone());
  upstream.expect("POST /p").reply(200, "again");
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, "again") << "nothing of it was kept";
}

TEST_P(Shared, AJoinerThatLeavesChangesNothing) {
  upstream.expect("POST /p").manually();
  serve_once({}, "on_client_gone: cancel");
  const Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  start_events(*served);
  Party joiner = begin(keyed("/up/p", "k"));
  EXPECT_EQ(joiner.call->read_until("\n\n"), kEvent);
  joiner.leave();
  expect_logged(1);
  served->send("data: 2\n\n");
  served->finish();
  const Response whole = leader.call->read_all();
  EXPECT_TRUE(whole.complete) << whole.failure;
  EXPECT_EQ(whole.body, std::string(kEvent) + "data: 2\n\n");
}

TEST_P(Shared, IsFinishedWhereSoMuchOfItIsThere) {
  serve_once({}, "replay: safe, on_client_gone: {then: finish_if, bytes: 1KiB}");
  for (const bool enough : {false, true}) {
    SCOPED_TRACE(enough);
    upstream.expect("POST /p").manually();
    Party leader = begin(keyed("/up/p", enough ? "k1" : "k2"));
    const Held served = upstream.accept();
    start_events(*served);
    served->send(": " + std::string(enough ? 2000 : 10, 'x') + "\n\n");
    leader.call->read_until("x\n\n");
    leader.leave();
    EXPECT_EQ(served->client_gone(enough ? Deadline(kQuiet) : Deadline()), !enough);
    if (!enough) continue;
    served->send("data: 2\n\n");
    served->finish();
    EXPECT_TRUE(ask(keyed("/up/p", "k1")).body.ends_with("data: 2\n\n"));
  }
}

TEST_P(Shared, WithoutAClientThereAreNoMoreThanAllowed) {
  serve_once({}, "replay: safe, on_client_gone: {then: finish, most: 1}");
  std::vector<Held> served;
  for (const char* key : {"one", "two"}) {
    upstream.expect("POST /p").manually();
    Party leader = begin(keyed("/up/p", key));
    served.push_back(upstream.accept());
    start_events(*served.back());
    EXPECT_EQ(leader.call->read_until("\n\n"), kEvent);
    leader.leave();
    expect_logged(served.size());
  }
  EXPECT_TRUE(served[1]->client_gone()) << "there is one already";
  served[0]->send("data: 2\n\n");
  served[0]->finish();
  EXPECT_TRUE(ask(keyed("/up/p", "one")).body.ends_with("data: 2\n\n"));
}

TEST_P(Shared, LeftTwiceIsOneWithoutAClient) {
  upstream.expect("POST /p").manually();
  serve_once({}, "replay: safe, on_client_gone: {then: finish, most: 1}");
  const Request request = keyed("/up/p", "k");
  Held served = [&] {
    Party leader = begin(request);
    Held held = upstream.accept();
    start_events(*held);
    EXPECT_EQ(leader.call->read_until("\n\n"), kEvent);
    leader.leave();
    return held;
  }();
  expect_logged(1);
  Party second = begin(request);
  EXPECT_EQ(second.call->read_until("\n\n"), kEvent);
  second.leave();
  expect_logged(2);
  EXPECT_FALSE(served->client_gone(Deadline(kQuiet)));
}

TEST_P(Shared, WithoutAClientTakesNoLongerThanAllowed) {
  upstream.expect("POST /p").manually();
  serve_once({}, "on_client_gone: {then: finish, time: 1s}");
  Party leader = begin(keyed("/up/p", "k"));
  const Held served = upstream.accept();
  leader.leave();
  EXPECT_TRUE(served->client_gone());
}

// What a client takes for the end, and how the upstream sends it.
struct Ending {
  const char* name;
  std::string path;
  std::string first;  // of the body
  std::string last;
  Fields fields;
  int status = 200;
};

class Ends : public Shared {
 protected:
  static std::vector<Ending> endings() {
    const Fields events = {{"content-type", "text/event-stream"}};
    return {
        {"known length", "/length", "hello ", "world", {{"content-length", "11"}}},
        {"unknown length", "/chunked", "hello ", "", {{"content-type", "text/plain"}}},
        {"[DONE]", "/done", kHello, std::string(kStop) + kDone, events},
        {"message_stop", "/stop",
         "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n"
         "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
         "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
         "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", events},
    };
  }
  // Nothing on the connection, or of the stream its end.
  static bool sees_end(Party& party) {
    if (party.client->http() == Http::k1) {
      return wait_for(party.client->channel().fd(), Wait::kRead, Deadline(kQuiet));
    }
    return eventually([&] { return party.client->h2().peek(1).ended; }, Deadline(kQuiet));
  }
  ProxyConfig config() {
    const std::string protocol = h2_upstream() ? ", protocol: http2" : ", protocol: http1";
    return ProxyConfig()
        .workers(1)
        .upstream("up", upstream, once({}, "dialect: openai") + protocol)
        .upstream("anthropic", upstream, once({}, "dialect: anthropic") + protocol);
  }
  static std::string target(const Ending& ending) {
    return (ending.path == "/stop" ? "/anthropic" : "/up") + ending.path;
  }
};
INSTANTIATE_TEST_SUITE_P(, Ends, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Ends, AreSeenOnceTheAnswerIsOnDisk) {
  serve(config());
  HeldDisk disk = find_disk();
  for (const Ending& ending : endings()) {
    SCOPED_TRACE(ending.name);
    upstream.expect("POST " + ending.path).manually();
    Party leader = begin(keyed(target(ending), ending.name));
    Held served = upstream.accept();
    served->start(ending.status, ending.fields);
    served->send(ending.first);
    EXPECT_EQ(leader.call->read_exactly(ending.first.size()), ending.first);
    disk.hold();
    if (!ending.last.empty()) served->send(ending.last);
    served->finish();
    served.release();
    EXPECT_FALSE(sees_end(leader));
    disk.release();
    const Response whole = leader.call->read_all();
    EXPECT_TRUE(whole.complete) << whole.failure;
    EXPECT_EQ(whole.body, ending.last);
    const Response again = ask(keyed(target(ending), ending.name));
    EXPECT_EQ(again.body, ending.first + ending.last);
    EXPECT_NE(value_of(again.headers, "idempotency-expires"), "");
  }
}

TEST_P(Ends, OfAnAnswerWithoutABodyAreSeenOnceItIsOnDisk) {
  serve(config());
  HeldDisk disk = find_disk();
  for (const std::string method : {"POST", "GET", "HEAD"}) {
    for (const int status : {200, 204, 404}) {
      SCOPED_TRACE(fmt::format("{} {}", method, status));
      upstream.expect(method + " /empty").manually();
      Request request = keyed("/up/empty", fmt::format("{}{}", method, status));
      request.method = method;
      Party leader = begin(request);
      Held served = upstream.accept();
      disk.hold();
      served->reply(response(status, ""));
      served.release();
      EXPECT_FALSE(sees_end(leader));
      disk.release();
      EXPECT_TRUE(leader.call->read_all().complete);
    }
  }
}

// Asked in the batch that frees the key, or before it.
TEST_P(Shared, AFailureIsNobodysButTheFirsts) {
  serve_once({}, "replay: safe");
  HeldDisk disk = find_disk();
  const std::vector<Script::Step> failures = {
      die, [](Exchange& exchange) { exchange.reply(response(503, "busy")); }};
  for (const Script::Step& failure : failures) {
    const std::string key = fmt::format("k{}", hits("/p"));
    upstream.expect("POST /p").manually();
    const Party first = begin(keyed("/up/p", key));
    Held served = upstream.accept();
    disk.hold();
    failure(*served);
    served.release();
    EXPECT_GE(first.call->read_all().status, 502);
    upstream.expect("POST /p").reply(200, "well");
    const Party second = begin(keyed("/up/p", key));
    const std::size_t sent = hits("/p");
    EXPECT_FALSE(eventually([&] { return hits("/p") > sent; }, Deadline(kQuiet)));
    disk.release();
    EXPECT_EQ(second.call->read_all().body, "well");
  }
}

TEST_P(Shared, NothingIsSentBeforeItIsOnDiskThatItMayBe) {
  serve_once();
  HeldDisk disk = find_disk();
  disk.hold();
  const Party leader = begin(keyed("/up/p", "k"));
  upstream.expect("POST /p").manually();
  EXPECT_THROW(upstream.accept(Deadline(kQuiet)), Failure);
  disk.release();
  const Held served = upstream.accept();
  served->reply(response(200, "once"));
  EXPECT_EQ(leader.call->read_all().body, "once");
}

}  // namespace
}  // namespace outrigger::test
