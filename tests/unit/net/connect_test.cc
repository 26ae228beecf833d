#include "proxy/net/connect.h"

#include <vector>

#include "tests/unit/net/net_test.h"

namespace outrigger::test {
namespace {

SocketAddress loopback(std::uint16_t port, std::string_view ip = "127.0.0.1") {
  return *SocketAddress::parse(ip, port);
}

// A listening socket, and what it accepted.
struct Server {
  Fd listening = *bind_listener(loopback(0), ReusePort::kNo);
  [[nodiscard]] SocketAddress address() const { return local_address(listening); }
  [[nodiscard]] Fd accept() const {
    return Fd(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
};

// An address where nothing answers: its backlog is full, so that the kernel drops further SYNs.
class BlackHole {
 public:
  BlackHole() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = loopback(0);
    EXPECT_EQ(bind(fd_.get(), any.raw(), any.size()), 0);
    EXPECT_EQ(listen(fd_.get(), 0), 0);
    for (int i = 0; i < 4; ++i) {
      Fd filler(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const SocketAddress here = address();
      (void)connect(filler.get(), here.raw(), here.size());
      fillers_.push_back(std::move(filler));
    }
  }
  [[nodiscard]] SocketAddress address() const { return local_address(fd_); }

 private:
  Fd fd_;
  std::vector<Fd> fillers_;
};

// A port that was free a moment ago: refused.
SocketAddress closed_port() {
  return Server{}.address();
}

class ConnectTest : public NetTest {
 protected:
  Result<Fd> connect_to(const std::vector<SocketAddress>& addresses) {
    return run(connect_any(loop, addresses, scope));
  }
};

TEST_F(ConnectTest, GivesANonBlockingSocketWithoutDelay) {
  const Server server;
  const Result<Fd> fd = connect_to({server.address()});
  ASSERT_TRUE(fd);
  EXPECT_TRUE(server.accept().valid());
  EXPECT_NE(fcntl(fd->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  int no_delay = 0;
  socklen_t size = sizeof no_delay;
  getsockopt(fd->get(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &no_delay, &size);
  EXPECT_EQ(no_delay, 1);
}

TEST_F(ConnectTest, GoesOnAtOnceAfterARefusal) {
  const Server server;
  const SocketAddress refusing = closed_port();
  const std::vector<SocketAddress> addresses = {refusing, refusing, server.address()};
  const auto connecting = start(connect_any(loop, addresses, scope));
  // Refusals come at once; the delay between attempts would last many more turns.
  for (int i = 0; i < 50 && !connecting->has_value(); ++i) turn();
  ASSERT_TRUE(connecting->has_value());
  EXPECT_TRUE(connecting->value());
}

TEST_F(ConnectTest, RacesTheNextAddressWhenOneIsSilent) {  // RFC 8305 section 5
  const BlackHole silent;
  const Server server;
  const std::vector<SocketAddress> addresses = {silent.address(), server.address()};
  ASSERT_TRUE(connect_to(addresses));
}

TEST_F(ConnectTest, TellsWhatBecameOfEachAddress) {
  const SocketAddress first = closed_port();
  const SocketAddress second = loopback(1, "127.0.0.2");
  const Result<Fd> fd = connect_to({first, second});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code, Errc::kConnect);
  EXPECT_EQ(fd.error().origin, Origin::kUpstream);
  EXPECT_EQ(fd.error().phase, Phase::kNoConnection);
  EXPECT_EQ(fd.error().reason, "connection_refused");
  EXPECT_NE(fd.error().detail.find(first.to_string() + ": Connection refused"), std::string::npos);
  EXPECT_NE(fd.error().detail.find(second.to_string()), std::string::npos);
}

TEST_F(ConnectTest, WithoutAddressesFails) {
  const Result<Fd> fd = connect_to({});
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().reason, "destination_unavailable");
}

TEST_F(ConnectTest, CancellationClosesEveryAttempt) {
  const BlackHole silent;
  const BlackHole also_silent;
  const std::vector<SocketAddress> addresses = {silent.address(), also_silent.address()};
  CancelScope cancelled;
  const std::size_t before = open_descriptors();
  const auto connecting = start(connect_any(loop, addresses, cancelled));
  turn();
  EXPECT_GT(open_descriptors(), before);
  cancelled.cancel({Errc::kTimeout, Origin::kProxy, "connect_timeout"});
  EXPECT_EQ(await(connecting).error().reason, "connect_timeout");
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(loop.watches(), 0u);
}

TEST_F(ConnectTest, TearsDownWhileConnecting) {
  const BlackHole silent;
  const std::vector<SocketAddress> addresses = {silent.address()};
  TaskGroup group(loop);
  std::optional<Result<Fd>> result;
  group.spawn(keep_result(connect_any(loop, addresses, scope), result));
  turn();
}

TEST_F(ConnectTest, ReachesUnixSockets) {
  const std::string path = ::testing::TempDir() + "connect_test." + std::to_string(getpid());
  const SocketAddress address = *SocketAddress::unix_path(path);
  {
    const Fd listening = *bind_listener(address, ReusePort::kNo);
    EXPECT_TRUE(connect_to({address}));
  }
  EXPECT_EQ(connect_to({address}).error().reason, "connection_refused");
  ::unlink(path.c_str());
}

// A server may speak first (HTTP/2 does), so early that its bytes come with the connection's own
// event.
TEST_F(ConnectTest, WhatTheServerSendsAtOnceReachesTheStream) {
  const Server server;
  const std::vector<SocketAddress> addresses = {server.address()};
  const auto connecting = start(connect_any(loop, addresses, scope));
  const Fd accepted = server.accept();
  ASSERT_EQ(::write(accepted.get(), "hi", 2), 2);
  Result<Fd>& fd = await(connecting);
  ASSERT_TRUE(fd);
  Stream stream(loop, std::move(*fd), Origin::kUpstream);
  EXPECT_EQ(run(stream.read(scope, 5s))->view(), "hi");
}

TEST_F(ConnectTest, OutOfDescriptorsIsOurOwnFailure) {
  const Server server;
  // Once with descriptors: the sanitizers need some for what they see the first time.
  ASSERT_TRUE(connect_to({server.address()}));
  std::vector<Fd> all;
  for (;;) {
    Fd fd(dup(server.listening.get()));
    if (!fd.valid()) break;
    all.push_back(std::move(fd));
  }
  const std::vector<SocketAddress> addresses = {server.address()};
  const Result<Fd> fd = connect_to(addresses);
  all.clear();
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().code, Errc::kSystem);
  EXPECT_EQ(fd.error().origin, Origin::kProxy);
}

}  // namespace
}  // namespace outrigger::test
