// Counts what a peer makes us do for nothing on one HTTP/2 connection, and says when to hang up:
// token buckets over frames, with time passed in (architecture 10). Pure; one per connection.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/duration.h"

namespace outrigger::http {

struct H2AbuseLimits {
  std::uint32_t reset_burst = 200;  // streams reset by the peer, or by us for its errors
  std::uint32_t resets_per_second = 20;
  std::uint32_t control_burst =
      1000;  // frames that carry nothing: PING, SETTINGS, PRIORITY, empty DATA ...
  std::uint32_t control_per_second = 10;
  std::uint32_t window_updates_per_data =
      10;                                 // WINDOW_UPDATE frames that one DATA frame of ours earns
  std::uint32_t continuations = 8;        // of one header block
  std::size_t head_bytes = 65536;         // of one header block, compressed
  std::uint32_t premature_minimum = 500;  // streams closed before the share of early resets counts
  Duration premature_life = 1s;           // a reset younger than this is early
};

// A bucket that holds `burst` tokens and regains `per_second`.
class TokenBucket {
 public:
  TokenBucket(std::uint32_t burst, std::uint32_t per_second) noexcept
      : burst_(std::int64_t{burst} * kToken), rate_(per_second), level_(burst_) {}
  // False when fewer than n are left; then takes none.
  [[nodiscard]] bool take(std::uint32_t n, TimePoint now) noexcept;

 private:
  static constexpr std::int64_t kToken =
      1'000'000'000;  // a token in nano-tokens: rate * ns needs no division
  std::int64_t burst_;
  std::int64_t rate_;
  std::int64_t level_;
  TimePoint at_{};
};

// A received frame header (RFC 9113 4.1).
struct H2FrameHead {
  std::size_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream = 0;
};

class H2AbuseMeter {
 public:
  explicit H2AbuseMeter(H2AbuseLimits limits) noexcept;

  // Each returns what the peer does too much of, a literal, or empty while it behaves. After the
  // first verdict the connection is to be ended with ENHANCE_YOUR_CALM.

  // A frame header came, before its payload is looked at.
  [[nodiscard]] std::string_view on_frame(const H2FrameHead& frame, TimePoint now) noexcept;
  // We reset a stream because the peer broke the protocol on it.
  [[nodiscard]] std::string_view on_provoked_reset(TimePoint now) noexcept;
  // A stream ended; `reset_by_peer` with its age tells early resets from used streams.
  [[nodiscard]] std::string_view on_stream_closed(bool reset_by_peer, Duration age) noexcept;
  // We sent a DATA frame: the peer may answer with window updates.
  void on_data_sent() noexcept;

 private:
  [[nodiscard]] std::string_view on_header_block(const H2FrameHead& frame) noexcept;
  [[nodiscard]] std::string_view spend(std::uint32_t n, TimePoint now,
                                       std::string_view what) noexcept;

  H2AbuseLimits limits_;
  TokenBucket resets_;
  TokenBucket control_;
  std::uint32_t window_credit_;
  std::uint32_t continuations_ = 0;
  std::size_t block_bytes_ = 0;
  std::uint64_t closed_ = 0;
  std::uint64_t premature_ = 0;
};

}  // namespace outrigger::http
