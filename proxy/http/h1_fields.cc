#include "proxy/http/h1_fields.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"

namespace outrigger::http {
namespace {

constexpr std::size_t kSpareFields =
    4;  // for those that the proxy adds, without a second allocation

constexpr bool is_blank(char byte) noexcept {
  return byte == ' ' || byte == '\t';
}

Refusal wrong_name_byte(char byte, bool name_is_empty) noexcept {
  switch (byte) {
    case ':':
      return {400, "empty_field_name", "a header field has no name"};
    case '\n':
      return {400, "bare_lf", "a line ends in LF without CR"};
    case '\r':
      return {400, "field_without_colon", "a header line has no colon"};
    case ' ':
    case '\t':
      if (name_is_empty) return {400, "obs_fold", "a header line begins with white space"};
      return {400, "space_in_field_name", "white space in or behind a header name"};
    default:
      return {400, "bad_field_name", "a header name holds a character that is no token"};
  }
}

Refusal wrong_value_byte(char byte) noexcept {
  if (byte == '\n') return {400, "bare_lf", "a line ends in LF without CR"};
  return {400, "bad_field_value", "a header value holds a control character"};
}

constexpr Refusal kBareCr{400, "bare_cr", "a CR is not followed by LF"};

}  // namespace

void FieldParser::start(std::size_t at) noexcept {
  state_ = State::kLineStart;
  line_ = position_ = at;
  seen_ = repeated_ = 0;
  spans_.clear();
}

// The bounds cut what parse_line() may look at, so that a verdict never depends on how the bytes
// arrived.
Progress FieldParser::parse(std::string_view bytes) {
  for (;;) {
    const std::size_t bound = std::min(line_ + limits_.field_bytes, limits_.head_bytes);
    const Step step = parse_line(bytes.substr(0, std::min(bytes.size(), bound)));
    if (step == Step::kLineEnded) continue;
    if (step == Step::kSectionEnded) return Progress::kComplete;
    if (step == Step::kRefused) return Progress::kRefused;
    if (bytes.size() <= bound) return Progress::kIncomplete;
    if (bound == limits_.head_bytes) {
      refuse({431, "head_too_large", "the header section exceeds its limit"});
    } else {
      refuse({431, "field_too_large", "a header field exceeds its limit"});
    }
    return Progress::kRefused;
  }
}

// Goes on with the current line. The states follow one another, so a whole line is one pass down.
FieldParser::Step FieldParser::parse_line(std::string_view bytes) {
  const char* const base = bytes.data();
  const char* const end = base + bytes.size();
  const char* at = base + position_;
  const auto offset = [&] { return static_cast<std::uint32_t>(at - base); };
  const auto starved = [&] { return position_ = offset(), Step::kStarved; };
  switch (state_) {
    case State::kLineStart:
      if (at == end) return starved();
      if (*at == '\r') return position_ = offset() + 1, state_ = State::kEndLf, Step::kLineEnded;
      if (spans_.size() == limits_.fields) {
        return refuse({431, "too_many_fields", "the message has more header fields than allowed"});
      }
      spans_.emplace_back().name.at = offset();
      state_ = State::kName;
      [[fallthrough]];
    case State::kName:
      at = skip_token(at, end);
      if (at == end) return starved();
      span().name.size = offset() - span().name.at;
      if (*at != ':' || span().name.size == 0) {
        return refuse(wrong_name_byte(*at, span().name.size == 0));
      }
      if (!end_name(span().name.of(bytes))) return Step::kRefused;
      ++at;
      state_ = State::kValueStart;
      [[fallthrough]];
    case State::kValueStart:
      while (at != end && is_blank(*at)) ++at;
      if (at == end) return starved();
      span().value.at = offset();
      state_ = State::kValue;
      [[fallthrough]];
    case State::kValue:
      at = skip_field_value(at, end);
      if (at == end) return starved();
      if (*at != '\r') return refuse(wrong_value_byte(*at));
      end_value(base, offset());
      ++at;
      state_ = State::kLineLf;
      [[fallthrough]];
    case State::kLineLf:
      if (at == end) return starved();
      if (*at != '\n') return refuse(kBareCr);
      position_ = line_ = offset() + 1;
      state_ = State::kLineStart;
      return Step::kLineEnded;
    case State::kEndLf:
      if (at == end) return starved();
      if (*at != '\n') return refuse(kBareCr);
      position_ = offset() + 1;
      return Step::kSectionEnded;
  }
  __builtin_unreachable();
}

bool FieldParser::end_name(std::string_view name) {
  const HeaderId id = header_id(name);
  span().id = id;
  if (id != HeaderId::kOther) {
    repeated_ |= seen_ & bit(id);
    seen_ |= bit(id);
    return true;
  }
  if (!imitates_guarded(name)) return true;
  refuse({400, "guarded_field_spelling", "a guarded header name is spelt with an underscore"});
  return false;
}

void FieldParser::end_value(const char* base, std::uint32_t end) noexcept {
  TextPart& value = span().value;
  while (end > value.at && is_blank(base[end - 1])) --end;
  value.size = end - value.at;
}

FieldParser::Step FieldParser::refuse(const Refusal& refusal) noexcept {
  refusal_ = refusal;
  return Step::kRefused;
}

void FieldParser::add_to(Headers& headers, std::string_view bytes) const {
  headers.reserve(headers.size() + spans_.size() + kSpareFields);
  for (const Span& span : spans_) {
    headers.add_view(span.id, span.name.of(bytes), span.value.of(bytes), Grammar::kChecked);
  }
}

}  // namespace outrigger::http
