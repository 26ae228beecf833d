#include "proxy/mock/checksum.h"

#include <algorithm>
#include <array>

namespace outrigger::mock {
namespace {

constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? 0xEDB88320U ^ (value >> 1) : value >> 1;
    table[byte] = value;
  }
  return table;
}();

void little_endian(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) noexcept {
  std::uint32_t value = ~0U;
  for (const char c : bytes)
    value = kCrcTable[(value ^ static_cast<unsigned char>(c)) & 0xFF] ^ (value >> 8);
  return ~value;
}

std::string gzip_stored(std::string_view bytes) {
  using namespace std::string_literals;
  constexpr std::size_t kMostStored = 0xFFFF;
  std::string out = "\x1f\x8b\x08\0\0\0\0\0\0\xff"s;
  std::string_view rest = bytes;
  do {
    const std::string_view block = rest.substr(0, kMostStored);
    rest.remove_prefix(block.size());
    out += rest.empty() ? '\x01' : '\0';
    const auto size = static_cast<std::uint32_t>(block.size());
    little_endian(out, size, 2);
    little_endian(out, ~size, 2);
    out += block;
  } while (!rest.empty());
  little_endian(out, crc32(bytes), 4);
  little_endian(out, static_cast<std::uint32_t>(bytes.size()), 4);
  return out;
}

std::uint64_t fnv1a(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = (group << 8) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= count ? kAlphabet[(group >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

}  // namespace outrigger::mock
