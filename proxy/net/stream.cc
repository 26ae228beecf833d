#include "proxy/net/stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace outrigger {
namespace {

constexpr std::size_t kMaxPieces = 16;

}  // namespace

// Suspended until the stream is ready for one direction, the scope is cancelled, or the timer fires.
class Stream::Wait final : public Parked, private Timer {
 public:
  Wait(Stream& stream, Wait*& slot, CancelScope& scope, std::optional<Duration> timeout) noexcept
      : Parked(scope), stream_(stream), slot_(slot), timeout_(timeout) {
    slot_ = this;
  }
  ~Wait() {
    if (slot_ == this) slot_ = nullptr;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    if (timeout_) stream_.loop().arm(*this, *timeout_);
    Parked::await_suspend(handle);
  }
  [[nodiscard]] Status await_resume() {
    disarm();
    if (timed_out_) {
      const bool reading = &slot_ == &stream_.reader_;
      return fail(Errc::kTimeout, stream_.peer_,
                  reading ? "connection_read_timeout" : "connection_write_timeout");
    }
    return Parked::await_resume();
  }
  void go() {
    slot_ = nullptr;
    wake();
  }

 private:
  void on_fire() override {
    timed_out_ = true;
    go();
  }
  Stream& stream_;
  Wait*& slot_;
  std::optional<Duration> timeout_;
  bool timed_out_ = false;
};

Stream::Stream(EventLoop& loop, Fd fd, Origin peer)
    : FdWatch(loop), fd_(std::move(fd)), peer_(peer) {
  watch(fd_.get(), Mode::kEdge);
}

Stream::~Stream() {
  unwatch();
  if (gone_ != nullptr) *gone_ = true;
}

void Stream::on_ready(Ready ready) {
  if (ready.closed) peer_closed_ = true;
  if (ready.read || ready.closed) readable_ = true;
  if (ready.write || ready.closed) writable_ = true;
  bool gone = false;
  gone_ = &gone;
  if (reader_ != nullptr && readable_) {
    reader_->go();
  } else if ((watch_ == Watch::kClose && ready.closed) ||
             (watch_ == Watch::kAnyEvent && (ready.closed || ready.read))) {
    watch_ = Watch::kNothing;
    std::exchange(observer_, {})();
  }
  if (gone) return;
  if (writer_ != nullptr && writable_) writer_->go();
  if (!gone) gone_ = nullptr;
}

void Stream::observe(Watch watch, std::function<void()> observer) {
  watch_ = watch;
  observer_ = std::move(observer);
}

void Stream::unread(Slice bytes) { unread_ = std::move(bytes); }

Task<Status> Stream::wait_readable(CancelScope& scope, std::optional<Duration> timeout) {
  Wait wait(*this, reader_, scope, timeout);
  co_return co_await wait;
}

Task<Status> Stream::wait_writable(CancelScope& scope, std::optional<Duration> timeout) {
  Wait wait(*this, writer_, scope, timeout);
  co_return co_await wait;
}

Result<Slice> Stream::receive() {
  Block& block = loop().read_block();
  const ssize_t n = ::recv(fd_.get(), block.data(), EventLoop::kReadBytes, 0);
  if (n > 0) {
    received_ += static_cast<std::uint64_t>(n);
    // A short read empties the socket; the next bytes raise a new edge. A FIN already seen does not.
    if (static_cast<std::size_t>(n) < EventLoop::kReadBytes && !peer_closed_) readable_ = false;
    block.ref();
    return Slice(&block, block.data(), static_cast<std::size_t>(n));
  }
  if (n == 0) {
    ended_ = true;
    return Slice{};
  }
  if (errno == EAGAIN || errno == EINTR) {
    readable_ = errno == EINTR;
    return Slice{};
  }
  return broken(errno, "read");
}

