// Listening sockets: binding them, and accepting connections on one worker's loop.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/net/address.h"
#include "proxy/net/fd.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger {

enum class ReusePort : std::uint8_t { kNo, kYes };

// A bound, listening, non-blocking socket. Accepted connections inherit TCP_NODELAY. A Unix
// socket's stale file is removed first. Errors: kSystem, origin proxy; the detail names the address
// and the mend.
Result<Fd> bind_listener(const SocketAddress& address, ReusePort reuse);
// One socket for each of `count` workers, all at one address (port 0: the same free port). Unlike
// binding with kYes alone, fails when another process listens there. On a Unix path they share one
// socket.
Result<std::vector<Fd>> bind_listeners(const SocketAddress& address, unsigned count);
// The address a socket is bound to: the real port behind port 0.
SocketAddress local_address(const Fd& fd) noexcept;

// Accepts on one loop. When descriptors or memory run out it pauses, and tries again soon, instead
// of spinning on a readiness it cannot serve.
class Listener final : private FdWatch, private Timer {
 public:
  using Accepted = std::function<void(Fd, const SocketAddress& peer)>;

  // `accepted` runs for each connection (non-blocking, close-on-exec) and may stop or destroy the
  // listener.
  Listener(EventLoop& loop, Fd fd, Accepted accepted);
  ~Listener();

  // Closes the socket: no more connections. What waits in its backlog is reset by the kernel.
  void stop() noexcept;
  // True while accepting is suspended for want of descriptors or memory.
  [[nodiscard]] bool paused() const noexcept { return Timer::armed(); }
  [[nodiscard]] SocketAddress address() const noexcept { return local_address(fd_); }

 private:
  void on_ready(Ready ready) override;
  void on_fire() override;
  void pause();

  Fd fd_;
  Accepted accepted_;
  bool* gone_ = nullptr;  // set while on_ready runs: told when the listener is destroyed
};

}  // namespace outrigger
