// What the tests of H2Server share: a server with a raw peer, bodies and handlers written by hand.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2_server.h"
#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/http/h2_peer.h"

namespace outrigger::http {

using test::Fields;
using test::frame;

inline constexpr int kWhole = test::kEndHeaders | test::kEndStream;
inline const Fields kGet{
    {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}};
inline const Fields kPost{
    {":method", "POST"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a.test"}};

using Serve = std::function<Task<void>(Request, ResponseSink&, CancelScope&)>;

// A body that a test feeds by hand.
class ScriptedBody final : public BodySource {
 public:
  struct Script {
    SliceQueue bytes;
    bool ended = false;
    bool broken = false;
    bool destroyed = false;
    std::size_t reads = 0;
    Headers trailers;
    Signal signal;
  };
  explicit ScriptedBody(Script& script) : script_(script) {}
  ~ScriptedBody() override { script_.destroyed = true; }
  Task<Result<Slice>> read(CancelScope& scope) override {
    ++script_.reads;
    while (!ready()) CO_TRY(co_await script_.signal.wait(scope));
    if (!script_.bytes.empty()) co_return script_.bytes.pop();
    if (script_.broken) co_return fail(Errc::kReset, Origin::kUpstream, "http_response_incomplete");
    co_return Slice{};
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !script_.bytes.empty() || script_.ended || script_.broken;
  }
  [[nodiscard]] const Headers* trailers() const noexcept override {
    return script_.trailers.empty() ? nullptr : &script_.trailers;
  }

 private:
  Script& script_;
};

class H2ServerTest : public testing::Test, public ExchangeHandler {
 protected:
  ~H2ServerTest() override = default;

  void start(Serve serve_one) {
    serve_one_ = std::move(serve_one);
    auto [ours, theirs] = test::socket_pair();
    peer.emplace(std::move(theirs));
    peer->acknowledges = acknowledges;
    stream = std::make_unique<Stream>(loop, std::move(ours), Origin::kClient);
    server = std::make_unique<H2Server>(*stream, settings, *this, client);
    tasks.emplace(loop);
    tasks->spawn(run());
    peer->hello();
  }

  void TearDown() override {
    if (peer) peer->close();
    if (tasks) EXPECT_TRUE(run_until([&] { return done; }));
    if (tasks) EXPECT_TRUE(run_until([&] { return tasks->empty(); }));
    tasks.reset();
    server.reset();
    stream.reset();
    peer.reset();
    EXPECT_EQ(loop.timers(), 0U);
    EXPECT_EQ(loop.watches(), 0U);
    EXPECT_EQ(FramePool::live(), 0U);
    serve_one_ = {};
  }

  bool run_until(const std::function<bool()>& what) { return test::run_until(loop, *peer, what); }
  void settle() { test::settle(loop, *peer); }
  bool ended(std::int32_t id) {
    return run_until([&] { return peer->ended(id); });
  }

  static Response answer(int status, std::string_view body) {
    Response response;
    response.head.status = status;
    if (!body.empty()) response.body = Body(Slice::copy(body));
    return response;
  }

  EventLoop loop;
  ServerSettings settings;
  ClientInfo client;
  CancelScope connection;
  std::optional<test::H2Peer> peer;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<H2Server> server;
  std::optional<TaskGroup> tasks;
  bool acknowledges = true;
  bool done = false;
  int served = 0;
  int cancelled = 0;
  std::vector<Delivery> deliveries;

 private:
  Task<void> run() {
    co_await server->run({}, connection);
    server.reset();  // at the earliest moment, and before the stream
    stream.reset();
    done = true;
  }
  Task<void> serve(Request&& request, ResponseSink& sink, const ClientInfo&,
                   CancelScope& scope) override {
    ++served;
    co_await serve_one_(std::move(request), sink, scope);
    if (scope.cancelled()) ++cancelled;
  }
  Response refuse(int status, std::string_view code, std::string_view, const ClientInfo&) override {
    return answer(status, code);
  }
  Serve serve_one_;
};

inline Task<void> wait_for_ever(Request, ResponseSink&, CancelScope& scope) {
  Signal never;
  (void)co_await never.wait(scope);
}

}  // namespace outrigger::http
