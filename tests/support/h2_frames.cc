#include "tests/support/h2_frames.h"

namespace outrigger::test {
namespace {

// An HPACK integer with a prefix of 7 bits (RFC 7541 5.1).
std::string hpack_length(std::size_t value) {
  if (value < 127) return std::string(1, static_cast<char>(value));
  std::string bytes(1, '\x7f');
  for (value -= 127; value >= 128; value >>= 7) bytes += static_cast<char>(128 | (value & 127));
  return bytes + static_cast<char>(value);
}

std::uint32_t number(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const unsigned char byte : bytes) value = value << 8 | byte;
  return value;
}

}  // namespace

std::string big_endian_32(std::uint32_t value) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value >> (24 - 8 * i));
  return bytes;
}

std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                     std::string_view payload) {
  std::string bytes = big_endian_32(static_cast<std::uint32_t>(payload.size())).substr(1);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += big_endian_32(stream);
  return bytes.append(payload);
}

std::string hpack_literals(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += '\0';
    block += hpack_length(name.size()) + name + hpack_length(value.size()) + value;
  }
  return block;
}

Fields h2_get(std::string_view path) {
  return {
      {":method", "GET"}, {":scheme", "http"}, {":path", std::string(path)}, {":authority", "h"}};
}

H2FrameReader::Got H2FrameReader::next(Frame& frame, Deadline deadline) {
  constexpr std::size_t kHeader = 9;
  for (;;) {
    if (buffer_.size() >= kHeader) {
      const std::size_t size = number(std::string_view(buffer_).substr(0, 3));
      if (buffer_.size() >= kHeader + size) {
        frame.type = static_cast<std::uint8_t>(buffer_[3]);
        frame.flags = static_cast<std::uint8_t>(buffer_[4]);
        frame.stream = number(std::string_view(buffer_).substr(5, 4));
        frame.payload = buffer_.substr(kHeader, size);
        buffer_.erase(0, kHeader + size);
        return Got::kFrame;
      }
    }
    const Channel::Status status = channel_->read(buffer_, deadline);
    if (status == Channel::Status::kWouldBlock) return Got::kTimeout;
    if (status != Channel::Status::kDone) return Got::kEnd;
  }
}

}  // namespace outrigger::test
