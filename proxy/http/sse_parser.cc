#include "proxy/http/sse_parser.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace outrigger::http {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kRetryDigits = 18;  // a longer number is no time that anybody waits

constexpr std::size_t kRetainedBytes =
    4096;  // so that one large event does not weigh on an idle stream

// Index of the first CR or LF; the size when there is none.
std::size_t find_line_end(std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
#if defined(__SSE2__)
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, cr), _mm_cmpeq_epi8(bytes, lf));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (mask != 0) return static_cast<std::size_t>(at - text.data()) + __builtin_ctz(mask);
  }
#endif
  while (at != end && *at != '\r' && *at != '\n') ++at;
  return static_cast<std::size_t>(at - text.data());
}

std::optional<std::uint64_t> parse_digits(std::string_view text) noexcept {
  if (text.empty() || text.size() > kRetryDigits) return std::nullopt;
  std::uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return number;
}

std::string_view without_leading_space(std::string_view text) noexcept {
  return text.starts_with(' ') ? text.substr(1) : text;
}

}  // namespace

SseParser::Got SseParser::next(std::string_view& in) {
  if (block_ended_) begin_block();
  if (at_start_) skip_byte_order_mark(in);
  while (!in.empty()) {
    if (blank_cr_) {
      blank_cr_ = false;
      last_end_ = in.front() == '\n' ? LineEnd::kCrLf : LineEnd::kCr;
      if (in.front() == '\n') consume(in, 1);
      return end_block();
    }
    if (after_cr_) {
      after_cr_ = false;
      if (in.front() == '\n') {
        last_end_ = LineEnd::kCrLf;
        consume(in, 1);
        continue;
      }
    }
    const std::size_t size = find_line_end(in);
    const std::string_view part = in.substr(0, size);
    if (size == in.size()) {
      begin_line(part);
      consume(in, size);
      break;
    }
    const char terminator = in[size];
    consume(in, size + 1);
    if (end_line(part, terminator) == Got::kBlock) return Got::kBlock;
  }
  return Got::kNeedMore;
}

SseParser::Got SseParser::finish() {
  if (block_ended_) begin_block();
  if (blank_cr_) {
    blank_cr_ = false;
    return end_block();
  }
  if (pending_bytes() == 0) return Got::kNeedMore;
  if (at_start_) begin_line(kByteOrderMark.substr(0, mark_bytes_));
  at_start_ = false;
  if (line_begun_) end_field(line_);
  line_begun_ = false;
  event_.unterminated = kept_ != 0;
  return end_block();
}

void SseParser::begin_block() {
  block_ended_ = false;
  kept_ = 0;
  for (std::string* text : {&line_, &type_, &data_, &comment_}) {
    text->clear();
    if (text->capacity() > kRetainedBytes) text->shrink_to_fit();
  }
  const std::uint64_t end = event_.end;
  event_ = {};
  event_.begin = event_.end = end;
}

SseParser::Got SseParser::end_block() {
  block_ended_ = true;
  event_.end = offset_;
  event_.type = type_;
  event_.data = data_;
  event_.comment = comment_;
  event_.last_id = last_id_;
  return Got::kBlock;
}

void SseParser::skip_byte_order_mark(std::string_view& in) {
  while (at_start_ && !in.empty()) {
    if (in.front() == kByteOrderMark[mark_bytes_]) {
      consume(in, 1);
      at_start_ = ++mark_bytes_ < kByteOrderMark.size();
    } else {
      at_start_ = false;
      begin_line(kByteOrderMark.substr(0, mark_bytes_));
    }
  }
}

// The current line ends; `rest` is what this call brought of it.
SseParser::Got SseParser::end_line(std::string_view rest, char terminator) {
  const bool blank = !line_begun_ && rest.empty();
  const LineEnd previous = last_end_;
  last_end_ = terminator == '\n' ? LineEnd::kLf : LineEnd::kCr;
  if (blank && terminator == '\r' && previous != LineEnd::kCr) {
    blank_cr_ = true;
    return Got::kNeedMore;
  }
  after_cr_ = terminator == '\r';
  if (blank) return end_block();
  if (line_begun_) {
    begin_line(rest);
    end_field(line_);
    line_.clear();
    line_begun_ = false;
  } else {
    end_field(within_limit(rest));
  }
  return Got::kNeedMore;
}

void SseParser::end_field(std::string_view line) {
  if (line.empty()) return;  // cut off by the limit
  const std::size_t colon = line.find(':');
  const std::string_view value = colon == std::string_view::npos
                                     ? std::string_view{}
                                     : without_leading_space(line.substr(colon + 1));
  if (colon == 0) {
    ++event_.comments;
    comment_ = value;
  } else {
    set_field(line.substr(0, colon), value);
  }
}

void SseParser::set_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (event_.has_data) data_ += '\n';
    data_ += value;
    event_.has_data = true;
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) last_id_ = value;
  } else if (name == "retry") {
    if (const auto time = parse_digits(value)) event_.retry_ms = time;
  }
}

void SseParser::begin_line(std::string_view part) {
  if (part.empty()) return;
  line_begun_ = true;
  line_ += within_limit(part);
}

std::string_view SseParser::within_limit(std::string_view part) {
  const std::string_view kept = part.substr(0, limit_ - kept_);
  if (kept.size() != part.size()) event_.truncated = true;
  kept_ += kept.size();
  return kept;
}

void SseParser::consume(std::string_view& in, std::size_t count) noexcept {
  in.remove_prefix(count);
  offset_ += count;
}

}  // namespace outrigger::http
