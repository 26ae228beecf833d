// Watches the bytes of a streamed answer: cuts them into events, judges each by the dialect, and
// knows at the end whether the answer is whole and what would mend it. Sans-IO; one a stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/dialect.h"
#include "proxy/http/event_stream_frames.h"
#include "proxy/http/sse_parser.h"

namespace outrigger::http {

enum class StreamFraming : std::uint8_t {
  kSse,     // text/event-stream
  kLines,   // a JSON value a line
  kFrames,  // application/vnd.amazon.eventstream
};

class DialectStream {
 public:
  DialectStream(Dialect dialect, StreamFraming framing) noexcept
      : framing_(framing), tracker_(dialect) {}

  // Consumes from the front of `in`: up to the end of an event, whose kind it returns, or all of
  // it. Comments and the like are events of kind kNothing.
  [[nodiscard]] std::optional<EventKind> next(std::string_view& in);

  // What became of the bytes behind the last event when the stream ended.
  enum class Rest : std::uint8_t {
    kNone,      // there are none, or nobody misses them
    kMendable,  // a whole event that lacks mend() alone: it was taken, and kind() is its kind
    kHalf,      // part of an event
  };
  // The stream has ended, cleanly or not; call once.
  [[nodiscard]] Rest finish();
  // The bytes that end the last event. SSE clients drop an event without its blank line (llm 0.7).
  [[nodiscard]] std::string_view mend() const noexcept { return mend_; }

  // The event that next() or finish() gave last. Views are valid until the next call.
  [[nodiscard]] EventKind kind() const noexcept { return kind_; }
  [[nodiscard]] std::string_view type() const noexcept { return event_.type; }
  [[nodiscard]] std::string_view data() const noexcept { return event_.data; }

  // No byte of an unfinished event was consumed.
  [[nodiscard]] bool at_boundary() const noexcept { return pending_ == 0; }
  // Bytes consumed behind the last event.
  [[nodiscard]] std::uint64_t pending_bytes() const noexcept { return pending_; }
  // A frame broke its format, so nothing more can be said of the stream.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  // The answer is whole if the stream ends here, as far as the dialect can tell.
  [[nodiscard]] bool complete() const noexcept { return !broken_ && tracker_.complete(); }
  [[nodiscard]] Dialect dialect() const noexcept { return tracker_.dialect(); }
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return tracker_.next_sequence(); }

 private:
  std::optional<EventKind> next_block(std::string_view& in);
  std::optional<EventKind> next_line(std::string_view& in);
  std::optional<EventKind> next_frame(std::string_view& in);
  EventKind take(const StreamEvent& event);
  Rest finish_block();
  Rest finish_line();

  static constexpr std::size_t kMaxLine = 1024 * 1024;  // as of an SSE block

  StreamFraming framing_;
  DialectTracker tracker_;
  StreamEvent event_;
  EventKind kind_ = EventKind::kNothing;
  bool broken_ = false;
  char last_ = '\n';  // the last byte consumed
  std::uint64_t pending_ = 0;
  std::string_view mend_;
  SseParser sse_;
  EventStreamParser frames_;
  std::string line_;  // what came of a line before this call; keeps its memory up to a bound
  bool line_given_ = false;
  bool line_truncated_ = false;
};

}  // namespace outrigger::http
