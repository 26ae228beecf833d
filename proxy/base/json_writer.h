// Writes JSON by appending to a string that its owner reuses, so a line costs no allocation. Commas
// are put in by itself; that begins and ends match is the caller's duty.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/duration.h"

namespace outrigger {

// Appends `text` between quotes, escaped (RFC 8259 7). Each maximal invalid UTF-8 part becomes
// U+FFFD, so the result is always valid JSON; U+2028 and U+2029 pass.
void append_json_string(std::string& out, std::string_view text);
// The same at `at`, where there is room for kMostEscaped bytes a byte of text and two quotes;
// returns the end.
char* write_json_string(char* at, std::string_view text) noexcept;
inline constexpr std::size_t kMostEscaped = 6;
// Milliseconds with three decimals at `at`, where there is room for 24 bytes; returns the end.
char* write_milliseconds(char* at, Duration value) noexcept;
// Appends milliseconds with three decimals, rounded down: 0.412, 30001.000. Negative counts as 0.
void append_milliseconds(std::string& out, Duration value);

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) noexcept : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  // `name` is a literal of ours that needs no escaping.
  void key(std::string_view name);
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(bool truth);
  void value(Duration time);  // milliseconds
  template <std::integral Integer>
  void value(Integer number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    raw({digits, static_cast<std::size_t>(end - digits)});
  }
  void null() { raw("null"); }
  // A string that is known to need no escaping.
  void plain(std::string_view text);

  template <class T>
  void member(std::string_view name, const T& it) {
    key(name);
    value(it);
  }

 private:
  void raw(std::string_view text);
  void open(char bracket);
  void close(char bracket);
  void comma() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  std::string& out_;
  bool comma_ = false;  // the next key or value is not the first of its object or array
};

}  // namespace outrigger
