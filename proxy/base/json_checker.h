// Whether bytes are one JSON value (RFC 8259), fed piece by piece: no tree, no allocation, no copy.
// Strict but for two things: text is not checked for being UTF-8, and a value nested deeper than
// kMaxDepth is refused. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace outrigger {

class JsonChecker {
 public:
  static constexpr std::size_t kMaxDepth = 512;
  enum class State : std::uint8_t { kMore, kDone, kInvalid };

  // Takes the next piece and returns how much of it belongs to the value: all of it unless state()
  // is kDone or kInvalid afterwards. The end of a number is known by the byte behind it only.
  std::size_t feed(std::string_view piece) noexcept;
  [[nodiscard]] State state() const noexcept;
  // The text has ended: whether it held a whole value.
  [[nodiscard]] bool finish() const noexcept;

 private:
  enum class At : std::uint8_t {
    kValue,         // a value
    kFirstElement,  // a value or ]
    kFirstKey,      // a key or }
    kKey,
    kColon,
    kAfterValue,  // a comma or the end of what is open
    kString,
    kEscape,
    kHex,
    kLiteral,  // the rest of true, false or null
    kMinus,
    kZero,
    kInteger,
    kPoint,
    kFraction,
    kExponent,
    kExponentSign,
    kExponentDigits,
    kDone,
    kInvalid
  };
  enum class Step : std::uint8_t { kTaken, kAgain };  // kAgain: the byte belongs to what follows

  Step step(char byte) noexcept;
  Step begin_value(char byte) noexcept;
  Step step_number(char byte) noexcept;
  Step step_string(char byte) noexcept;
  void open(char bracket) noexcept;
  void close(char bracket) noexcept;
  void end_value() noexcept { at_ = depth_ == 0 ? At::kDone : At::kAfterValue; }
  [[nodiscard]] bool in_object() const noexcept {
    return (objects_[(depth_ - 1) / 64] >> ((depth_ - 1) % 64) & 1) != 0;
  }

  At at_ = At::kValue;
  bool key_ = false;                                     // the string at hand is a key
  std::uint8_t hex_ = 0;                                 // digits due of \u
  std::uint16_t depth_ = 0;                              // open arrays and objects
  std::string_view literal_;                             // bytes due of a literal
  std::array<std::uint64_t, kMaxDepth / 64> objects_{};  // a bit a level: an object, else an array
};

// Whether `text` is one JSON value with nothing but white space around it.
[[nodiscard]] bool is_json(std::string_view text) noexcept;

}  // namespace outrigger
