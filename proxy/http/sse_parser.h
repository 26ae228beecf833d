// Parses an event stream (WHATWG HTML 9.2), sans-IO. It cuts the stream into blocks: all bytes up
// to and with a blank line, nothing left over, so that a proxy can inspect a block and pass its
// bytes on unchanged. Memory is bounded: of a block above the limit only the first part is kept.
// One a stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::http {

// One block. Views are valid until the parser's next call.
struct SseEvent {
  bool has_data = false;      // otherwise the block holds comments, an id or a retry time at most
  bool truncated = false;     // above the limit: data, type or comment may lack their end
  bool unterminated = false;  // the stream ended before the blank line: clients drop the event
  std::string_view type;      // the `event` field; empty means "message"
  std::string_view data;      // lines joined by LF
  std::string_view last_id;   // in force at this block; lasts until changed
  std::string_view comment;   // the last comment line, without colon and one space
  std::uint32_t comments = 0;
  std::optional<std::uint64_t> retry_ms;
  std::uint64_t begin = 0;  // the block's bytes: offsets [begin, end) in the stream
  std::uint64_t end = 0;

  // Whether a client acts on it.
  [[nodiscard]] bool dispatched() const noexcept { return has_data && !unterminated; }
};

class SseParser {
 public:
  enum class Got : std::uint8_t { kNeedMore, kBlock };

  // `block_bytes` bounds what is kept of the lines of one block, whatever the block's size.
  explicit SseParser(std::size_t block_bytes = 1024 * 1024) noexcept : limit_(block_bytes) {}

  // Consumes from the front of `in`: up to the end of a block (kBlock), or all of it (kNeedMore).
  // A blank line that ends in CR is complete with the byte behind it, unless the line before it
  // ended in a bare CR too: so CRLF streams never leave an LF behind, and CR streams are not
  // delayed.
  [[nodiscard]] Got next(std::string_view& in);
  // The stream has ended; call until kNeedMore. kBlock when bytes are left that no block held.
  [[nodiscard]] Got finish();
  [[nodiscard]] const SseEvent& event() const noexcept { return event_; }

  // Bytes consumed in all, and of them those behind the last block.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint64_t pending_bytes() const noexcept { return offset_ - event_.end; }

 private:
  enum class LineEnd : std::uint8_t { kNone, kLf, kCr, kCrLf };
  void begin_block();
  Got end_block();
  void skip_byte_order_mark(std::string_view& in);
  Got end_line(std::string_view rest, char terminator);
  void end_field(std::string_view line);
  void set_field(std::string_view name, std::string_view value);
  void begin_line(std::string_view part);
  std::string_view within_limit(std::string_view part);
  void consume(std::string_view& in, std::size_t count) noexcept;

  std::size_t limit_;
  std::size_t kept_ = 0;        // line bytes of this block that were kept
  std::uint64_t offset_ = 0;    // bytes consumed
  std::size_t mark_bytes_ = 0;  // of the byte order mark, matched so far
  bool at_start_ = true;        // no byte but of a byte order mark was seen
  bool block_ended_ = false;    // event_ is complete; the next call begins another
  bool after_cr_ = false;       // the last byte was CR: an LF now belongs to it
  bool blank_cr_ = false;       // a blank line ended in CR and waits for the byte behind it
  bool line_begun_ = false;     // earlier calls brought part of the current line, in line_
  LineEnd last_end_ = LineEnd::kNone;
  std::string line_, type_, data_, last_id_, comment_;
  SseEvent event_;
};

}  // namespace outrigger::http
