// Many who ask for one thing that is not there yet: the upstream is asked once, all are given the
// answer as it comes, and nobody depends on another's client (durability 3 item 22).
#include "tests/integration/cache_scenario.h"

namespace outrigger::test {
namespace {

constexpr std::size_t kCallers = 1000;
constexpr int kWorkers = 4;

// Callers of both protocols at once, each on its connection or stream.
class Crowd {
 public:
  Crowd(std::uint16_t port, std::size_t size) {
    clients_.reserve(size);
    // Nine in ten as streams, fifty on a connection.
    while (size > 0) {
      const bool h2 = clients_.size() % 6 == 0 && size >= 50;
      clients_.emplace_back(port, ClientOptions{.http = h2 ? Http::k2 : Http::k1});
      seats_.insert(seats_.end(), h2 ? 50 : 1, &clients_.back());
      size -= h2 ? 50 : 1;
    }
  }
  void ask(const Request& request) {
    for (Client* client : seats_) calls_.push_back(client->begin(request));
  }
  std::vector<std::unique_ptr<Call>>& calls() { return calls_; }

 private:
  std::vector<Client> clients_;
  std::vector<Client*> seats_;
  std::vector<std::unique_ptr<Call>> calls_;
};

class CacheStampede : public Cached {
 protected:
  static Request stream_request() { return prompt(chat_target(), chat("hi", R"("stream":true,)")); }
  void serve_many(const std::string& keys) {
    ProxyConfig config = with(keys);
    serve(config.workers(kWorkers));
  }
  static void start_events(Exchange& served) {
    served.start(200, {{"content-type", "text/event-stream"}, {"x-run", "1"}});
    served.send(kHello);
  }
  static void end_events(Held& served) {
    served->send(std::string(kStop) + kDone);
    served->finish();
    served.release();
  }
  // So many are there, and wait.
  void wait_for_requests(double count) {
    EXPECT_TRUE(
        eventually([&] { return proxy().metric_sum("outrigger_requests_in_flight") >= count; }));
  }
  struct Party {
    std::unique_ptr<Client> client;
    std::unique_ptr<Call> call;
  };
  Party begin(const Request& request, const ConnectOptions& connect = {}) {
    auto client = std::make_unique<Client>(
        proxy().port(), ClientOptions{.http = GetParam().client, .connect = connect});
    auto call = client->begin(request);
    return {std::move(client), std::move(call)};
  }
};
INSTANTIATE_TEST_SUITE_P(, CacheStampede, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(CacheStampede, OfAThousandOnOneColdPromptIsOneCallAndAllAreStreamed) {
  serve_many(cached());
  expect_chat().manually();
  Crowd crowd(proxy().port(), kCallers);
  crowd.ask(stream_request());
  Held served = upstream.accept();
  start_events(*served);
  for (const auto& call : crowd.calls()) {
    EXPECT_EQ(call->read_until("\n\n"), kHello) << "before there is more";
  }
  end_events(served);
  std::size_t collapsed = 0;
  for (const auto& call : crowd.calls()) {
    const Response end = call->read_all();
    EXPECT_TRUE(end.complete) << end.failure;
    EXPECT_EQ(end.body, std::string(kStop) + kDone);
    EXPECT_EQ(value_of(end.headers, "x-run"), "1");
    if (cache_status(end) == "outrigger; fwd=miss; collapsed") ++collapsed;
  }
  EXPECT_EQ(collapsed, kCallers - 1);
  EXPECT_EQ(hits(), 1u);
  EXPECT_EQ(outcomes("miss"), 1);
  EXPECT_EQ(outcomes("collapsed"), kCallers - 1);
  EXPECT_TRUE(is_hit(ask(stream_request())));
}

TEST_P(CacheStampede, OfAThousandOnOneColdPageIsOneCallAndAllAreStreamed) {
  serve_many("cache: {}");
  const std::string body = pattern(100'000);
  upstream.expect("GET /p").manually();
  Crowd crowd(proxy().port(), kCallers);
  crowd.ask(get("/up/p"));
  Held served = upstream.accept();
  served->start(200, fresh_for(600, {{"content-length", "100000"}}));
  served->send(body.substr(0, 60'000));
  for (const auto& call : crowd.calls()) {
    EXPECT_TRUE(call->read_exactly(60'000) == body.substr(0, 60'000)) << "before there is more";
  }
  served->send(body.substr(60'000));
  served->finish();
  served.release();
  for (const auto& call : crowd.calls()) {
    const Response end = call->read_all();
    EXPECT_TRUE(end.complete) << end.failure;
    EXPECT_TRUE(end.body == body.substr(60'000));
  }
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CacheStampede, WhoComesToAPageInTheMiddleJoins) {
  serve_many("cache: {}");
  upstream.expect("GET /p").manually();
  const Party leader = begin(get("/up/p"));
  Held served = upstream.accept();
  served->start(200, fresh_for(600, {{"content-length", "10"}}));
  served->send("first");
  EXPECT_EQ(leader.call->read_exactly(5), "first");
  const Party joiner = begin(get("/up/p"));
  EXPECT_EQ(joiner.call->read_exactly(5), "first");
  served->send("other");
  served->finish();
  served.release();
  EXPECT_EQ(leader.call->read_all().body, "other");
  EXPECT_EQ(joiner.call->read_all().body, "other");
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CacheStampede, TheFirstClientMayLeaveInTheMiddle) {
  for (const std::string gone : {"finish", "cancel"}) {
    SCOPED_TRACE(gone);
    if (gone == "finish") {
      serve_many(cached());
    } else {
      ProxyConfig config = with(cached("ttl: 1h", "on_client_gone: cancel"));
      proxy().reload(config.workers(kWorkers));
    }
    const Request request = prompt(chat_target(), chat(gone, R"("stream":true,)"));
    expect_chat().manually();
    const Party leader = begin(request);
    Held served = upstream.accept();
    start_events(*served);
    EXPECT_EQ(leader.call->read_until("\n\n"), kHello);
    Crowd crowd(proxy().port(), 200);
    crowd.ask(request);
    for (const auto& call : crowd.calls()) EXPECT_EQ(call->read_until("\n\n"), kHello);
    const std::size_t logged = proxy().access_log().size();
    leader.call->cancel();
    EXPECT_TRUE(eventually([&] { return proxy().access_log().size() > logged; }));
    served->send(kHello);
    for (const auto& call : crowd.calls()) EXPECT_EQ(call->read_until("\n\n"), kHello);
    end_events(served);
    for (const auto& call : crowd.calls()) {
      const Response end = call->read_all();
      EXPECT_TRUE(end.complete) << end.failure;
      EXPECT_EQ(end.body, std::string(kStop) + kDone);
    }
    const Response kept = ask(request);
    EXPECT_TRUE(is_hit(kept)) << cache_status(kept);
    EXPECT_EQ(kept.body, std::string(kHello) + kHello + kStop + kDone);
  }
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CacheStampede, WhoeverLeavesLeavesTheOthersAlone) {
  serve_many(cached());
  expect_chat().manually();
  Crowd crowd(proxy().port(), 300);
  crowd.ask(stream_request());
  Held served = upstream.accept();
  start_events(*served);
  std::vector<Call*> staying;
  for (std::size_t i = 0; i < crowd.calls().size(); ++i) {
    Call& call = *crowd.calls()[i];
    EXPECT_EQ(call.read_until("\n\n"), kHello);
    if (i % 3 == 0) {
      call.cancel();
    } else {
      staying.push_back(&call);
    }
  }
  end_events(served);
  for (Call* call : staying) {
    const Response end = call->read_all();
    EXPECT_TRUE(end.complete) << end.failure;
    EXPECT_EQ(end.body, std::string(kStop) + kDone);
  }
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CacheStampede, ASlowReaderStallsNobody) {
  serve_many("cache: {}");
  const std::string body = pattern(4 << 20);
  for (const bool slow_leader : {false, true}) {
    SCOPED_TRACE(slow_leader ? "the first" : "another");
    const std::string path = slow_leader ? "/one" : "/two";
    upstream.expect("GET " + path).manually();
    const Party leader = begin(get("/up" + path), {.receive_buffer_bytes = slow_leader ? 4096 : 0});
    Held served = upstream.accept();
    const Party joiner = begin(get("/up" + path), {.receive_buffer_bytes = slow_leader ? 0 : 4096});
    const Party third = begin(get("/up" + path));
    wait_for_requests(3);
    served->start(200, fresh_for(600, {{"content-length", std::to_string(body.size())}}));
    served->send(body);
    served->finish();
    served.release();
    const Party& slow = slow_leader ? leader : joiner;
    const Party& fast = slow_leader ? joiner : leader;
    for (const Party* each : {&third, &fast, &slow}) {
      const Response whole = each->call->read_all();
      EXPECT_TRUE(whole.complete) << whole.failure;
      EXPECT_TRUE(whole.body == body);
    }
    EXPECT_TRUE(ask(get("/up" + path)).body == body);
  }
  EXPECT_EQ(hits(), 2u);
}

// Not kept, so not all of it can wait for whoever reads slowly.
TEST_P(CacheStampede, ASlowReaderOfWhatIsTooLongToKeepStallsNobody) {
  serve_many("cache: {max_answer: 1MiB}");
  const std::string body = pattern(16 << 20);
  upstream.expect("GET /p").manually();
  const Party leader = begin(get("/up/p"));
  Held served = upstream.accept();
  const Party slow = begin(get("/up/p"), {.receive_buffer_bytes = 4096});
  wait_for_requests(2);
  served->start(200, fresh_for(600, {{"content-length", std::to_string(body.size())}}));
  std::jthread sending([&] {
    try {
      served->send(body);
      served->finish();
    } catch (const Failure&) {  // the first reader sees what it got
    }
    served.release();
  });
  try {
    const Response whole = leader.call->read_all(Deadline(5s));
    EXPECT_TRUE(whole.complete) << whole.failure;
    EXPECT_EQ(whole.body.size(), body.size()) << "while another takes nothing";
  } catch (const Failure& failure) {
    ADD_FAILURE() << failure.what();
  }
  slow.call->cancel();
}

TEST_P(CacheStampede, AFailureIsOneCallAndToldToAll) {
  serve_many(cached());
  expect_chat().manually();
  Crowd crowd(proxy().port(), 200);
  crowd.ask(stream_request());
  Held served = upstream.accept();
  wait_for_requests(200);
  served->reply(response(529, R"({"error":{"message":"busy"}})", {{"retry-after", "7"}}));
  served.release();
  for (const auto& call : crowd.calls()) {
    const Response answer = call->read_all();
    EXPECT_EQ(answer.status, 529);
    EXPECT_EQ(value_of(answer.headers, "retry-after"), "7");
  }
  EXPECT_EQ(hits(), 1u);
  expect_chat().reply_sse({kHello, kStop, kDone});
  EXPECT_EQ(ask(stream_request()).body, std::string(kHello) + kStop + kDone);
}

TEST_P(CacheStampede, OnACutAnswerIsToldToAllAndKeptByNobody) {
  serve_many(cached());
  expect_chat().manually();
  Crowd crowd(proxy().port(), 100);
  crowd.ask(stream_request());
  Held served = upstream.accept();
  start_events(*served);
  for (const auto& call : crowd.calls()) EXPECT_EQ(call->read_until("\n\n"), kHello);
  die(*served);
  served.release();
  for (const auto& call : crowd.calls()) {
    const Response end = call->read_all();
    EXPECT_FALSE(end.complete && end.body.empty()) << "it looks whole";
    EXPECT_EQ(end.body.find("[DONE]"), std::string::npos);
  }
  expect_chat().reply_sse({kHello, kStop, kDone});
  EXPECT_EQ(source_of(ask(stream_request())), "upstream");
  EXPECT_TRUE(is_hit(ask(stream_request())));
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CacheStampede, WhatIsNobodyElsesIsAskedForByEach) {
  serve_many("cache: {}");
  upstream.expect("GET /p").always().run([](Exchange& exchange) {
    exchange.reply(response(200, value_of(exchange.request.headers, "x-who"),
                            {{"cache-control", "private, max-age=600"}}));
  });
  std::vector<Party> parties;
  for (int i = 0; i < 50; ++i) {
    parties.push_back(begin(get("/up/p", {{"x-who", std::to_string(i)}})));
  }
  for (std::size_t i = 0; i < parties.size(); ++i) {
    EXPECT_EQ(parties[i].call->read_all().body, std::to_string(i));
  }
  EXPECT_EQ(hits(), 50u);
}

TEST_P(CacheStampede, EachVariantIsAskedForByItsOwn) {
  serve_many("cache: {}");
  upstream.expect("GET /p").always().run([](Exchange& exchange) {
    exchange.reply(response(200, value_of(exchange.request.headers, "accept-language"),
                            fresh_for(600, {{"vary", "Accept-Language"}})));
  });
  const std::array<std::string, 3> languages = {"de", "en", "fr"};
  std::vector<Party> parties;
  for (std::size_t i = 0; i < 90; ++i) {
    parties.push_back(begin(get("/up/p", {{"accept-language", languages[i % 3]}})));
  }
  for (std::size_t i = 0; i < parties.size(); ++i) {
    EXPECT_EQ(parties[i].call->read_all().body, languages[i % 3]);
  }
  for (const std::string& language : languages) {
    EXPECT_TRUE(is_hit(ask(get("/up/p", {{"accept-language", language}}))));
  }
}

TEST_P(CacheStampede, WithoutCollapsingEachPaysForItself) {
  serve_many(cached("ttl: 1h, collapse: false"));
  expect_chat().times(3).manually();
  std::vector<Party> parties;
  std::vector<Held> served;
  for (int i = 0; i < 3; ++i) {
    parties.push_back(begin(stream_request()));
    served.push_back(upstream.accept());
    start_events(*served.back());
  }
  for (Held& each : served) end_events(each);
  for (const Party& party : parties) EXPECT_TRUE(party.call->read_all().complete);
  EXPECT_EQ(hits(), 3u);
}

}  // namespace
}  // namespace outrigger::test
