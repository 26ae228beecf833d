// The binary event streams of AWS (application/vnd.amazon.eventstream, llm 2.3 "Bedrock"): reads
// frames, checks their sums, and writes the one frame that we make ourselves. Sans-IO; one a
// stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger::http {

// CRC-32 of IEEE 802.3, as zlib has it; `sum` is that of the bytes before.
[[nodiscard]] std::uint32_t crc32(std::string_view bytes, std::uint32_t sum = 0) noexcept;

// Views are valid until the parser's next call, and no longer than the bytes that it was given.
struct EventStreamFrame {
  std::string_view message_type;    // "event", "exception" or "error"
  std::string_view event_type;      // of an event
  std::string_view exception_type;  // of an exception; the code of an error
  std::string_view payload;

  [[nodiscard]] bool is_error() const noexcept {
    return message_type == "exception" || message_type == "error";
  }
};

class EventStreamParser {
 public:
  static constexpr std::uint32_t kMaxFrame = 16 * 1024 * 1024;
  enum class Got : std::uint8_t { kNeedMore, kFrame, kBroken };

  // Consumes from the front of `in`: up to the end of a frame, or all of it. kBroken, from then on
  // for ever: a sum or a length is wrong, so no later boundary can be known.
  [[nodiscard]] Got next(std::string_view& in);
  [[nodiscard]] const EventStreamFrame& frame() const noexcept { return frame_; }
  // Bytes consumed behind the last frame.
  [[nodiscard]] std::size_t pending_bytes() const noexcept { return given_ ? 0 : held_.size(); }

 private:
  bool read(std::string_view bytes);
  bool read_headers(std::string_view headers) noexcept;

  std::string held_;    // a frame that came in pieces; keeps its memory up to a bound
  bool given_ = false;  // held_ is the frame that was given out
  bool broken_ = false;
  EventStreamFrame frame_;
};

// An exception as ConverseStream and InvokeModelWithResponseStream send it.
[[nodiscard]] std::string exception_frame(std::string_view exception_type,
                                          std::string_view payload);

}  // namespace outrigger::http
