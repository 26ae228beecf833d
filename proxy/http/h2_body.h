// Bodies and tunnels over HTTP/2 streams, for both roles: reading gives flow-control credit back as
// it consumes, sending waits while the peer's window or the socket is full.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "proxy/http/body.h"
#include "proxy/http/h2_stream.h"
#include "proxy/http/message.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger::http {

// The least that a sender must deliver while we wait for it (architecture 10, slow bodies).
struct H2Pace {
  std::uint64_t bytes_per_second = 0;  // 0: no such bound
  Duration window = 30s;
};

// Waits until `in` holds bytes, the body ended or the stream failed.
class H2BodySource : public BodySource {
 public:
  H2BodySource(Dispatcher& loop, H2StreamPtr stream, H2Pace pace = {}) noexcept
      : loop_(loop), stream_(std::move(stream)), pace_(pace) {}
  // Abandons what was not read.
  ~H2BodySource() override;

  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override;
  [[nodiscard]] const Headers* trailers() const noexcept override {
    return stream_->trailers.get();
  }

 protected:
  [[nodiscard]] const H2StreamPtr& stream() const noexcept { return stream_; }
  // What was read so far.
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

 private:
  Task<Status> wait(CancelScope& scope);
  [[nodiscard]] bool too_slow() const noexcept;

  Dispatcher& loop_;
  H2StreamPtr stream_;
  H2Pace pace_;
  Duration waited_{0};       // in this window, with nothing to read
  std::uint64_t bytes_ = 0;  // received in this window
  std::uint64_t taken_ = 0;
};

// What send_body() moved.
struct H2Sent {
  Status status;
  std::uint64_t bytes = 0;
  std::uint32_t chunks = 0;
};

// Waits until `out` of the stream has room (below kH2SendHigh), until head and `out` are framed, so
// that a reset overtakes neither, or until its end was handed to the kernel. A broken stream is the
// error; so is a peer that takes nothing for `stall` (kTimeout). `stream` outlives the task.
enum class H2Until : std::uint8_t { kRoom, kFramed, kEndSent };
Task<Status> h2_wait(H2Stream& stream, H2Until until, Dispatcher& loop, CancelScope& scope,
                     std::optional<Duration> stall);

// Pulls a body to its end into the stream, with END_STREAM on the last DATA frame, and its
// trailers. On an error of the body nothing is ended: the caller resets the stream. `stream` and
// `body` outlive the task.
Task<H2Sent> h2_send_body(H2Stream& stream, Body& body, Dispatcher& loop, CancelScope& scope,
                          std::optional<Duration> stall);

// The two directions of a CONNECT stream (RFC 9113 8.5, RFC 8441).
class H2Tunnel final : public Tunnel {
 public:
  H2Tunnel(Dispatcher& loop, H2StreamPtr stream) noexcept
      : loop_(loop), stream_(std::move(stream)) {}
  // Resets the stream unless both directions ended.
  ~H2Tunnel() override;
  Task<Result<Slice>> read(CancelScope& scope) override;
  Task<Status> write(Slice bytes, CancelScope& scope) override;
  Task<Status> finish(CancelScope& scope) override;

 private:
  Dispatcher& loop_;
  H2StreamPtr stream_;
};

}  // namespace outrigger::http
