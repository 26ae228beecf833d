#include "proxy/net/listener.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <vector>

#include "tests/unit/net/net_test.h"

namespace outrigger::test {
namespace {

SocketAddress any_port(std::string_view ip = "127.0.0.1") {
  return *SocketAddress::parse(ip, 0);
}

Fd connect_blocking(const SocketAddress& address) {
  Fd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), address.raw(), address.size()), 0) << address.to_string();
  return fd;
}

class ListenerTest : public NetTest {
 protected:
  std::vector<Fd> accepted;
  std::vector<SocketAddress> peers;
  Listener::Accepted keep() {
    return [this](Fd fd, const SocketAddress& peer) {
      accepted.push_back(std::move(fd));
      peers.push_back(peer);
    };
  }
  void TearDown() override {
    accepted.clear();
    NetTest::TearDown();
  }
};

TEST_F(ListenerTest, AcceptsReadySocketsAndNamesThePeer) {
  for (const std::string_view ip : {"127.0.0.1", "::1"}) {
    accepted.clear();
    peers.clear();
    Listener listener(loop, *bind_listener(any_port(ip), ReusePort::kNo), keep());
    const Fd client = connect_blocking(listener.address());
    run_until([&] { return !accepted.empty(); });
    EXPECT_EQ(peers.front(), local_address(client));
    EXPECT_NE(fcntl(accepted.front().get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(accepted.front().get(), F_GETFD) & FD_CLOEXEC, 0);
    int no_delay = 0;
    socklen_t size = sizeof no_delay;
    getsockopt(accepted.front().get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    EXPECT_EQ(no_delay, 1) << "inherited from the listening socket";
  }
}

TEST_F(ListenerTest, AcceptsMoreThanOneTurnHolds) {
  Listener listener(loop, *bind_listener(any_port(), ReusePort::kNo), keep());
  std::vector<Fd> clients;
  for (int i = 0; i < 150; ++i) clients.push_back(connect_blocking(listener.address()));
  run_until([&] { return accepted.size() == clients.size(); });
}

TEST_F(ListenerTest, StoppedAcceptsNoMore) {
  Listener listener(loop, *bind_listener(any_port(), ReusePort::kNo), keep());
  const SocketAddress address = listener.address();
  listener.stop();
  const Fd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(client.get(), address.raw(), address.size()), -1);
  listener.stop();
}

TEST_F(ListenerTest, MayBeDestroyedOrStoppedByItsCallback) {
  std::unique_ptr<Listener> listener;
  bool stop_only = true;
  const auto act = [&](Fd, const SocketAddress&) {
    if (stop_only) {
      listener->stop();
    } else {
      listener.reset();
    }
  };
  for (const bool stop : {true, false}) {
    stop_only = stop;
    listener = std::make_unique<Listener>(loop, *bind_listener(any_port(), ReusePort::kNo), act);
    const Fd first = connect_blocking(listener->address());
    const Fd second = connect_blocking(listener->address());
    run_until([&] { return listener == nullptr || loop.watches() == 0; });
  }
  listener.reset();
}

TEST_F(ListenerTest, PausesWithoutDescriptorsAndGoesOnLater) {
  Listener listener(loop, *bind_listener(any_port(), ReusePort::kNo), keep());
  const Fd client = connect_blocking(listener.address());
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  run_until([&] { return listener.paused(); });
  EXPECT_EQ(loop.watches(), 0u) << "the readiness it cannot serve is not polled";
  setrlimit(RLIMIT_NOFILE, &before);
  run_until([&] { return !accepted.empty(); });
  EXPECT_FALSE(listener.paused());
}

TEST_F(ListenerTest, APortInUseIsOneClearError) {
  const Fd first = *bind_listener(any_port(), ReusePort::kNo);
  const SocketAddress address = local_address(first);
  const Result<Fd> second = bind_listener(address, ReusePort::kNo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kSystem);
  EXPECT_NE(second.error().detail.find(address.to_string()), std::string::npos);
  EXPECT_NE(second.error().detail.find("another process listens there"), std::string::npos);
}

TEST_F(ListenerTest, WorkersShareAPortAndStrangersDoNotJoin) {
  const Result<std::vector<Fd>> workers = bind_listeners(any_port(), 3);
  ASSERT_TRUE(workers) << workers.error().detail;
  ASSERT_EQ(workers->size(), 3u);
  const SocketAddress address = local_address(workers->front());
  EXPECT_NE(address.port(), 0);
  for (const Fd& fd : *workers) EXPECT_EQ(local_address(fd), address);
  EXPECT_FALSE(bind_listeners(address, 2));
}

TEST_F(ListenerTest, Ipv6WildcardLeavesIpv4Alone) {
  const Fd v6 = *bind_listener(any_port("::"), ReusePort::kNo);
  const SocketAddress v4 = any_port("0.0.0.0").with_port(local_address(v6).port());
  EXPECT_TRUE(bind_listener(v4, ReusePort::kNo));
}

TEST_F(ListenerTest, AnAddressThisHostLacksIsAClearError) {
  const Result<Fd> fd = bind_listener(*SocketAddress::parse("192.0.2.1", 0), ReusePort::kNo);
  ASSERT_FALSE(fd);
  EXPECT_NE(fd.error().detail.find("no such address"), std::string::npos);
}

class UnixListenerTest : public ListenerTest {
 protected:
  std::string path = ::testing::TempDir() + "listener_test." + std::to_string(getpid());
  SocketAddress address = *SocketAddress::unix_path(path);
  void TearDown() override {
    ::unlink(path.c_str());
    ListenerTest::TearDown();
  }
};

TEST_F(UnixListenerTest, ReplacesAStaleSocket) {
  bind_listener(address, ReusePort::kNo)->reset();
  struct stat info{};
  ASSERT_EQ(::lstat(path.c_str(), &info), 0) << "closing leaves the file";
  Listener listener(loop, *bind_listener(address, ReusePort::kNo), keep());
  const Fd client = connect_blocking(address);
  run_until([&] { return !accepted.empty(); });
}

TEST_F(UnixListenerTest, LeavesALiveSocketToItsOwner) {
  const Fd first = *bind_listener(address, ReusePort::kNo);
  EXPECT_FALSE(bind_listener(address, ReusePort::kNo));
  EXPECT_TRUE(connect_blocking(address).valid());
}

TEST_F(UnixListenerTest, LeavesOtherFilesAlone) {
  Fd(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)).reset();
  const Result<Fd> fd = bind_listener(address, ReusePort::kNo);
  ASSERT_FALSE(fd);
  EXPECT_NE(fd.error().detail.find("not a socket"), std::string::npos);
}

TEST_F(UnixListenerTest, WorkersShareOneSocket) {
  const Result<std::vector<Fd>> workers = bind_listeners(address, 2);
  ASSERT_TRUE(workers);
  EXPECT_EQ(workers->size(), 2u);
}

}  // namespace
}  // namespace outrigger::test
