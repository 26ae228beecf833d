// Streams: no event waits for the next, no reader makes memory grow, nobody streams to nobody.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

using Streaming = OneUpstream;

TEST_F(Streaming, PassesEventsUnchangedWhateverTheirPieces) {
  const std::string events =
      "\xef\xbb\xbf: hello\r\n\r\nid: 7\nevent: delta\ndata: {\"a\":1}\ndata: two\n\n"
      "retry: 10\n\ndata: [DONE]\n\n";
  upstream.expect("GET /sse").run([&](Exchange& exchange) {
    exchange.start(200, {{"content-type", "text/event-stream"}});
    for (const char byte : events) exchange.send({&byte, 1});
    exchange.finish();
  });
  TestProxy proxy(config());
  const Response answer = proxy.fetch(get("/up/sse"));
  EXPECT_EQ(answer.body, events);
  EXPECT_EQ(value_of(answer.headers, "content-type"), "text/event-stream");
}

TEST_F(Streaming, SendsTheHeadBeforeTheFirstByteOfTheBody) {
  upstream.expect("GET /sse").manually();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(get("/up/sse"));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  EXPECT_EQ(call->read_head().status, 200);
  served->finish();
  EXPECT_TRUE(call->read_all().complete);
}

TEST_F(Streaming, CarriesManyStreamsAtOnceInLockStep) {
  constexpr int kStreams = 50;
  upstream.expect("GET /sse").times(kStreams).manually();
  TestProxy proxy(config());
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Call>> calls;
  std::vector<Held> served;
  for (int i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<Client>(proxy.port()));
    calls.push_back(clients.back()->begin(get("/up/sse")));
    served.push_back(upstream.accept());
    served.back()->start(200, {{"content-type", "text/event-stream"}});
  }
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kStreams; ++i) {
      const std::string event = fmt::format("data: {} of {}\n\n", round, i);
      served[i]->send(event);
      EXPECT_EQ(calls[i]->read_until("\n\n"), event);
    }
  }
  for (int i = 0; i < kStreams; ++i) {
    served[i]->finish();
    EXPECT_TRUE(calls[i]->read_all().complete);
  }
}

TEST_F(Streaming, OneStalledH2StreamDoesNotStopTheOthers) {
  upstream.expect("GET /stuck").manually();
  upstream.expect("GET /quick").times(20).reply(200, pattern(20'000));
  TestProxy proxy(config());
  ClientOptions options{.http = Http::k2};
  options.h2.stream_window = 64 * 1024;
  Client client(proxy.port(), options);
  const auto stuck = client.begin(get("/up/stuck"));
  const Held served = upstream.accept();
  served->start(200, {{"content-length", "100000000"}});
  served->send_until_blocked(pattern(24 << 20), kQuiet);
  for (int i = 0; i < 20; ++i) {
    const Response answer = client.fetch(get("/up/quick"));
    EXPECT_EQ(answer.body.size(), 20'000U);
    EXPECT_TRUE(answer.complete) << answer.failure;
  }
  stuck->cancel();
  EXPECT_TRUE(served->client_gone());
}

TEST_F(Streaming, ASlowUpstreamSlowsTheUploadingClient) {
  upstream.expect("POST /up").before_body().manually();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(post("/up/up", "", {{"Content-Length", "50000000"}}));
  const Held served = upstream.accept();
  const std::uint64_t before = proxy.process().resident_bytes();
  const std::string body = pattern(50'000'000);
  std::string_view rest = body;
  while (client.channel().try_write(rest) == Channel::Status::kDone ||
         wait_for(client.channel().fd(), Wait::kWrite, Deadline(kQuiet))) {
    if (rest.empty()) break;
  }
  EXPECT_GT(rest.size(), body.size() / 2) << "the proxy read ahead of the upstream";
  EXPECT_LT(proxy.process().resident_bytes(), before + (16 << 20));
  client.reset();
  while (!served->read_body_some().empty()) continue;
  EXPECT_FALSE(served->request.complete);
}

TEST_F(Streaming, AClientThatLeavesIsLoggedAsSuch) {
  upstream.expect("GET /sse").manually();
  TestProxy proxy(config());
  {
    Client client(proxy.port());
    const auto call = client.begin(get("/up/sse"));
    const Held served = upstream.accept();
    served->start(200, {{"content-type", "text/event-stream"}});
    served->send("data: 1\n\n");
    call->read_until("\n\n");
    client.reset();
    EXPECT_TRUE(served->client_gone());
  }
  const auto line = proxy.access_line([](const auto&) { return true; });
  EXPECT_TRUE(line.value("client_aborted", false)) << line.dump();
  EXPECT_EQ(line.value("status", 0), 200);
  EXPECT_EQ(proxy.metric_sum("outrigger_client_aborts_total", "phase=\"stream\""), 1);
}

TEST_F(Streaming, AClientThatDiesWhileWaitingClosesTheUpstreamCall) {
  upstream.expect("GET /wait").manually();
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.begin(get("/up/wait"));
  const Held served = upstream.accept();
  client.channel().close();  // what the kernel does for a process that died
  EXPECT_TRUE(served->client_gone());
}

TEST_F(Streaming, UploadsAndDownloadsAtTheSameTime) {
  upstream.expect("POST /echo").before_body().run([](Exchange& exchange) {
    exchange.start(200, {});
    for (std::string piece; !(piece = exchange.read_body_some()).empty();) {
      exchange.request.body.clear();
      exchange.send(piece);
    }
    exchange.finish();
  });
  TestProxy proxy(config());
  Client client(proxy.port());
  const auto call = client.start(post("/up/echo", ""));
  const std::string block = pattern(100'000);
  for (int i = 0; i < 50; ++i) {
    call->send(block);
    EXPECT_TRUE(call->read_exactly(block.size()) == block);
  }
  call->finish();
  EXPECT_TRUE(call->read_all().complete);
}

}  // namespace
}  // namespace outrigger::test
