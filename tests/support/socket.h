// A TCP socket on the loopback interface, closed with its owner. Always non-blocking; waiting is by
// poll with a deadline. Any thread, one at a time, but for shut_down().
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "tests/support/deadline.h"

namespace outrigger::test {

struct ConnectOptions {
  int receive_buffer_bytes = 0;  // 0: the kernel's choice
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  // A listener on 127.0.0.1, or another address of the loopback interface; port 0 lets the kernel
  // choose.
  static Socket listen(std::uint16_t port = 0, int backlog = 1024,
                       const std::string& address = "127.0.0.1");
  static Socket connect(std::uint16_t port, ConnectOptions options = {});
  // Sends the SYN and does not wait for what comes of it.
  static Socket start_connect(std::uint16_t port, ConnectOptions options = {});
  // Invalid when nobody came in time or the listener was shut down.
  [[nodiscard]] Socket accept(Deadline deadline) const;

  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint16_t local_port() const;

  void close();
  // Makes the peer see RST instead of FIN.
  void reset();
  // FIN: no more from us, the other direction stays open.
  void half_close() const;
  // Wakes whoever waits on it; the descriptor stays. From any thread, also while the owner closes
  // it: never touches a descriptor that was given back.
  void shut_down() const;

 private:
  int release() noexcept;

  mutable std::mutex closing_;  // who changes fd_ holds it, and who uses it on another thread
  int fd_ = -1;
};

enum class Wait { kRead, kWrite };
// False when the deadline passed first. A hang-up counts as ready.
bool wait_for(int fd, Wait what, Deadline deadline);

// A port of 127.0.0.1 on which nobody listens, and which no other test takes as long as this lives:
// a socket on a second loopback address holds the number. It is outside the kernel's range for
// outgoing connections.
class ReservedPort {
 public:
  ReservedPort();
  [[nodiscard]] std::uint16_t number() const { return number_; }

 private:
  std::uint16_t number_ = 0;
  Socket guard_;
};

}  // namespace outrigger::test
