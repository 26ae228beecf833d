#include "proxy/http/event_stream_frames.h"

#include <algorithm>
#include <array>
#include <optional>

namespace outrigger::http {
namespace {

constexpr std::size_t kPrelude = 12;  // total length, length of the headers, their sum
constexpr std::size_t kSum = 4;       // of the whole message, behind it
constexpr std::size_t kRetainedBytes = 4096;
constexpr std::uint8_t kText = 7;  // the type of a header whose value is a string

constexpr std::array<std::uint32_t, 256> make_table() noexcept {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t sum = i;
    for (int bit = 0; bit < 8; ++bit) sum = (sum & 1) != 0 ? sum >> 1 ^ 0xEDB88320u : sum >> 1;
    table[i] = sum;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kTable = make_table();

std::uint32_t big_endian(std::string_view bytes, std::size_t count) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}
void append_big_endian(std::string& out, std::uint32_t value, int count) {
  for (int i = count - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

// Takes `count` bytes off the front; absent when there are not so many.
std::optional<std::string_view> take(std::string_view& from, std::size_t count) noexcept {
  if (from.size() < count) return std::nullopt;
  const std::string_view taken = from.substr(0, count);
  from.remove_prefix(count);
  return taken;
}

// The value of a header, by its type: true, false, byte, short, integer, long, byte array, string,
// timestamp, UUID.
std::optional<std::string_view> take_value(std::string_view& from, std::uint8_t type) noexcept {
  constexpr std::array<std::size_t, 10> kSizes = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};
  if (type >= kSizes.size()) return std::nullopt;
  if (type != 6 && type != kText) return take(from, kSizes[type]);
  const auto size = take(from, 2);
  return size ? take(from, big_endian(*size, 2)) : std::nullopt;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_big_endian(out, static_cast<std::uint32_t>(name.size()), 1);
  out += name;
  out += static_cast<char>(kText);
  append_big_endian(out, static_cast<std::uint32_t>(value.size()), 2);
  out += value;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t sum) noexcept {
  sum = ~sum;
  for (const char byte : bytes) {
    sum = kTable[(sum ^ static_cast<unsigned char>(byte)) & 0xff] ^ sum >> 8;
  }
  return ~sum;
}

EventStreamParser::Got EventStreamParser::next(std::string_view& in) {
  if (given_) {
    given_ = false;
    held_.clear();
    if (held_.capacity() > kRetainedBytes) held_.shrink_to_fit();
  }
  while (!broken_) {
    const std::string_view seen = held_.empty() ? in : std::string_view(held_);
    std::size_t wanted = kPrelude;
    if (seen.size() >= kPrelude) {
      wanted = big_endian(seen, 4);
      const std::uint32_t headers = big_endian(seen.substr(4), 4);
      broken_ = crc32(seen.substr(0, 8)) != big_endian(seen.substr(8), 4) || wanted > kMaxFrame ||
                wanted < kPrelude + kSum || headers > wanted - kPrelude - kSum;
      if (broken_) break;
    }
    if (held_.empty() && in.size() >= wanted && wanted > kPrelude) {
      const std::string_view bytes = in.substr(0, wanted);
      in.remove_prefix(wanted);
      if (read(bytes)) return Got::kFrame;
      break;
    }
    const std::size_t more = std::min(wanted - std::min(wanted, held_.size()), in.size());
    held_ += in.substr(0, more);
    in.remove_prefix(more);
    if (held_.size() < wanted) return Got::kNeedMore;
    if (wanted > kPrelude) {
      given_ = true;
      if (read(held_)) return Got::kFrame;
    }
  }
  in.remove_prefix(in.size());
  return Got::kBroken;
}

bool EventStreamParser::read(std::string_view bytes) {
  const std::size_t end = bytes.size() - kSum;
  const std::size_t headers = big_endian(bytes.substr(4), 4);
  frame_ = {};
  frame_.payload = bytes.substr(kPrelude + headers, end - kPrelude - headers);
  broken_ = crc32(bytes.substr(0, end)) != big_endian(bytes.substr(end), kSum) ||
            !read_headers(bytes.substr(kPrelude, headers));
  return !broken_;
}

bool EventStreamParser::read_headers(std::string_view headers) noexcept {
  while (!headers.empty()) {
    const auto name_size = take(headers, 1);
    const auto name = take(headers, static_cast<unsigned char>(name_size->front()));
    const auto type = take(headers, 1);
    if (!name || !type) return false;
    const auto value = take_value(headers, static_cast<std::uint8_t>(type->front()));
    if (!value) return false;
    if (*name == ":message-type") frame_.message_type = *value;
    if (*name == ":event-type") frame_.event_type = *value;
    if (*name == ":exception-type" || *name == ":error-code") frame_.exception_type = *value;
  }
  return true;
}

std::string exception_frame(std::string_view exception_type, std::string_view payload) {
  std::string headers;
  append_header(headers, ":exception-type", exception_type);
  append_header(headers, ":content-type", "application/json");
  append_header(headers, ":message-type", "exception");
  std::string out;
  const std::size_t total = kPrelude + headers.size() + payload.size() + kSum;
  append_big_endian(out, static_cast<std::uint32_t>(total), 4);
  append_big_endian(out, static_cast<std::uint32_t>(headers.size()), 4);
  append_big_endian(out, crc32(out), 4);
  out += headers;
  out += payload;
  append_big_endian(out, crc32(out), 4);
  return out;
}

}  // namespace outrigger::http
