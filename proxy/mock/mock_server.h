// The mock upstream: an HTTP server (HTTP/1, and HTTP/2 with prior knowledge) that answers as the
// providers do and misbehaves as it is told. GET /mock/requests tells what came, POST /mock/script
// replaces the script, POST /mock/reset forgets. One loop, on its thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "proxy/base/wall_clock.h"
#include "proxy/http/server.h"
#include "proxy/mock/ledger.h"
#include "proxy/mock/provider.h"
#include "proxy/net/listener.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::mock {

struct MockOptions {
  std::uint64_t seed = 1;
  Script script;
  Fault otherwise;                          // of requests for which nothing else says one
  std::function<void(const Hit&)> on_done;  // each request, when it is over; may be empty
};

class MockServer {
 public:
  MockServer(EventLoop& loop, Fd listening, MockOptions options);
  MockServer(const MockServer&) = delete;
  MockServer& operator=(const MockServer&) = delete;
  // Ends every connection at once.
  ~MockServer();

  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }

 private:
  static constexpr std::size_t kMostConnections = 10'000;
  class Conversation;
  void accept(Fd fd, const SocketAddress& peer);
  Task<void> converse(Fd fd, SocketAddress peer);
  [[nodiscard]] Moment moment();

  EventLoop& loop_;
  std::function<void(const Hit&)> on_done_;
  http::ServerSettings settings_;
  WallClock clock_;
  Provider provider_;
  Ledger ledger_;
  CancelScope scope_;
  TaskGroup connections_;
  Listener listener_;
};

}  // namespace outrigger::mock
