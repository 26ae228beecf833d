#include "proxy/base/json_checker.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace outrigger {
namespace {

constexpr bool is_space(char byte) noexcept {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}
constexpr bool is_digit(char byte) noexcept {
  return byte >= '0' && byte <= '9';
}
constexpr bool is_hex(char byte) noexcept {
  return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}
constexpr bool is_plain(char byte) noexcept {
  return byte != '"' && byte != '\\' && static_cast<unsigned char>(byte) >= 0x20;
}

// How many bytes from the front are inside a string for sure.
std::size_t plain_bytes(std::string_view text) noexcept {
  std::size_t at = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i last_control = _mm_set1_epi8(0x1f);
  for (; text.size() - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + at));
    const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, last_control), last_control);
    const __m128i special = _mm_or_si128(
        control, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(special));
    if (mask != 0) return at + static_cast<std::size_t>(__builtin_ctz(mask));
  }
#endif
  while (at < text.size() && is_plain(text[at])) ++at;
  return at;
}

}  // namespace

JsonChecker::State JsonChecker::state() const noexcept {
  if (at_ == At::kDone) return State::kDone;
  return at_ == At::kInvalid ? State::kInvalid : State::kMore;
}

bool JsonChecker::finish() const noexcept {
  if (at_ == At::kDone) return true;
  return depth_ == 0 && (at_ == At::kZero || at_ == At::kInteger || at_ == At::kFraction ||
                         at_ == At::kExponentDigits);
}

std::size_t JsonChecker::feed(std::string_view piece) noexcept {
  std::size_t at = 0;
  while (at < piece.size() && at_ < At::kDone) {
    if (at_ == At::kString) {
      at += plain_bytes(piece.substr(at));
      if (at == piece.size()) break;
    }
    if (step(piece[at]) == Step::kTaken) ++at;
  }
  return at;
}

JsonChecker::Step JsonChecker::step(char byte) noexcept {
  if (at_ >= At::kMinus) return step_number(byte);
  if (at_ >= At::kString && at_ <= At::kHex) return step_string(byte);
  if (at_ == At::kLiteral) {
    if (byte != literal_.front()) {
      at_ = At::kInvalid;
      return Step::kAgain;
    }
    literal_.remove_prefix(1);
    if (literal_.empty()) end_value();
    return Step::kTaken;
  }
  if (is_space(byte)) return Step::kTaken;
  switch (at_) {
    case At::kFirstElement:
      if (byte == ']') {
        close(byte);
        return Step::kTaken;
      }
      return begin_value(byte);
    case At::kFirstKey:
    case At::kKey:
      if (byte == '"') {
        key_ = true;
        at_ = At::kString;
      } else if (byte == '}' && at_ == At::kFirstKey) {
        close(byte);
      } else {
        at_ = At::kInvalid;
      }
      break;
    case At::kColon:
      at_ = byte == ':' ? At::kValue : At::kInvalid;
      break;
    case At::kAfterValue:
      if (byte == ',') {
        at_ = in_object() ? At::kKey : At::kValue;
      } else {
        close(byte);
      }
      break;
    default:
      return begin_value(byte);
  }
  return at_ == At::kInvalid ? Step::kAgain : Step::kTaken;
}

JsonChecker::Step JsonChecker::begin_value(char byte) noexcept {
  const auto literal = [this](std::string_view rest) {
    literal_ = rest;
    at_ = At::kLiteral;
  };
  switch (byte) {
    case '{':
    case '[':
      open(byte);
      break;
    case '"':
      key_ = false;
      at_ = At::kString;
      break;
    case 't':
      literal("rue");
      break;
    case 'f':
      literal("alse");
      break;
    case 'n':
      literal("ull");
      break;
    case '-':
      at_ = At::kMinus;
      break;
    case '0':
      at_ = At::kZero;
      break;
    default:
      at_ = is_digit(byte) ? At::kInteger : At::kInvalid;
      break;
  }
  return at_ == At::kInvalid ? Step::kAgain : Step::kTaken;
}

// RFC 8259 6. A byte that is no part of the number ends it where it may end.
JsonChecker::Step JsonChecker::step_number(char byte) noexcept {
  const bool digit = is_digit(byte);
  const bool exponent = byte == 'e' || byte == 'E';
  const auto go = [this](At next) {
    at_ = next;
    return next == At::kInvalid ? Step::kAgain : Step::kTaken;
  };
  const auto end = [this] {
    end_value();
    return Step::kAgain;
  };
  switch (at_) {
    case At::kMinus:
      if (byte == '0') return go(At::kZero);
      return go(digit ? At::kInteger : At::kInvalid);
    case At::kZero:
    case At::kInteger:
      if (digit && at_ == At::kInteger) return Step::kTaken;
      if (byte == '.') return go(At::kPoint);
      if (exponent) return go(At::kExponent);
      return end();
    case At::kPoint:
      return go(digit ? At::kFraction : At::kInvalid);
    case At::kFraction:
      if (digit) return Step::kTaken;
      return exponent ? go(At::kExponent) : end();
    case At::kExponent:
      if (byte == '+' || byte == '-') return go(At::kExponentSign);
      return go(digit ? At::kExponentDigits : At::kInvalid);
    case At::kExponentSign:
      return go(digit ? At::kExponentDigits : At::kInvalid);
    default:
      return digit ? Step::kTaken : end();
  }
}

JsonChecker::Step JsonChecker::step_string(char byte) noexcept {
  switch (at_) {
    case At::kEscape:
      if (byte == 'u') {
        hex_ = 4;
        at_ = At::kHex;
      } else {
        constexpr std::string_view kEscapes = "\"\\/bfnrt";
        at_ = kEscapes.contains(byte) ? At::kString : At::kInvalid;
      }
      break;
    case At::kHex:
      if (!is_hex(byte)) {
        at_ = At::kInvalid;
      } else if (--hex_ == 0) {
        at_ = At::kString;
      }
      break;
    default:
      if (byte == '"') {
        if (key_) {
          at_ = At::kColon;
        } else {
          end_value();
        }
      } else if (byte == '\\') {
        at_ = At::kEscape;
      } else if (!is_plain(byte)) {
        at_ = At::kInvalid;
      }
      break;
  }
  return at_ == At::kInvalid ? Step::kAgain : Step::kTaken;
}

void JsonChecker::open(char bracket) noexcept {
  if (depth_ == kMaxDepth) {
    at_ = At::kInvalid;
    return;
  }
  const std::uint64_t bit = std::uint64_t{1} << (depth_ % 64);
  std::uint64_t& word = objects_[depth_ / 64];
  word = bracket == '{' ? word | bit : word & ~bit;
  ++depth_;
  at_ = bracket == '{' ? At::kFirstKey : At::kFirstElement;
}

void JsonChecker::close(char bracket) noexcept {
  if (bracket != (in_object() ? '}' : ']')) {
    at_ = At::kInvalid;
    return;
  }
  --depth_;
  end_value();
}

bool is_json(std::string_view text) noexcept {
  JsonChecker checker;
  text.remove_prefix(checker.feed(text));
  if (!checker.finish()) return false;
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text.empty();
}

}  // namespace outrigger
