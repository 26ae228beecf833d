// SIGTERM: readiness fails first, what runs may finish, then the process ends with 0. A second one
// ends it at once.
#include <gtest/gtest.h>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

class Drain : public OneUpstream {
 protected:
  ProxyConfig draining(const std::string& keys_of_drain) { return config().drain(keys_of_drain); }

  // A stream that has begun; `served` goes on with it.
  struct Stream {
    std::unique_ptr<Client> client;
    std::unique_ptr<Call> call;
    Held served;
  };
  Stream begin_stream(Proxy& proxy, Http http) {
    upstream.expect("GET /sse").manually();
    auto client = std::make_unique<Client>(proxy.port(), ClientOptions{.http = http});
    auto call = client->begin(get("/up/sse"));
    Held served = upstream.accept();
    served->start(200, {{"content-type", "text/event-stream"}});
    served->send("data: 1\n\n");
    EXPECT_EQ(call->read_until("\n\n"), "data: 1\n\n");
    return {std::move(client), std::move(call), std::move(served)};
  }
};

TEST_F(Drain, ReadinessFailsWhileRequestsAreStillAccepted) {
  upstream.expect("GET /p").reply(200, "still here");
  TestProxy proxy(draining("announce: 1500ms, streams: 10s"));
  EXPECT_EQ(proxy.health("/readyz").status, 200);
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return proxy.health("/readyz").status == 503; }, Deadline(1s)));
  EXPECT_EQ(proxy.health("/livez").status, 200);
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "still here");
  upstream.drop_connections();
  proxy.expect_exit(0);
}

TEST_F(Drain, RunningStreamsFinish) {
  for (const Http http : {Http::k1, Http::k2}) {
    TestProxy proxy(draining("announce: 10ms, streams: 20s"));
    Stream stream = begin_stream(proxy, http);
    proxy.process().signal(SIGTERM);
    EXPECT_TRUE(eventually([&] {
      try {
        return proxy.health("/readyz").status == 503;
      } catch (const Failure&) {
        return true;  // the health port may be closed by then
      }
    }));
    for (const char* event : {"data: 2\n\n", "data: 3\n\n"}) {
      stream.served->send(event);
      EXPECT_EQ(stream.call->read_until("\n\n"), event);
    }
    EXPECT_FALSE(proxy.process().exit_code().has_value());
    stream.served->finish();
    stream.served.release();
    const Response end = stream.call->read_all();
    EXPECT_TRUE(end.complete) << end.failure;
    proxy.expect_exit(0);
  }
}

TEST_F(Drain, IdleConnectionsAreClosedAtOnce) {
  upstream.expect("GET /p").times(2).reply(200, "ok");
  TestProxy proxy(draining("announce: 10ms, streams: 60s"));
  Client h1(proxy.port());
  Client h2(proxy.port(), {.http = Http::k2});
  EXPECT_EQ(h1.fetch(get("/up/p")).body, "ok");
  EXPECT_EQ(h2.fetch(get("/up/p")).body, "ok");
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(h1.closed_by_peer());
  EXPECT_TRUE(h2.closed_by_peer());
  ASSERT_TRUE(h2.h2().goaway_received().has_value());
  EXPECT_EQ(h2.h2().goaway_received()->code, NGHTTP2_NO_ERROR);
  proxy.expect_exit(0);
}

TEST_F(Drain, StreamsThatTakeTooLongAreCutVisibly) {
  TestProxy proxy(draining("announce: 10ms, streams: 300ms"));
  Stream stream = begin_stream(proxy, Http::k1);
  proxy.process().signal(SIGTERM);
  EXPECT_FALSE(stream.call->read_all().complete);
  EXPECT_TRUE(stream.served->client_gone());
  proxy.expect_exit(0);
}

TEST_F(Drain, ASecondSigtermEndsAtOnce) {
  TestProxy proxy(draining("announce: 10ms, streams: 10m"));
  Stream stream = begin_stream(proxy, Http::k1);
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] {
    try {
      return proxy.health("/readyz").status == 503;
    } catch (const Failure&) {
      return true;
    }
  }));
  EXPECT_FALSE(proxy.process().exit_code().has_value());
  proxy.process().signal(SIGTERM);
  const auto code = proxy.process().wait_exit(Deadline(5s));
  EXPECT_TRUE(code.has_value()) << "the second SIGTERM does not end it";
  EXPECT_FALSE(stream.call->read_all().complete);
  proxy.expect_exit(code.value_or(0));
}

TEST_F(Drain, ConnectionsArrivingAfterTheAnnouncementAreRefused) {
  TestProxy proxy(draining("announce: 10ms, streams: 20s"));
  Stream stream = begin_stream(proxy, Http::k1);
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(eventually([&] {
    try {
      Client late(proxy.port());
      return false;
    } catch (const Failure&) {
      return true;
    }
  }));
  stream.served->finish();
  stream.served.release();
  EXPECT_TRUE(stream.call->read_all().complete);
  proxy.expect_exit(0);
}

TEST_F(Drain, StartAndStopLeaveNothingBehindUnderLoad) {
  upstream.expect("GET /p").always().reply(200, pattern(10'000));
  TestProxy proxy(draining("announce: 1s, streams: 10s"));
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 40; ++i) {
    const Http http = i % 2 == 0 ? Http::k1 : Http::k2;
    clients.push_back(std::make_unique<Client>(proxy.port(), ClientOptions{.http = http}));
    calls.push_back(clients.back()->begin(get("/up/p")));
  }
  proxy.process().signal(SIGTERM);
  for (const auto& call : calls) {
    const Response answer = call->read_all();
    EXPECT_TRUE(answer.complete && answer.body.size() == 10'000) << answer.failure;
  }
  proxy.expect_exit(0);
}

}  // namespace
}  // namespace outrigger::test
