#include "proxy/http/h2_abuse.h"

#include <algorithm>

namespace outrigger::http {
namespace {

enum FrameType : std::uint8_t {  // RFC 9113 6
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kWindowUpdate = 8,
  kContinuation = 9,
};
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;

// What a new stream earns: a client sets its window, and reads a little, before any DATA of ours.
constexpr std::uint32_t kUpdatesPerHead = 4;
constexpr std::uint32_t kFirstUpdates = 100;
constexpr std::uint32_t kMostUpdates = 100'000;

// An empty DATA frame is never needed: a hundred of them say enough.
constexpr std::uint32_t kEmptyDataCost = 10;

}  // namespace

bool TokenBucket::take(std::uint32_t n, TimePoint now) noexcept {
  const Duration passed = now - at_;
  at_ = now;
  // A second of burst refills it whole at any rate we use; the clamp keeps the product in range.
  const std::int64_t ns = std::clamp<std::int64_t>(passed.count(), 0, 3'600'000'000'000);
  level_ = ns >= burst_ / std::max<std::int64_t>(rate_, 1) ? burst_
                                                           : std::min(burst_, level_ + ns * rate_);
  const std::int64_t cost = std::int64_t{n} * kToken;
  if (level_ < cost) return false;
  level_ -= cost;
  return true;
}

H2AbuseMeter::H2AbuseMeter(H2AbuseLimits limits) noexcept
    : limits_(limits),
      resets_(limits.reset_burst, limits.resets_per_second),
      control_(limits.control_burst, limits.control_per_second),
      window_credit_(kFirstUpdates) {}

std::string_view H2AbuseMeter::spend(std::uint32_t n, TimePoint now,
                                     std::string_view what) noexcept {
  return control_.take(n, now) ? std::string_view{} : what;
}

std::string_view H2AbuseMeter::on_header_block(const H2FrameHead& frame) noexcept {
  if (frame.type == kHeaders) {
    continuations_ = 0;
    block_bytes_ = 0;
    window_credit_ = std::min(window_credit_ + kUpdatesPerHead, kMostUpdates);
  } else if (++continuations_ > limits_.continuations) {
    return "continuation_flood";
  }
  block_bytes_ += frame.length;
  return block_bytes_ > limits_.head_bytes ? std::string_view("header_block_too_long")
                                           : std::string_view{};
}

std::string_view H2AbuseMeter::on_frame(const H2FrameHead& frame, TimePoint now) noexcept {
  switch (frame.type) {
    case kData:
      if (frame.length > 0 || (frame.flags & kEndStream) != 0) return {};
      return spend(kEmptyDataCost, now, "empty_data_flood");
    case kHeaders:
      return on_header_block(frame);
    case kContinuation: {
      // An empty one that does not end the block can only be meant to keep us busy.
      if (frame.length == 0 && (frame.flags & kEndHeaders) == 0) {
        const std::string_view flood = spend(kEmptyDataCost, now, "continuation_flood");
        if (!flood.empty()) return flood;
      }
      return on_header_block(frame);
    }
    case kRstStream:
      return resets_.take(1, now) ? std::string_view{} : std::string_view("rapid_reset");
    case kWindowUpdate:
      if (window_credit_ > 0) {
        --window_credit_;
        return {};
      }
      return spend(1, now, "window_update_flood");
    default:  // PRIORITY, SETTINGS, PING, GOAWAY, PUSH_PROMISE and extensions
      return spend(1, now, "control_frame_flood");
  }
}

std::string_view H2AbuseMeter::on_provoked_reset(TimePoint now) noexcept {
  return resets_.take(1, now) ? std::string_view{} : std::string_view("provoked_resets");
}

std::string_view H2AbuseMeter::on_stream_closed(bool reset_by_peer, Duration age) noexcept {
  ++closed_;
  if (reset_by_peer && age < limits_.premature_life) ++premature_;
  const bool many = closed_ >= limits_.premature_minimum && premature_ * 2 >= closed_;
  return many ? std::string_view("premature_resets") : std::string_view{};
}

void H2AbuseMeter::on_data_sent() noexcept {
  window_credit_ = std::min(window_credit_ + limits_.window_updates_per_data, kMostUpdates);
}

}  // namespace outrigger::http
