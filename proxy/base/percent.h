// Percent-encoding (RFC 3986 2.1). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace outrigger {

// Of a hexadecimal digit; -1 for any other character.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 2.3: what never needs to be encoded.
constexpr bool is_unreserved(char c) noexcept {
  const char lower = static_cast<char>(c | 0x20);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// The character at the front of `text`, which is not empty, decoded when it is encoded, and how
// many bytes it takes. What is no valid escape stays as it is.
struct PercentCharacter {
  char value;
  std::size_t size;
};
constexpr PercentCharacter percent_front(std::string_view text) noexcept {
  if (text[0] == '%' && text.size() >= 3 && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
    return {static_cast<char>(hex_value(text[1]) * 16 + hex_value(text[2])), 3};
  }
  return {text[0], 1};
}
[[nodiscard]] std::string percent_decoded(std::string_view text);

// All but unreserved characters and those of `keep`.
void append_percent_encoded(std::string& out, std::string_view text, std::string_view keep = {});

}  // namespace outrigger
