// A connected, non-blocking byte stream, plain or TLS: how connections of both sides read and
// write. One reader and one writer at a time may wait on it. Owned by its connection, on that
// worker's thread. Plain reads and writes are one system call each; nothing is read ahead.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/net/fd.h"
#include "proxy/net/tls_engine.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task.h"

namespace outrigger {

class Stream final : private FdWatch {
 public:
  // `peer` is who gets the blame in errors: the client or the upstream.
  Stream(EventLoop& loop, Fd fd, Origin peer);
  ~Stream();

  // Turns the stream into TLS and completes the handshake.
  Task<Status> handshake(std::unique_ptr<TlsEngine> engine, CancelScope& scope);
  [[nodiscard]] TlsEngine* tls() const noexcept { return tls_.get(); }

  class Wait;

  // The bytes that are there, without waiting: an empty slice is the peer's clean end when ended()
  // says so, else there is nothing yet. One system call at most.
  [[nodiscard]] Result<Slice> take();
  // All that the peer will ever send was taken.
  [[nodiscard]] bool ended() const noexcept {
    return tls_ == nullptr ? ended_ && unread_.empty() : tls_->peer_closed() && !tls_->pending();
  }
  // Suspends until it is worth to take() again: `CO_TRY(co_await stream.wait_readable(scope))`.
  // With a timeout, fails with kTimeout when nothing came for so long. What waits here needs no
  // coroutine of its own.
  [[nodiscard]] Wait wait_readable(CancelScope& scope,
                                   std::optional<Duration> timeout = std::nullopt);

  // The bytes that are there, waiting for some; an empty slice is the peer's clean end. With a
  // timeout, fails with kTimeout when nothing came for so long.
  Task<Result<Slice>> read(CancelScope& scope, std::optional<Duration> timeout = std::nullopt);
  // Writes all pieces, in order, waiting for room; pieces are used up in place. With a timeout,
  // fails with kTimeout when the peer took nothing for so long.
  Task<Status> write(std::span<std::string_view> pieces, CancelScope& scope,
                     std::optional<Duration> timeout = std::nullopt);
  Task<Status> write(std::string_view bytes, CancelScope& scope,
                     std::optional<Duration> timeout = std::nullopt) {
    std::string_view piece = bytes;
    co_return co_await write(std::span(&piece, 1), scope, timeout);
  }
  // Writes what the kernel takes at once of a plain stream, in one system call: the usual case
  // without a coroutine. True when that was everything; pieces are cut by what was taken.
  [[nodiscard]] Result<bool> try_write(std::span<std::string_view> pieces);
  // No more from us: close_notify on TLS, then a half-close.
  Task<Status> finish(CancelScope& scope);

  // Puts bytes back in front of what read() returns next.
  void unread(Slice bytes);
  // True when read() would probably return at once: bytes, the end, or an error are there.
  [[nodiscard]] bool readable() const noexcept {
    return !unread_.empty() || readable_ || (tls_ != nullptr && tls_->pending());
  }
  // Bytes wait in the kernel, whether or not the loop has told of them: one system call.
  [[nodiscard]] bool input_waiting() const noexcept;
  // The peer has closed or broken the connection (bytes may still be readable).
  [[nodiscard]] bool peer_closed() const noexcept { return peer_closed_; }

  // Called once, from the loop, when the peer closes or breaks the connection, and (with
  // `kAnyEvent`) when bytes are there, while nobody reads; also when that was so before observe().
  // Bytes that TLS sends on its own account do not count. One observer; it may destroy the stream.
  enum class Watch { kNothing, kClose, kAnyEvent };
  void observe(Watch watch, std::function<void()> observer = {});

  // Sends RST instead of FIN when closed: for streams that must not look complete.
  void abort_on_close() noexcept;

  // Total bytes handed to the kernel, and (TCP only) how many of them the peer's kernel has
  // acknowledged.
  [[nodiscard]] std::uint64_t bytes_written() const noexcept { return written_; }
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return received_; }
  [[nodiscard]] std::optional<std::uint64_t> bytes_acknowledged() const noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] EventLoop& event_loop() const noexcept { return loop(); }

 private:
  void on_ready(Ready ready) override;
  [[nodiscard]] bool observed();  // what the observer waits for is there
  [[nodiscard]] bool broken_underneath() noexcept;
  [[nodiscard]] bool absorb();  // TLS: all that is there was TLS's own talk
  void notify_observer();

  [[nodiscard]] bool input_due() const noexcept { return readable_ || unsure_; }
  [[nodiscard]] bool turn_over() const noexcept { return burst_ >= kBurst; }
  void post_wake();
  Result<Slice> take_tls();
  Result<Slice> receive();  // one recv; empty and !ended_ = nothing there
  Result<Slice> take_decrypted();
  Status send(
      std::span<std::string_view> pieces);  // one sendmsg; cuts what was taken off the pieces
  Status push_tls();                        // sends TLS output while the socket takes it
  Task<Status> flush_tls(CancelScope& scope, std::optional<Duration> timeout);
  std::unexpected<Error> broken(int error, std::string_view doing);

  static constexpr std::uint8_t kBurst = 16;  // full reads, 1 MiB, before others have their turn

  Fd fd_;
  Origin peer_;
  bool readable_ = false;
  bool writable_ = true;
  bool unsure_ = false;  // the last event may have hidden a reset: see on_ready
  bool peer_closed_ = false;
  bool ended_ = false;
  Watch watch_ = Watch::kNothing;
  std::uint8_t burst_ = 0;  // reads since the loop last had its turn
  int reset_ = 0;           // errno of the first failure, or 0
  bool* gone_ = nullptr;    // set while on_ready runs: told when the stream is destroyed
  Wait* reader_ = nullptr;
  Wait* writer_ = nullptr;
  std::uint64_t written_ = 0;
  std::uint64_t received_ = 0;
  std::unique_ptr<TlsEngine> tls_;
  Slice unread_;
  std::function<void()> observer_;
  std::shared_ptr<Stream*>
      self_;  // made when a notification is posted: told when the stream is destroyed
};

// Suspended until the stream is ready for one direction, the scope is cancelled, or the timer
// fires.
class Stream::Wait final : public Parked, private Timer {
 public:
  Wait(Stream& stream, Wait*& slot, CancelScope& scope, std::optional<Duration> timeout) noexcept;
  ~Wait() { release(); }
  [[nodiscard]] bool await_ready() noexcept;
  void await_suspend(std::coroutine_handle<> handle);
  [[nodiscard]] Status await_resume();

 private:
  friend class Stream;
  void go() {
    release();
    wake();
  }
  // The stream goes first, in a tear-down: only destruction is left for the waiting coroutine.
  void abandon() noexcept {
    disarm();
    release();
  }
  void release() noexcept {
    if (slot_ != nullptr && *slot_ == this) *slot_ = nullptr;
    slot_ = nullptr;
  }
  void on_fire() override {
    timed_out_ = true;
    go();
  }

  Stream& stream_;
  Wait** slot_;
  std::optional<Duration> timeout_;
  bool reading_;
  bool timed_out_ = false;
};

}  // namespace outrigger
