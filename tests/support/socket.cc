#include "tests/support/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>

namespace outrigger::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int new_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket: {}", std::strerror(errno));
  return fd;
}

bool bound(int fd, in_addr_t address, std::uint16_t port) {
  sockaddr_in where = loopback(port);
  where.sin_addr.s_addr = htonl(address);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0;
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    const int fd = other.release();
    const std::lock_guard lock(closing_);
    fd_ = fd;
  }
  return *this;
}

Socket Socket::listen(std::uint16_t port, int backlog, const std::string& address) {
  Socket socket(new_socket());
  set_option(socket.fd_, SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_in where = loopback(port);
  ::inet_pton(AF_INET, address.c_str(), &where.sin_addr);
  if (::bind(socket.fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 ||
      ::listen(socket.fd_, backlog) != 0) {
    give_up("cannot listen on {}:{}: {}", address, port, std::strerror(errno));
  }
  return socket;
}

Socket Socket::start_connect(std::uint16_t port, ConnectOptions options) {
  Socket socket(new_socket());
  if (options.receive_buffer_bytes > 0) {
    set_option(socket.fd_, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
  }
  set_option(socket.fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  const sockaddr_in address = loopback(port);
  const int done =
      ::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (done != 0 && errno != EINPROGRESS) {
    give_up("connect to port {}: {}", port, std::strerror(errno));
  }
  return socket;
}

Socket Socket::connect(std::uint16_t port, ConnectOptions options) {
  Socket socket = start_connect(port, options);
  if (!wait_for(socket.fd_, Wait::kWrite, Deadline())) give_up("connect to port {} hangs", port);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) give_up("connect to port {}: {}", port, std::strerror(error));
  return socket;
}

Socket Socket::accept(Deadline deadline) const {
  while (wait_for(fd_, Wait::kRead, deadline)) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      return Socket(fd);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) break;
  }
  return {};
}

std::uint16_t Socket::local_port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

int Socket::release() noexcept {
  const std::lock_guard lock(closing_);
  return std::exchange(fd_, -1);
}

void Socket::close() {
  const std::lock_guard lock(closing_);
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::half_close() const {
  ::shutdown(fd_, SHUT_WR);
}

void Socket::shut_down() const {
  const std::lock_guard lock(closing_);
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

bool wait_for(int fd, Wait what, Deadline deadline) {
  for (;;) {
    pollfd entry{fd, static_cast<short>(what == Wait::kRead ? POLLIN : POLLOUT), 0};
    const int ready = ::poll(&entry, 1, deadline.left_ms());
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) give_up("poll: {}", std::strerror(errno));
    if (ready == 0 && deadline.passed()) return false;
  }
}

ReservedPort::ReservedPort() {
  static std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> any(10'000, 32'000);
  constexpr in_addr_t kGuardAddress = INADDR_LOOPBACK + 0x00010000;  // 127.1.0.1
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<std::uint16_t>(any(random));
    Socket guard(new_socket());
    const Socket probe(new_socket());
    if (bound(guard.fd(), kGuardAddress, port) && bound(probe.fd(), INADDR_LOOPBACK, port)) {
      number_ = port;
      guard_ = std::move(guard);
      return;
    }
  }
  give_up("no free port");
}

}  // namespace outrigger::test
