#include "proxy/base/json_writer.h"

#include <array>
#include <cstring>

#include "proxy/base/buffer.h"

namespace outrigger {
namespace {

enum Kind : std::uint8_t { kPlain, kEscape, kMultiByte };

constexpr std::array<std::uint8_t, 256> make_kinds() {
  std::array<std::uint8_t, 256> kinds{};
  for (int c = 0; c < 0x20; ++c) kinds[static_cast<std::size_t>(c)] = kEscape;
  kinds['"'] = kinds['\\'] = kinds[0x7f] = kEscape;
  for (std::size_t c = 0x80; c < 256; ++c) kinds[c] = kMultiByte;
  return kinds;
}
constexpr std::array<std::uint8_t, 256> kKinds = make_kinds();

// Bytes of the well-formed UTF-8 sequence at the front of `text` (Unicode table 3-7), or 0; then
// `bad` is the length of the maximal invalid part. `text` starts with a byte above 0x7f.
std::size_t sequence(std::string_view text, std::size_t& bad) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  bad = 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead == 0xe0) low = 0xa0;   // overlong
  if (lead == 0xed) high = 0x9f;  // surrogates
  if (lead == 0xf0) low = 0x90;   // overlong
  if (lead == 0xf4) high = 0x8f;  // above U+10FFFF
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return bad = i, 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

char* copy(char* at, std::string_view text) noexcept {
  copy_short(at, text.data(), text.size());
  return at + text.size();
}

char* write_escape(char* at, char c) noexcept {
  switch (c) {
    case '"':
      return copy(at, "\\\"");
    case '\\':
      return copy(at, "\\\\");
    case '\n':
      return copy(at, "\\n");
    case '\r':
      return copy(at, "\\r");
    case '\t':
      return copy(at, "\\t");
    default:
      break;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(c);
  at = copy(at, "\\u00");
  *at++ = kHex[value >> 4];
  *at++ = kHex[value & 15];
  return at;
}

// Nothing to escape, nothing beyond ASCII: nearly every text, told eight bytes at a time.
bool is_plain(std::string_view text) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto zero_in = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  std::uint64_t found = 0;
  std::size_t i = 0;
  for (; i + sizeof found <= text.size(); i += sizeof found) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof word);
    // Below 0x20, a quote, a backslash, DEL, above 0x7f: each sets the top bit of a byte. A borrow
    // may set one too many, which only sends the text the long way.
    found |= (word - kOnes * 0x20) | zero_in(word ^ (kOnes * '"')) |
             zero_in(word ^ (kOnes * '\\')) | zero_in(word ^ (kOnes * 0x7f)) | word;
  }
  if ((found & kHighs) != 0) return false;
  for (; i < text.size(); ++i) {
    if (kKinds[static_cast<unsigned char>(text[i])] != kPlain) return false;
  }
  return true;
}

}  // namespace

char* write_json_string(char* at, std::string_view text) noexcept {
  *at++ = '"';
  if (is_plain(text)) {
    at = copy(at, text);
    *at++ = '"';
    return at;
  }
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t kind = kKinds[static_cast<unsigned char>(text[i])];
    std::size_t length = 1;
    if (kind == kPlain) {
      *at++ = text[i];
    } else if (kind == kEscape) {
      at = write_escape(at, text[i]);
    } else if (const std::size_t good = sequence(text.substr(i), length); good != 0) {
      at = copy(at, text.substr(i, good));
      length = good;
    } else {
      at = copy(at, "\\ufffd");
    }
    i += length;
  }
  *at++ = '"';
  return at;
}

char* write_milliseconds(char* at, Duration value) noexcept {
  const std::int64_t micros = value.count() > 0 ? value.count() / 1000 : 0;
  if (micros < 10'000) {  // nearly every time that a log line tells
    *at++ = static_cast<char>('0' + micros / 1000);
  } else {
    at = std::to_chars(at, at + 20, micros / 1000).ptr;
  }
  const auto fraction = static_cast<unsigned>(micros % 1000);
  *at++ = '.';
  *at++ = static_cast<char>('0' + fraction / 100);
  *at++ = static_cast<char>('0' + fraction / 10 % 10);
  *at++ = static_cast<char>('0' + fraction % 10);
  return at;
}

void append_json_string(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + text.size() * kMostEscaped + 2, [&](char* all, std::size_t) {
    return static_cast<std::size_t>(write_json_string(all + before, text) - all);
  });
}

void append_milliseconds(std::string& out, Duration value) {
  char text[24];
  out.append(text, write_milliseconds(text, value));
}

void JsonWriter::key(std::string_view name) {
  comma();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  comma_ = false;
}

void JsonWriter::value(std::string_view text) {
  comma();
  append_json_string(out_, text);
}

void JsonWriter::plain(std::string_view text) {
  comma();
  out_ += '"';
  out_ += text;
  out_ += '"';
}

void JsonWriter::value(bool truth) {
  raw(truth ? "true" : "false");
}

void JsonWriter::value(Duration time) {
  comma();
  append_milliseconds(out_, time);
}

void JsonWriter::raw(std::string_view text) {
  comma();
  out_ += text;
}

void JsonWriter::open(char bracket) {
  comma();
  out_ += bracket;
  comma_ = false;
}

void JsonWriter::close(char bracket) {
  out_ += bracket;
  comma_ = true;
}

}  // namespace outrigger
