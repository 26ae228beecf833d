// A real loop for the tests of this folder, and the promise all of them keep: nothing is left over.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/net/listener.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::test {

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Ends a test that would wait for ever.
class Guard final : private Timer {
 public:
  explicit Guard(EventLoop& loop) { loop.arm(*this, 20s); }
  [[nodiscard]] bool expired() const { return expired_; }

 private:
  void on_fire() override { expired_ = true; }
  bool expired_ = false;
};

template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& into) {
  T result = co_await std::move(task);
  into.emplace(std::move(result));
}

class NetTest : public ::testing::Test {
 protected:
  // Serves events until the condition holds; fails the test when it never does.
  void run_until(const std::function<bool()>& condition) {
    const Guard guard(loop);
    while (!condition() && !guard.expired()) loop.run_once();
    ASSERT_FALSE(guard.expired()) << "waited for something that did not happen";
  }
  // Serves what is ready now.
  void turn() {
    bool reached = false;
    loop.post([&reached] { reached = true; });
    run_until([&reached] { return reached; });
  }
  // Runs a task to its end.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    tasks.spawn(keep_result(std::move(task), result));
    run_until([&result] { return result.has_value(); });
    turn();
    if (!result) std::abort();  // run_until has said why
    return std::move(*result);
  }
  Task<Status> sleep_for(Duration duration) { co_return co_await SleepFor(loop, scope, duration); }
  // Starts a task whose result comes later.
  template <class T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    tasks.spawn(keep_result(std::move(task), *result));
    return result;
  }
  template <class T>
  T& await(const std::shared_ptr<std::optional<T>>& result) {
    run_until([&result] { return result->has_value(); });
    turn();
    return **result;
  }

  void TearDown() override {
    turn();
    EXPECT_EQ(tasks.size(), 0u);
    EXPECT_EQ(loop.watches(), 0u);
    EXPECT_EQ(loop.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
    EXPECT_EQ(open_descriptors(), descriptors_);
  }

  EventLoop loop;
  TaskGroup tasks{loop};
  CancelScope scope;

 private:
  std::size_t descriptors_ = open_descriptors();
};

// Both ends of a connection.
struct FdPair {
  Fd first;
  Fd second;
};

inline FdPair local_pair() {
  std::array<int, 2> fds{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

// Over loopback TCP: `first` connected, `second` accepted. A buffer size makes both ends' buffers
// small.
inline FdPair tcp_pair(int buffer_bytes = 0) {
  const Fd listening = *bind_listener(*SocketAddress::parse("127.0.0.1", 0), ReusePort::kNo);
  const auto shrink = [buffer_bytes](int fd) {
    if (buffer_bytes == 0) return;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  };
  shrink(listening.get());
  const SocketAddress address = local_address(listening);
  FdPair pair;
  pair.first = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  shrink(pair.first.get());
  EXPECT_EQ(connect(pair.first.get(), address.raw(), address.size()), 0);
  EXPECT_EQ(fcntl(pair.first.get(), F_SETFL, O_NONBLOCK), 0);
  pair.second = Fd(accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  EXPECT_TRUE(pair.second.valid());
  return pair;
}

}  // namespace outrigger::test
