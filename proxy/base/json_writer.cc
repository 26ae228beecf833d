#include "proxy/base/json_writer.h"

#include <array>
#include <cstring>

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

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHex[value >> 4];
  out += kHex[value & 15];
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
    // Below 0x20, a quote, a backslash, DEL, above 0x7f: each sets the top bit of a byte. A borrow may set
    // one too many, which only sends the text the long way.
    found |= (word - kOnes * 0x20) | zero_in(word ^ (kOnes * '"')) | zero_in(word ^ (kOnes * '\\')) |
             zero_in(word ^ (kOnes * 0x7f)) | word;
  }
  if ((found & kHighs) != 0) return false;
  for (; i < text.size(); ++i) {
    if (kKinds[static_cast<unsigned char>(text[i])] != kPlain) return false;
  }
  return true;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  if (is_plain(text)) return append_quoted(out, text);
  out += '"';
  std::size_t plain = 0;  // start of what is not yet appended
  for (std::size_t i = 0; i < text.size();) {
    const std::uint8_t kind = kKinds[static_cast<unsigned char>(text[i])];
    if (kind == kPlain) {
      ++i;
      continue;
    }
    std::size_t bad = 1;
    if (kind == kMultiByte) {
      if (const std::size_t good = sequence(text.substr(i), bad); good != 0) {
        i += good;
        continue;
      }
    }
    out.append(text, plain, i - plain);
    if (kind == kEscape) {
      append_escape(out, text[i]);
    } else {
      out += "\\ufffd";
    }
    i += bad;
    plain = i;
  }
  out.append(text, plain);
  out += '"';
}

void append_milliseconds(std::string& out, Duration value) {
  const std::int64_t micros = value.count() > 0 ? value.count() / 1000 : 0;
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, micros / 1000).ptr;
  const auto fraction = static_cast<unsigned>(micros % 1000);
  out.append(digits, static_cast<std::size_t>(end - digits));
  const char decimals[4] = {'.', static_cast<char>('0' + fraction / 100),
                            static_cast<char>('0' + fraction / 10 % 10),
                            static_cast<char>('0' + fraction % 10)};
  out.append(decimals, sizeof decimals);
}

void JsonWriter::value(std::string_view text) {
  comma();
  append_json_string(out_, text);
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
