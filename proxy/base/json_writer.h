// Writes JSON by appending to a string that its owner reuses, so a line costs no allocation. Commas
// are put in by itself; that begins and ends match is the caller's duty.
#pragma once

#include <algorithm>
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
// Appends milliseconds with three decimals, rounded down: 0.412, 30001.000. Negative counts as 0.
void append_milliseconds(std::string& out, Duration value);

// Appends `text` between quotes as it is.
inline void append_quoted(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + text.size() + 2, [&](char* all, std::size_t size) {
    all[before] = '"';
    std::copy(text.begin(), text.end(), all + before + 1);
    all[size - 1] = '"';
    return size;
  });
}

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) noexcept : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  // `name` is a literal of ours that needs no escaping. Inline, so that its copy is a few fixed moves.
  void key(std::string_view name) {
    const std::size_t before = out_.size();
    out_.resize_and_overwrite(before + name.size() + 4, [&](char* text, std::size_t) {
      char* at = text + before;
      if (comma_) *at++ = ',';
      *at++ = '"';
      at = std::copy(name.begin(), name.end(), at);
      *at++ = '"';
      *at++ = ':';
      return static_cast<std::size_t>(at - text);
    });
    comma_ = false;
  }
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
  void plain(std::string_view text) {
    comma();
    append_quoted(out_, text);
  }

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
