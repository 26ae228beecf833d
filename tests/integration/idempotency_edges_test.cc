// Where idempotency meets the rest: bounds of bodies and of the store, other attempts, orphans that
// outlive a configuration or the process (durability 4.3, 4.5; 5.3: 12, 15, 21 and 25).
#include "tests/integration/idempotency_scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kHello =
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";
constexpr const char* kError =
    "data: {\"error\":{\"message\":\"try later\",\"type\":\"server_error\",\"code\":"
    "\"server_is_overloaded\"}}\n\n";

class OnceEdge : public Once {
 protected:
  [[nodiscard]] std::string protocol() const {
    return h2_upstream() ? "protocol: http2" : "protocol: http1";
  }
};
INSTANTIATE_TEST_SUITE_P(, OnceEdge, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(OnceEdge, AnErrorWithinAStreamIsPassedAndNotKept) {
  upstream.expect("POST /p").reply_sse({kHello, kError});
  upstream.expect("POST /p").reply_sse({kHello, "data: [DONE]\n\n"});
  serve_once({},
             "dialect: openai, replay: safe, classify: [{error: [server_is_overloaded], "
             "verdict: overloaded}]");
  EXPECT_EQ(ask(keyed("/up/p", "k")).body, std::string(kHello) + kError);
  const Response second = ask(keyed("/up/p", "k"));
  EXPECT_EQ(second.body, std::string(kHello) + "data: [DONE]\n\n");
  EXPECT_FALSE(is_marked(second));
}

TEST_P(OnceEdge, ABodyAboveTheBufferIsServedOrRefusedButNeverHalf) {
  serve("idempotency: {}, retry: {buffer: 100KiB, budget: none}");
  const std::string body = pattern(300'000);
  upstream.expect("POST /p").always().reply(200, "once");
  const Response first = ask(keyed("/up/p", "k", body));
  for (const Request& seen : upstream.requests()) EXPECT_TRUE(seen.body == body);
  if (first.status == 200) {
    expect_replay(ask(keyed("/up/p", "k", body)), first);
  } else {
    expect_problem(first, 413);
    EXPECT_EQ(hits(), 0u);
  }
}

TEST_P(OnceEdge, AClientThatWaitsForItsBodyToBeWantedIsToldSo) {
  upstream.expect("POST /p").reply(200, "once");
  serve_once();
  Client one = client();
  const auto call = one.start(keyed("/up/p", "k", "", {{"expect", "100-continue"}}));
  EXPECT_EQ(call->read_interim(1).status, 100);
  ASSERT_TRUE(call->send("the body"));
  call->finish();
  EXPECT_EQ(call->read_all().body, "once");
  EXPECT_EQ(upstream.requests().at(0).body, "the body");
}

TEST_P(OnceEdge, AnAnswerIsNeverInACodingThatItsReaderDoesNotTake) {
  upstream.expect("POST /p").always().run([](Exchange& exchange) {
    const bool gzip = value_of(exchange.request.headers, "accept-encoding").contains("gzip");
    exchange.reply(gzip ? response(200, "\x1f\x8b packed", {{"content-encoding", "gzip"}})
                        : response(200, "plain"));
  });
  serve_once();
  ask(keyed("/up/p", "k", "{}", {{"accept-encoding", "gzip"}}));
  const Response again = ask(keyed("/up/p", "k", "{}", {{"accept-encoding", "identity"}}));
  EXPECT_EQ(value_of(again.headers, "content-encoding"), "");
}

TEST_P(OnceEdge, AWholeAnswerThatIsHeldIsKept) {
  upstream.expect("POST /p").reply_sse({kHello});
  upstream.expect("POST /p").reply_sse({kHello, "data: [DONE]\n\n"});
  serve_once({},
             std::string("dialect: openai, replay: safe, commit: on_complete, ") + kThreeAttempts);
  const Response first = ask(keyed("/up/p", "k"));
  EXPECT_EQ(first.body, std::string(kHello) + "data: [DONE]\n\n");
  expect_replay(ask(keyed("/up/p", "k")), first);
  EXPECT_EQ(hits(), 2u);
}

TEST_P(OnceEdge, AnOrphanOutlivesItsConfiguration) {
  Upstream other({.http = GetParam().upstream});
  const auto only_other = [&](const std::string& more) {
    return ProxyConfig().workers(1).upstream("other", other, protocol() + more);
  };
  TestProxy proxy(with(once()));
  upstream.expect("POST /p").manually();
  const auto ask = [&](const Request& request) {
    return Client(proxy.port(), {.http = GetParam().client}).fetch(request);
  };
  Client leaver(proxy.port(), {.http = GetParam().client});
  const auto call = leaver.begin(keyed("/up/p", "k"));
  Held served = upstream.accept();
  call->cancel();
  ASSERT_TRUE(eventually([&] { return !proxy.access_log().empty(); }));
  proxy.reload(only_other(""));
  proxy.reload(only_other(", timeouts: {connect: 2s}"));
  served->reply(response(200, "once"));
  served.release();
  proxy.reload(with(once()));
  Response late;
  ASSERT_TRUE(eventually([&] {
    late = ask(keyed("/up/p", "k"));
    return !value_of(late.headers, "idempotency-expires").empty();
  }));
  EXPECT_EQ(late.body, "once");
  EXPECT_EQ(hits(), 1u);
  proxy.finish();
}

TEST_P(OnceEdge, AnOrphanThatNeverEndsDoesNotStopTheEnd) {
  for (const bool twice : {false, true}) {
    SCOPED_TRACE(twice);
    Upstream one({.http = GetParam().upstream});
    TestProxy proxy(
        ProxyConfig()
            .workers(1)
            .drain(twice ? "announce: 10ms, streams: 10m" : "announce: 10ms, streams: 300ms")
            .upstream("up", one, once({}, protocol())));
    one.expect("POST /p").manually();
    Client leaver(proxy.port(), {.http = GetParam().client});
    const auto call = leaver.begin(keyed("/up/p", "k"));
    const Held served = one.accept();
    call->cancel();
    ASSERT_TRUE(eventually([&] { return !proxy.access_log().empty(); }));
    proxy.process().signal(SIGTERM);
    if (twice) {
      EXPECT_FALSE(proxy.process().wait_exit(Deadline(kQuiet)).has_value());
      proxy.process().signal(SIGTERM);
    }
    const auto code = proxy.process().wait_exit();
    EXPECT_TRUE(code.has_value());
    proxy.expect_exit(twice ? code.value_or(0) : 0);
  }
}

TEST_P(OnceEdge, WhoReadsAStoredAnswerGetsAllOfItThoughItsTimeIsOver) {
  const std::string body = pattern(6u << 20);
  upstream.expect("POST /p").reply(200, body);
  serve_once("keep: 2s, remember: 1h");
  EXPECT_TRUE(ask(keyed("/up/p", "k")).body == body);
  Client slow(proxy().port(), {.http = GetParam().client,
                               .connect = {.receive_buffer_bytes = 4096},
                               .h2 = {.stream_window = 65'535}});
  const auto reader = slow.begin(keyed("/up/p", "k"));
  EXPECT_EQ(reader->read_exactly(1000), body.substr(0, 1000));
  ASSERT_TRUE(eventually([&] { return ask(keyed("/up/p", "k")).status == 410; }));
  const Response whole = reader->read_all();
  EXPECT_TRUE(whole.complete) << whole.failure;
  EXPECT_EQ(whole.body.size(), body.size() - 1000);
}

TEST_P(OnceEdge, OfOneUnknownOutcomeTwentyAtOnceMakeOneExecution) {
  upstream.expect("POST /p").run(die);
  serve_once({}, "replay: keyed");
  EXPECT_EQ(ask(keyed("/up/p", "k")).status, 502);
  upstream.expect("POST /p").after(50ms).reply(200, "once");
  std::vector<Client> clients;
  std::vector<std::unique_ptr<Call>> calls;
  clients.reserve(20);
  for (int i = 0; i < 20; ++i) {
    clients.push_back(client());
    calls.push_back(clients.back().begin(keyed("/up/p", "k")));
  }
  for (const auto& call : calls) EXPECT_EQ(call->read_all().body, "once");
  EXPECT_EQ(hits(), 2u);
}

}  // namespace
}  // namespace outrigger::test
