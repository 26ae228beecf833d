#include "proxy/mock/mock_server.h"

#include <utility>

#include "proxy/mock/conversation.h"

namespace outrigger::mock {
namespace {

// Patient: a client that is slow, or a pool that keeps connections, is not what is tested here.
http::ServerSettings patient() {
  http::ServerSettings settings;
  settings.streams_per_connection = 1000;
  settings.first_request_idle = 10min;
  settings.keep_alive_idle = 10min;
  settings.write_stall = 10min;
  return settings;
}

}  // namespace

MockServer::MockServer(EventLoop& loop, Fd listening, MockOptions options)
    : loop_(loop),
      on_done_(std::move(options.on_done)),
      settings_(patient()),
      provider_(options.seed, std::move(options.script), std::move(options.otherwise)),
      connections_(loop),
      listener_(loop, std::move(listening),
                [this](Fd fd, const SocketAddress& peer) { accept(std::move(fd), peer); }) {}

MockServer::~MockServer() {
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "stopping"});
}

void MockServer::accept(Fd fd, const SocketAddress& peer) {
  if (connections_.size() < kMostConnections) connections_.spawn(converse(std::move(fd), peer));
}

Task<void> MockServer::converse(Fd fd, SocketAddress peer) {
  Conversation conversation(*this, std::move(fd), peer);
  (void)co_await conversation.run(scope_);
}

Moment MockServer::moment() {
  return {loop_.now(), clock_.micros(loop_.now()) / 1'000'000};
}

}  // namespace outrigger::mock
