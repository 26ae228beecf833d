#include "proxy/mock/event_stream.h"

#include <cstdint>

#include "proxy/mock/checksum.h"

namespace outrigger::mock {
namespace {

constexpr std::size_t kOverhead = 16;  // two lengths and two checksums
constexpr char kString = 7;

void big_endian(std::string& out, std::size_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

std::string encoded(const FrameHeaders& headers) {
  std::string out;
  for (const auto& [name, value] : headers) {
    big_endian(out, name.size(), 1);
    out += name;
    out += kString;
    big_endian(out, value.size(), 2);
    out += value;
  }
  return out;
}

}  // namespace

std::string event_stream_frame(const FrameHeaders& headers, std::string_view payload) {
  const std::string fields = encoded(headers);
  std::string frame;
  big_endian(frame, kOverhead + fields.size() + payload.size(), 4);
  big_endian(frame, fields.size(), 4);
  big_endian(frame, crc32(frame), 4);
  frame += fields;
  frame += payload;
  big_endian(frame, crc32(frame), 4);
  return frame;
}

std::string event_frame(std::string_view type, std::string_view json) {
  return event_stream_frame(
      {{":event-type", type}, {":content-type", "application/json"}, {":message-type", "event"}},
      json);
}

std::string exception_frame(std::string_view type, std::string_view json) {
  return event_stream_frame({{":exception-type", type},
                             {":content-type", "application/json"},
                             {":message-type", "exception"}},
                            json);
}

}  // namespace outrigger::mock
