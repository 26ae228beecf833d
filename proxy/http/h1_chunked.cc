#include "proxy/http/h1_chunked.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"
#include "proxy/http/hop_by_hop.h"

namespace outrigger::http {
namespace {

constexpr std::uint8_t kSizeDigits = 16;
constexpr std::uint64_t kLargestSize = (std::uint64_t{1} << 63) - 1;

unsigned hex_value(char digit) noexcept {
  return digit <= '9' ? static_cast<unsigned>(digit - '0')
                      : static_cast<unsigned>((digit | 0x20) - 'a') + 10;
}

// RFC 9110 5.6.4, without the delimiters.
bool is_quoted_text(char byte) noexcept {
  return in_class(byte, CharClass::kFieldByte) && byte != '"' && byte != '\\';
}

}  // namespace

struct ChunkedDecoder::Trailers {
  explicit Trailers(HeadLimits limits) : parser(limits) { parser.start(0); }
  FieldParser parser;
  Buffer bytes;  // of the trailer section so far, and perhaps some behind its end
};

ChunkedDecoder::ChunkedDecoder(HeadLimits trailer_limits) noexcept : limits_(trailer_limits) {}
ChunkedDecoder::ChunkedDecoder(ChunkedDecoder&&) noexcept = default;
ChunkedDecoder& ChunkedDecoder::operator=(ChunkedDecoder&&) noexcept = default;
ChunkedDecoder::~ChunkedDecoder() = default;

ChunkedDecoder::Event ChunkedDecoder::next(std::string_view& in, std::string_view& data) {
  while (!in.empty()) {
    // Without trailers, which is nearly always, the section is only CRLF and costs nothing.
    if (state_ == State::kLastLine && in.front() != '\r') state_ = State::kTrailers;
    if (state_ == State::kTrailers) return read_trailers(in);
    if (state_ == State::kData) {
      data = in.substr(0, std::min<std::uint64_t>(left_, in.size()));
      in.remove_prefix(data.size());
      left_ -= data.size();
      if (left_ == 0) state_ = State::kDataCr;
      return Event::kData;
    }
    if (state_ == State::kDone || !step(in.front())) break;
    in.remove_prefix(1);
  }
  if (state_ == State::kDone) return Event::kEnd;
  return state_ == State::kRefused ? Event::kRefused : Event::kNeedMore;
}

// Everything but data and trailers, byte by byte; false when the byte is refused.
bool ChunkedDecoder::step(char byte) {
  switch (state_) {
    case State::kSize:
      return step_size(byte);
    case State::kSizeLf:
      if (byte != '\n') return refuse({400, "bare_cr", "a CR is not followed by LF"});
      state_ = left_ == 0 ? State::kLastLine : State::kData;
      return true;
    case State::kFinalLf:
      if (byte != '\n') return refuse({400, "bare_cr", "a CR is not followed by LF"});
      state_ = State::kDone;
      return true;
    case State::kLastLine:
      return state_ = State::kFinalLf, true;
    case State::kDataCr:
      if (byte != '\r') return refuse({400, "bad_chunk_end", "chunk data is not followed by CRLF"});
      state_ = State::kDataLf;
      return true;
    case State::kDataLf:
      if (byte != '\n') return refuse({400, "bad_chunk_end", "chunk data is not followed by CRLF"});
      state_ = State::kSize;
      digits_ = 0;
      chunk_extension_bytes_ = 0;
      return true;
    case State::kRefused:
      return false;
    default:
      return step_extension(byte);
  }
}

bool ChunkedDecoder::step_size(char byte) {
  if (in_class(byte, CharClass::kHexDigit)) {
    left_ = (digits_ == 0 ? 0 : left_ << 4) | hex_value(byte);
    if (++digits_ <= kSizeDigits && left_ <= kLargestSize) return true;
    return refuse({400, "chunk_too_large", "a chunk size has more than 16 digits or overflows"});
  }
  if (digits_ == 0) return refuse({400, "bad_chunk_size", "a chunk does not begin with its size"});
  return end_element(byte);
}

// chunk-ext without white space (RFC 9112 7.1.1 calls it bad): *( ";" token [ "=" ( token / quoted
// ) ] ).
bool ChunkedDecoder::step_extension(char byte) {
  if (++chunk_extension_bytes_ > kExtensionBytesPerChunk ||
      ++body_extension_bytes_ > kExtensionBytesPerBody) {
    return refuse({400, "chunk_extension_too_large", "chunk extensions exceed their limit"});
  }
  const bool token = in_class(byte, CharClass::kToken);
  switch (state_) {
    case State::kExtensionName:
      if (!token) return bad_extension();
      state_ = State::kExtensionNameMore;
      return true;
    case State::kExtensionNameMore:
      if (token) return true;
      if (byte != '=') return end_element(byte);
      state_ = State::kExtensionValue;
      return true;
    case State::kExtensionValue:
      if (!token && byte != '"') return bad_extension();
      state_ = token ? State::kExtensionValueMore : State::kExtensionQuoted;
      return true;
    case State::kExtensionValueMore:
      return token || end_element(byte);
    case State::kExtensionQuoted:
      if (is_quoted_text(byte)) return true;
      if (byte != '"' && byte != '\\') return bad_extension();
      state_ = byte == '"' ? State::kExtensionQuotedEnd : State::kExtensionEscape;
      return true;
    case State::kExtensionEscape:
      if (!in_class(byte, CharClass::kFieldByte)) return bad_extension();
      state_ = State::kExtensionQuoted;
      return true;
    default:
      return end_element(byte);
  }
}

// What may follow a size, an extension's name or its value: another extension, or the line's end.
bool ChunkedDecoder::end_element(char byte) {
  if (byte == '\r' || byte == ';') {
    state_ = byte == '\r' ? State::kSizeLf : State::kExtensionName;
    return true;
  }
  if (byte == '\n') return refuse({400, "bare_lf", "a line ends in LF without CR"});
  return state_ == State::kSize
             ? refuse({400, "bad_chunk_size", "a chunk size holds something else than hex digits"})
             : bad_extension();
}

bool ChunkedDecoder::bad_extension() noexcept {
  return refuse({400, "bad_chunk_extension", "a chunk extension is malformed"});
}

bool ChunkedDecoder::refuse(const Refusal& refusal) noexcept {
  state_ = State::kRefused;
  refusal_ = refusal;
  return false;
}

ChunkedDecoder::Event ChunkedDecoder::read_trailers(std::string_view& in) {
  if (section_ == nullptr) section_ = std::make_unique<Trailers>(limits_);
  Buffer& bytes = section_->bytes;
  const std::size_t before = bytes.size();
  // One byte above the limit is enough to refuse.
  bytes.append(in.substr(0, limits_.head_bytes + 1 - before));
  const Progress progress = section_->parser.parse(bytes.view());
  if (progress == Progress::kIncomplete) {
    in = {};
    return Event::kNeedMore;
  }
  if (progress == Progress::kRefused) {
    refuse(section_->parser.refusal());
  } else if (keep_trailers(bytes.view().substr(0, section_->parser.end()))) {
    in.remove_prefix(section_->parser.end() - before);
    state_ = State::kDone;
  }
  section_.reset();
  return state_ == State::kDone ? Event::kEnd : Event::kRefused;
}

bool ChunkedDecoder::keep_trailers(std::string_view section) {
  auto fields = std::make_unique<Headers>();
  Slice copy = Slice::copy(section);
  section_->parser.add_to(*fields, copy.view());
  fields->keep(std::move(copy));
  const auto has = [](TrailerRule rule) {
    return [rule](const Field& field) { return trailer_rule(field) == rule; };
  };
  if (std::ranges::any_of(*fields, has(TrailerRule::kRefuse))) {
    return refuse(
        {400, "forbidden_trailer", "a trailer field would change framing, routing or rights"});
  }
  std::erase_if(fields->fields(), has(TrailerRule::kDrop));
  if (!fields->empty()) trailers_ = std::move(fields);
  return true;
}

}  // namespace outrigger::http
