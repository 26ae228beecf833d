// Parses the field lines of a head or a trailer section, up to and with its blank line (RFC 9112
// 5). One pass over contiguous bytes that may grow and move between calls: results are offsets.
// Never rescans. Owned by the parser of the message.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/http/headers.h"

namespace outrigger::http {

// Bounds on one head, or on one trailer section. All below 4 GiB.
struct HeadLimits {
  std::size_t head_bytes = 65536;  // all of it, with the blank line
  std::size_t field_bytes =
      16384;  // one line, with its CRLF; also bounds the request or status line
  std::uint32_t fields = 100;
};

// Why a message is refused: what to answer, a stable code, one line for a person. All literals.
struct Refusal {
  int status = 400;
  std::string_view code;
  std::string_view detail;
};

enum class Progress { kIncomplete, kComplete, kRefused };

// How far the parsing of one line got.
enum class LineStep : std::uint8_t { kStarved, kLineEnded, kSectionEnded, kRefused };

// A piece of a message as offsets, which outlive a move of its bytes.
struct TextPart {
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  [[nodiscard]] std::string_view of(std::string_view bytes) const noexcept {
    return {bytes.data() + at, size};
  }
};

class FieldParser {
 public:
  explicit FieldParser(HeadLimits limits) noexcept : limits_(limits) {}

  // Begins a section at offset `at` of the bytes that parse() will get.
  void start(std::size_t at) noexcept;
  // `bytes` is everything since the message began, at least as long as at the last call.
  Progress parse(std::string_view bytes);

  // After kComplete: the offset behind the blank line.
  [[nodiscard]] std::size_t end() const noexcept { return position_; }
  // After kRefused.
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
  [[nodiscard]] bool seen(HeaderId id) const noexcept { return (seen_ & bit(id)) != 0; }
  [[nodiscard]] bool repeated(HeaderId id) const noexcept { return (repeated_ & bit(id)) != 0; }
  [[nodiscard]] std::size_t count() const noexcept { return spans_.size(); }
  // Values of all fields of that id, in order: call `f(value)` for each.
  template <class F>
  void for_each(HeaderId id, std::string_view bytes, F f) const {
    for (const Span& span : spans_) {
      if (span.id == id) f(span.value.of(bytes));
    }
  }
  // Adds the fields to `headers` as views into `bytes`, which the caller makes the list keep.
  void add_to(Headers& headers, std::string_view bytes) const;

 private:
  enum class State : std::uint8_t { kLineStart, kName, kValueStart, kValue, kLineLf, kEndLf };
  struct Span {
    TextPart name;
    TextPart value;
    HeaderId id = HeaderId::kOther;
  };
  static constexpr std::uint64_t bit(HeaderId id) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(id);
  }
  using Step = LineStep;
  Step parse_line(std::string_view bytes);
  bool end_name(std::string_view name);
  void end_value(const char* base, std::uint32_t end) noexcept;
  Span& span() noexcept { return spans_.back(); }
  Step refuse(const Refusal& refusal) noexcept;

  HeadLimits limits_;
  State state_ = State::kLineStart;
  std::size_t line_ = 0;      // offset where the current line begins
  std::size_t position_ = 0;  // offset of the first byte not yet looked at
  std::uint64_t seen_ = 0;
  std::uint64_t repeated_ = 0;
  std::vector<Span> spans_;  // the last one is being read
  Refusal refusal_;
};

}  // namespace outrigger::http
