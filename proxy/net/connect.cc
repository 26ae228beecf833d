#include "proxy/net/connect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/net/errno_text.h"
#include "proxy/net/listener.h"

namespace outrigger {
namespace {

// Failures of this host, not of the address: the other addresses would fare no better.
bool is_local(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EADDRNOTAVAIL;
}

std::string_view reason_of(int error) noexcept {
  switch (error) {
    case ECONNREFUSED:
      return "connection_refused";
    case ETIMEDOUT:
      return "connection_timeout";
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "destination_ip_unroutable";
    case ECONNRESET:
      return "connection_terminated";
    default:
      return "destination_unavailable";
  }
}

// The race of one connect_any(): a small state machine on plain callbacks, which the coroutine
// waits for.
class Race final : private Timer {
 public:
  Race(EventLoop& loop, std::span<const SocketAddress> addresses, Signal& finished);
  ~Race();

  void start() { try_next(); }
  [[nodiscard]] Result<Fd> result();

 private:
  class Attempt;
  void try_next();
  bool begin(const SocketAddress& address);  // false: failed at once
  void note_failure(const SocketAddress& address, int error);
  void ended(Attempt& attempt, int error);
  void finish();
  void on_fire() override { try_next(); }

  EventLoop& loop_;
  std::span<const SocketAddress> addresses_;
  Signal& finished_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> running_;
  Fd winner_;
  std::string failures_;
  std::string_view reason_;
  bool local_ = false;
};

class Race::Attempt final : private FdWatch {
 public:
  Attempt(Race& race, const SocketAddress& address, Fd fd)
      : FdWatch(race.loop_), race_(race), address_(address), fd_(std::move(fd)) {
    watch(fd_.get(), Mode::kEdge);
  }
  ~Attempt() { unwatch(); }
  [[nodiscard]] const SocketAddress& address() const noexcept { return address_; }
  [[nodiscard]] Fd take() noexcept {
    unwatch();
    return std::move(fd_);
  }

 private:
  void on_ready(Ready) override {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) {
      sockaddr_storage peer;
      size = sizeof peer;
      if (::getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) return;
      // A port of our own, picked by the kernel, can meet itself in a simultaneous open.
      if (address_.family() != AF_UNIX && local_address(fd_) == address_) error = ECONNREFUSED;
    }
    race_.ended(*this, error);
  }
  Race& race_;
  const SocketAddress& address_;
  Fd fd_;
};

Race::Race(EventLoop& loop, std::span<const SocketAddress> addresses, Signal& finished)
    : loop_(loop), addresses_(addresses), finished_(finished) {}
Race::~Race() = default;

void Race::try_next() {
  while (next_ < addresses_.size() && !winner_.valid()) {
    if (begin(addresses_[next_++])) break;
  }
  if (winner_.valid() || (running_.empty() && next_ == addresses_.size())) {
    finish();
  } else if (next_ < addresses_.size()) {
    loop_.arm(*this, kConnectionAttemptDelay);
  }
}

bool Race::begin(const SocketAddress& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    note_failure(address, errno);
    return false;
  }
  if (address.family() != AF_UNIX) {
    const int one = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (::connect(fd.get(), address.raw(), address.size()) == 0) {
    winner_ = std::move(fd);
    return true;
  }
  if (errno != EINPROGRESS) {
    note_failure(address, errno);
    return false;
  }
  running_.push_back(std::make_unique<Attempt>(*this, address, std::move(fd)));
  return true;
}

void Race::note_failure(const SocketAddress& address, int error) {
  const std::string_view reason = reason_of(error);
  local_ = failures_.empty() ? is_local(error) : local_ && is_local(error);
  reason_ = reason_.empty() || reason_ == reason ? reason : "destination_unavailable";
  if (!failures_.empty()) failures_ += "; ";
  failures_ += address.to_string() + ": " + errno_text(error);
}

void Race::ended(Attempt& attempt, int error) {
  if (error == 0) {
    winner_ = attempt.take();
    finish();
    return;
  }
  note_failure(attempt.address(), error);
  std::erase_if(running_, [&](const auto& running) { return running.get() == &attempt; });
  try_next();
}

// Closes the losers; the coroutine goes on as the last act.
void Race::finish() {
  disarm();
  running_.clear();
  finished_.notify();
}

Result<Fd> Race::result() {
  if (winner_.valid()) return std::move(winner_);
  if (failures_.empty()) failures_ = "no address to connect to";
  if (local_) return fail(Errc::kSystem, Origin::kProxy, "proxy_internal_error", failures_);
  if (reason_.empty()) reason_ = "destination_unavailable";
  return fail(Errc::kConnect, Origin::kUpstream, reason_, std::move(failures_));
}

}  // namespace

Task<Result<Fd>> connect_any(EventLoop& loop, std::span<const SocketAddress> addresses,
                             CancelScope& scope) {
  Signal finished;
  Race race(loop, addresses, finished);
  race.start();
  CO_TRY(co_await finished.wait(scope));
  co_return race.result();
}

}  // namespace outrigger
