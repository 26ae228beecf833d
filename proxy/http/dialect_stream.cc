#include "proxy/http/dialect_stream.h"

#include <algorithm>

#include "proxy/base/json_checker.h"

namespace outrigger::http {
namespace {

constexpr std::size_t kRetainedBytes = 4096;

// Data that is whole as it stands. In between events of JSON nothing else can be told from a half.
bool is_whole(std::string_view data) noexcept {
  return data == "[DONE]" || is_json(data);
}

}  // namespace

std::optional<EventKind> DialectStream::next(std::string_view& in) {
  const std::string_view before = in;
  std::optional<EventKind> kind;
  switch (framing_) {
    case StreamFraming::kSse:
      kind = next_block(in);
      break;
    case StreamFraming::kLines:
      kind = next_line(in);
      break;
    case StreamFraming::kFrames:
      kind = next_frame(in);
      break;
  }
  const std::size_t taken = before.size() - in.size();
  if (taken != 0) last_ = before[taken - 1];
  pending_ = kind ? 0 : pending_ + taken;
  return kind;
}

DialectStream::Rest DialectStream::finish() {
  event_ = {};
  kind_ = EventKind::kNothing;
  Rest rest = pending_ == 0 || broken_ ? Rest::kNone : Rest::kHalf;
  if (framing_ == StreamFraming::kSse) rest = finish_block();
  if (framing_ == StreamFraming::kLines) rest = finish_line();
  return rest == Rest::kHalf && tracker_.over() ? Rest::kNone : rest;
}

EventKind DialectStream::take(const StreamEvent& event) {
  event_ = event;
  kind_ = tracker_.take(event);
  return kind_;
}

std::optional<EventKind> DialectStream::next_block(std::string_view& in) {
  if (sse_.next(in) == SseParser::Got::kNeedMore) return std::nullopt;
  const SseEvent& event = sse_.event();
  if (event.has_data) return take({event.type, event.data, event.truncated});
  event_ = {};
  kind_ = EventKind::kNothing;
  return kind_;
}

DialectStream::Rest DialectStream::finish_block() {
  if (sse_.finish() == SseParser::Got::kNeedMore) return Rest::kNone;
  const SseEvent event = sse_.event();
  if (!event.has_data) {
    const bool harmless = !event.unterminated || event.comments != 0 || event.retry_ms;
    return harmless ? Rest::kNone : Rest::kHalf;
  }
  if (event.unterminated) {
    if (event.truncated || !is_whole(event.data)) return Rest::kHalf;
    // A line feed behind a CR is part of that line's end.
    mend_ = last_ == '\n' ? "\n" : "\n\n";
  }
  take({event.type, event.data, event.truncated});
  return event.unterminated ? Rest::kMendable : Rest::kNone;
}

std::optional<EventKind> DialectStream::next_line(std::string_view& in) {
  if (line_given_) {
    line_given_ = line_truncated_ = false;
    line_.clear();
    if (line_.capacity() > kRetainedBytes) line_.shrink_to_fit();
  }
  const std::size_t end = in.find('\n');
  std::string_view line = in.substr(0, end);
  in.remove_prefix(std::min(in.size(), line.size() + 1));
  const bool whole = end != std::string_view::npos;
  if (!whole || !line_.empty()) {
    if (line_.size() + line.size() > kMaxLine) line_truncated_ = true;
    line_ += line.substr(0, kMaxLine - std::min(kMaxLine, line_.size()));
    line = line_;
  }
  if (!whole) return std::nullopt;
  line_given_ = true;
  return take({{}, line, line_truncated_});
}

DialectStream::Rest DialectStream::finish_line() {
  if (line_given_ || line_.find_first_not_of(" \t\r") == std::string::npos) return Rest::kNone;
  if (!is_json(line_)) return Rest::kHalf;
  take({{}, line_, false});
  return Rest::kNone;
}

std::optional<EventKind> DialectStream::next_frame(std::string_view& in) {
  switch (frames_.next(in)) {
    case EventStreamParser::Got::kNeedMore:
      return std::nullopt;
    case EventStreamParser::Got::kBroken:
      broken_ = true;
      return std::nullopt;
    case EventStreamParser::Got::kFrame:
      break;
  }
  const EventStreamFrame& frame = frames_.frame();
  if (!frame.is_error()) return take({frame.event_type, frame.payload, false});
  event_ = {frame.exception_type, frame.payload, false};
  kind_ = tracker_.fail();
  return kind_;
}

}  // namespace outrigger::http
