#include "proxy/net/stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/net/errno_text.h"

namespace outrigger {
namespace {

constexpr std::size_t kMaxPieces = 16;

bool all_empty(std::span<std::string_view> pieces) noexcept {
  for (std::string_view piece : pieces) {
    if (!piece.empty()) return false;
  }
  return true;
}

}  // namespace

Stream::Wait::Wait(Stream& stream, Wait*& slot, CancelScope& scope,
                   std::optional<Duration> timeout) noexcept
    : Parked(scope),
      stream_(stream),
      slot_(&slot),
      timeout_(timeout),
      reading_(&slot == &stream.reader_) {
  assert(slot == nullptr && "one reader and one writer at a time");
  slot = this;
}

// A stream that always has more lets the loop serve others before it goes on.
bool Stream::Wait::await_ready() noexcept {
  if (Parked::await_ready()) return true;
  return reading_ && stream_.input_due() && !stream_.turn_over();
}

void Stream::Wait::await_suspend(std::coroutine_handle<> handle) {
  Parked::await_suspend(handle);
  if (reading_ && stream_.input_due()) return stream_.post_wake();
  if (timeout_) stream_.loop().arm(*this, *timeout_);
}

Status Stream::Wait::await_resume() {
  disarm();
  if (reading_) stream_.burst_ = 0;
  if (timed_out_) {
    return fail(Errc::kTimeout, stream_.peer_,
                reading_ ? "connection_read_timeout" : "connection_write_timeout");
  }
  return Parked::await_resume();
}

Stream::Stream(EventLoop& loop, Fd fd, Origin peer)
    : FdWatch(loop), fd_(std::move(fd)), peer_(peer) {
  watch(fd_.get(), Mode::kEdge);
}

Stream::~Stream() {
  unwatch();
  if (reader_ != nullptr) reader_->abandon();
  if (writer_ != nullptr) writer_->abandon();
  if (gone_ != nullptr) *gone_ = true;
  if (self_ != nullptr) *self_ = nullptr;
}

void Stream::on_ready(Ready ready) {
  if (ready.closed) peer_closed_ = true;
  if (ready.read || ready.closed) readable_ = true;
  if (ready.write || ready.closed) writable_ = true;
  // libevent reports a reset (EPOLLERR) as readable and writable and nothing else. It may come in
  // one event with the last bytes; then no further edge tells of it.
  unsure_ = ready.read && ready.write && !ready.closed;
  bool gone = false;
  gone_ = &gone;
  if (reader_ != nullptr && readable_) {
    reader_->go();
  } else if (observed()) {
    notify_observer();
  }
  if (gone) return;
  if (writer_ != nullptr && writable_) {
    writer_->go();
  } else if (writer_ == nullptr && tls_ != nullptr && ready.write) {
    // What a reader's turn left behind. A failure is found again by whoever reads or writes next.
    [[maybe_unused]] const Status sent = push_tls();
  }
  if (!gone) gone_ = nullptr;
}

bool Stream::observed() {
  if (watch_ == Watch::kNothing || reader_ != nullptr) return false;
  if (peer_closed_) return true;
  if (watch_ == Watch::kClose) return unsure_ && broken_underneath();
  if (!unread_.empty()) return true;
  return readable_ && (tls_ == nullptr || !absorb());
}

bool Stream::broken_underneath() noexcept {
  pollfd state{fd_.get(), POLLRDHUP, 0};
  if (::poll(&state, 1, 0) > 0) peer_closed_ = true;
  return peer_closed_;
}

bool Stream::absorb() {
  Result<Slice> bytes = receive();
  if (!bytes || ended_) return false;
  if (!tls_->ingest(std::move(*bytes))) return false;
  tls_->settle();
  if (!push_tls()) return false;
  return !tls_->pending() && !tls_->peer_closed();
}

void Stream::notify_observer() {
  watch_ = Watch::kNothing;
  std::exchange(observer_, {})();
}

void Stream::observe(Watch watch, std::function<void()> observer) {
  watch_ = watch;
  if (watch == Watch::kNothing) return;
  observer_ = std::move(observer);
  if (!(peer_closed_ || readable())) return;
  // No further edge comes for what is there already.
  if (self_ == nullptr) self_ = std::make_shared<Stream*>(this);
  loop().post([self = self_] {
    if (*self != nullptr && (*self)->observed()) (*self)->notify_observer();
  });
}

void Stream::unread(Slice bytes) {
  if (unread_.empty() || bytes.empty()) {
    if (!bytes.empty()) unread_ = std::move(bytes);
    return;
  }
  std::string joined(bytes.view());
  joined += unread_.view();
  unread_ = Slice::copy(joined);
}

Result<Slice> Stream::receive() {
  Block& block = loop().read_block();
  const ssize_t n = ::recv(fd_.get(), block.data(), EventLoop::kReadBytes, 0);
  if (n > 0) {
    received_ += static_cast<std::uint64_t>(n);
    ++burst_;
    // A short read empties the socket; the next bytes raise a new edge. A FIN already seen does
    // not.
    if (static_cast<std::size_t>(n) < EventLoop::kReadBytes) readable_ = peer_closed_;
    block.ref();
    return Slice(&block, block.data(), static_cast<std::size_t>(n));
  }
  if (n == 0) {
    // The kernel reports a reset once; if a write was told, this is not the clean end it looks
    // like.
    if (reset_ != 0) return broken(reset_, "read");
    ended_ = peer_closed_ = true;
    return Slice{};
  }
  if (errno == EINTR) return Slice{};
  if (errno == EAGAIN) {
    readable_ = unsure_ = false;
    return Slice{};
  }
  return broken(errno, "read");
}

Result<Slice> Stream::take() {
  if (!unread_.empty()) return std::exchange(unread_, {});
  if (tls_ != nullptr) return take_tls();
  if (ended_ || turn_over() || !input_due()) return Slice{};
  return receive();
}

Result<Slice> Stream::take_tls() {
  for (;;) {
    Result<Slice> plain = take_decrypted();
    if (!plain || !plain->empty() || tls_->peer_closed()) return plain;
    if (ended_) {
      return fail(Errc::kClosed, peer_, "connection_terminated",
                  "the TLS stream ended without close_notify");
    }
    if (turn_over() || !input_due()) return Slice{};
    Result<Slice> bytes = receive();
    if (!bytes) return bytes;
    if (ended_) tls_->ingest_eof();
    if (Status status = tls_->ingest(std::move(*bytes)); !status) {
      return std::unexpected(std::move(status).error());
    }
  }
}

Stream::Wait Stream::wait_readable(CancelScope& scope, std::optional<Duration> timeout) {
  return Wait(*this, reader_, scope, timeout);
}

// Wakes the reader from the loop, after others had their turn.
void Stream::post_wake() {
  if (self_ == nullptr) self_ = std::make_shared<Stream*>(this);
  loop().post([self = self_] {
    if (*self != nullptr && (*self)->reader_ != nullptr) (*self)->reader_->go();
  });
}

Task<Result<Slice>> Stream::read(CancelScope& scope, std::optional<Duration> timeout) {
  if (scope.why()) co_return std::unexpected(scope.why()->error());
  for (;;) {
    Result<Slice> bytes = take();
    if (!bytes || !bytes->empty() || ended()) co_return bytes;
    CO_TRY(co_await wait_readable(scope, timeout));
  }
}

Result<Slice> Stream::take_decrypted() {
  if (!tls_->pending()) return Slice{};
  Block* block =
      Block::make(std::clamp<std::size_t>(tls_->pending_bytes(), 1, EventLoop::kReadBytes));
  Slice plain(block, block->data(), block->capacity());
  Result<std::size_t> n = tls_->decrypt(std::span(block->data(), block->capacity()));
  // Reading may have made TLS answer (a key update). A failure is found again by the next read or
  // write.
  [[maybe_unused]] const Status sent = push_tls();
  if (!n) return std::unexpected(std::move(n).error());
  plain.truncate(*n);
  return *n == 0 ? Slice{} : plain.compact();
}

Status Stream::send(std::span<std::string_view> pieces) {
  std::array<iovec, kMaxPieces> vectors;
  std::size_t count = 0;
  for (std::string_view piece : pieces) {
    if (piece.empty()) continue;
    if (count == kMaxPieces) break;
    vectors[count++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = count;
  const ssize_t n = count == 1
                        ? ::send(fd_.get(), vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL)
                        : ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  if (n < 0) {
    if (errno == EINTR) return {};
    if (errno != EAGAIN) return broken(errno, "write");
    writable_ = false;
    return {};
  }
  auto taken = static_cast<std::size_t>(n);
  written_ += taken;
  unsure_ = false;  // a connection that was reset takes nothing
  for (std::string_view& piece : pieces) {
    const std::size_t part = taken < piece.size() ? taken : piece.size();
    piece.remove_prefix(part);
    taken -= part;
  }
  return {};
}

Result<bool> Stream::try_write(std::span<std::string_view> pieces) {
  if (tls_ != nullptr || !writable_) return false;
  if (Status status = send(pieces); !status) return std::unexpected(std::move(status).error());
  return all_empty(pieces);
}

Task<Status> Stream::write(std::span<std::string_view> pieces, CancelScope& scope,
                           std::optional<Duration> timeout) {
  if (scope.why()) co_return std::unexpected(scope.why()->error());
  while (!all_empty(pieces)) {
    if (tls_ != nullptr) {
      CO_TRY(tls_->encrypt(pieces));
      CO_TRY(co_await flush_tls(scope, timeout));
      continue;
    }
    if (!writable_) CO_TRY(co_await Wait(*this, writer_, scope, timeout));
    CO_TRY(send(pieces));
  }
  co_return Status{};
}

Status Stream::push_tls() {
  while (writable_ && !tls_->output().empty()) {
    std::string_view piece = tls_->output();
    const std::size_t before = piece.size();
    if (Status status = send(std::span(&piece, 1)); !status) return status;
    tls_->consume_output(before - piece.size());
  }
  return {};
}

Task<Status> Stream::flush_tls(CancelScope& scope, std::optional<Duration> timeout) {
  for (;;) {
    CO_TRY(push_tls());
    if (tls_->output().empty()) co_return Status{};
    CO_TRY(co_await Wait(*this, writer_, scope, timeout));
  }
}

Task<Status> Stream::handshake(std::unique_ptr<TlsEngine> engine, CancelScope& scope) {
  tls_ = std::move(engine);
  if (!unread_.empty()) {
    CO_TRY(tls_->ingest(std::exchange(unread_, {})));
  } else {
    CO_TRY(tls_->ingest({}));
  }
  for (;;) {
    CO_TRY(co_await flush_tls(scope, std::nullopt));
    if (tls_->state() == TlsEngine::State::kOpen) co_return Status{};
    if (ended_) {
      co_return fail(Errc::kTls, peer_, "tls_protocol_error",
                     "the peer closed during the TLS handshake");
    }
    if (!readable_ && !unsure_) CO_TRY(co_await Wait(*this, reader_, scope, std::nullopt));
    CO_TRY(Slice bytes, receive());
    if (Status status = tls_->ingest(std::move(bytes)); !status) {
      // The alert tells the peer why. It fits into an empty socket, or is not worth waiting for.
      [[maybe_unused]] const Status sent = push_tls();
      co_return status;
    }
  }
}

Task<Status> Stream::finish(CancelScope& scope) {
  if (tls_ != nullptr) {
    CO_TRY(tls_->close());
    CO_TRY(co_await flush_tls(scope, std::nullopt));
  }
  if (::shutdown(fd_.get(), SHUT_WR) != 0 && errno != ENOTCONN) co_return broken(errno, "shutdown");
  co_return Status{};
}

bool Stream::input_waiting() const noexcept {
  char byte;
  return !unread_.empty() || ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Stream::abort_on_close() noexcept {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::optional<std::uint64_t> Stream::bytes_acknowledged() const noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
    return std::nullopt;
  // The kernel counts the SYN of a connection that we opened, and any FIN, as bytes.
  std::uint64_t acknowledged = info.tcpi_bytes_acked;
  if (peer_ == Origin::kUpstream && acknowledged > 0) --acknowledged;
  return std::min(acknowledged, written_);
}

std::unexpected<Error> Stream::broken(int error, std::string_view doing) {
  peer_closed_ = readable_ = true;
  reset_ = error;
  return fail(Errc::kReset, peer_, "connection_terminated",
              std::string(doing) + ": " + errno_text(error));
}

}  // namespace outrigger
