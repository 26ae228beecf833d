// Reads one message body off an HTTP/1 connection by its framing (RFC 9112 6.3), handing out slices
// of what was received. Lives in its connection, on that worker's thread; whoever consumes the body
// holds a BodySource that refers to it.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/http/h1_chunked.h"
#include "proxy/http/h1_framing.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

// The least that a sender must deliver while we wait for it (architecture 10, slow bodies).
struct MinimumPace {
  std::uint64_t bytes_per_second = 0;
  Duration window = 30s;
};

class H1BodyReader {
 public:
  // `input` holds bytes of the connection that were read already; what follows the body is left
  // there. `sender` gets the blame in errors.
  H1BodyReader(Stream& stream, Slice& input, HeadLimits trailer_limits, Origin sender)
      : stream_(stream),
        input_(input),
        limits_(trailer_limits),
        sender_(sender),
        decoder_(limits_) {}

  void begin(const BodyFraming& framing, std::optional<MinimumPace> pace = std::nullopt);
  // The whole body, when every byte of it is there already; completes the reader.
  std::optional<Slice> take_whole();

  Task<Result<Slice>> read(CancelScope& scope);
  // True when read() returns without suspending: exact, because a writer gathers for as long as it
  // holds.
  [[nodiscard]] bool ready() const noexcept;
  // The last byte of the body (and of its trailers) was received.
  [[nodiscard]] bool complete() const noexcept { return complete_; }
  [[nodiscard]] const Headers* trailers() const noexcept { return decoder_.trailers(); }

 private:
  [[nodiscard]] bool needs_input() const noexcept;
  Result<Slice> hand_out();
  Status accept(Slice bytes, Duration waited);
  Status check_pace(Duration waited, std::size_t bytes);
  Slice take_counted();
  void decode();

  Stream& stream_;
  Slice& input_;
  HeadLimits limits_;
  Origin sender_;
  BodyFraming framing_{};
  std::uint64_t remaining_ = 0;  // kLength
  bool complete_ = false;
  bool ended_ = false;  // the peer closed: the end of a kUntilClose body
  ChunkedDecoder decoder_;
  Slice staged_;  // kChunked: decoded ahead of read(), so that ready() is exact
  bool refused_ = false;
  std::optional<MinimumPace> pace_;
  Duration waited_{0};
  std::uint64_t received_ = 0;  // in the pace's window
};

}  // namespace outrigger::http