Task<Result<Slice>> Stream::read(CancelScope& scope, std::optional<Duration> timeout) {
  if (!unread_.empty()) co_return std::exchange(unread_, {});
  for (;;) {
    if (tls_ != nullptr) {
      Result<Slice> plain = take_decrypted();
      if (!plain || !plain->empty() || tls_->peer_closed()) co_return plain;
      if (ended_) {
        co_return fail(Errc::kClosed, peer_, "connection_terminated",
                       "the TLS stream ended without close_notify");
      }
    }
    if (ended_) co_return Slice{};
    if (!readable_) CO_TRY(co_await wait_readable(scope, timeout));
    Result<Slice> bytes = receive();
    if (!bytes) co_return bytes;
    if (tls_ == nullptr) {
      if (!bytes->empty() || ended_) co_return bytes;
      continue;
    }
    if (ended_) tls_->ingest_eof();
    if (!bytes->empty()) CO_TRY(tls_->ingest(bytes->view()));
    if (!tls_->output().empty()) CO_TRY(co_await flush_tls(scope, timeout));
  }
}

Result<Slice> Stream::take_decrypted() {
  constexpr std::size_t kRecord = 16384;
  if (!tls_->pending()) return Slice{};
  Block* block = Block::make(kRecord);
  Slice plain(block, block->data(), kRecord);
  Result<std::size_t> n = tls_->decrypt(std::span(block->data(), kRecord));
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
  for (std::string_view& piece : pieces) {
    const std::size_t part = taken < piece.size() ? taken : piece.size();
    piece.remove_prefix(part);
    taken -= part;
  }
  return {};
}

namespace {

bool all_empty(std::span<std::string_view> pieces) noexcept {
  for (std::string_view piece : pieces) {
    if (!piece.empty()) return false;
  }
  return true;
}

}  // namespace

Task<Status> Stream::write(std::span<std::string_view> pieces, CancelScope& scope,
                           std::optional<Duration> timeout) {
  if (tls_ != nullptr) {
    for (std::string_view& piece : pieces) CO_TRY(tls_->encrypt(std::exchange(piece, {})));
    co_return co_await flush_tls(scope, timeout);
  }
  while (!all_empty(pieces)) {
    if (!writable_) CO_TRY(co_await wait_writable(scope, timeout));
    CO_TRY(send(pieces));
  }
  co_return Status{};
}

Task<Status> Stream::flush_tls(CancelScope& scope, std::optional<Duration> timeout) {
  while (!tls_->output().empty()) {
    if (!writable_) CO_TRY(co_await wait_writable(scope, timeout));
    std::string_view piece = tls_->output();
    const std::size_t before = piece.size();
    CO_TRY(send(std::span(&piece, 1)));
    tls_->consume_output(before - piece.size());
  }
  co_return Status{};
}

Task<Status> Stream::handshake(std::unique_ptr<TlsEngine> engine, CancelScope& scope) {
  tls_ = std::move(engine);
  CO_TRY(tls_->ingest({}));
  for (;;) {
    if (!tls_->output().empty()) CO_TRY(co_await flush_tls(scope, std::nullopt));
    if (tls_->state() == TlsEngine::State::kOpen) co_return Status{};
    if (ended_) co_return fail(Errc::kTls, peer_, "tls_protocol_error", "closed in the handshake");
    if (!readable_) CO_TRY(co_await wait_readable(scope, std::nullopt));
    CO_TRY(Slice bytes, receive());
    if (bytes.empty()) continue;
    if (Status status = tls_->ingest(bytes.view()); !status) {
      // The alert that tells the peer why is worth one try; its own failure is not.
      if (!tls_->output().empty()) (void)co_await flush_tls(scope, 1s);
      co_return status;
    }
  }
}

Task<Status> Stream::finish(CancelScope& scope) {
  if (tls_ != nullptr) {
    tls_->close();
    CO_TRY(co_await flush_tls(scope, std::nullopt));
  }
  if (::shutdown(fd_.get(), SHUT_WR) != 0 && errno != ENOTCONN) co_return broken(errno, "shutdown");
  co_return Status{};
}

void Stream::abort_on_close() noexcept {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

std::optional<std::uint64_t> Stream::bytes_acknowledged() const noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return std::nullopt;
  return info.tcpi_bytes_acked;
}

std::unexpected<Error> Stream::broken(int error, std::string_view doing) const {
  return fail(Errc::kReset, peer_, "connection_terminated",
              std::string(doing) + ": " + std::strerror(error));
}

}  // namespace outrigger
