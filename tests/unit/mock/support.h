// Requests as the mock's provider gets them, and readers of what it answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/http/message.h"
#include "proxy/http/sse_parser.h"
#include "proxy/mock/checksum.h"
#include "proxy/mock/json.h"
#include "proxy/mock/plan.h"

namespace outrigger::mock {

inline http::RequestHead head_of(std::string_view method, std::string_view target,
                                 const Fields& fields = {}) {
  http::RequestHead head;
  head.method_text = head.headers.intern(method);
  head.method = http::method_of(head.method_text);
  head.target = head.headers.intern(target);
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

inline std::string bytes_of(const Plan& plan) {
  std::string all;
  for (const Piece& piece : plan.pieces) all += piece.bytes;
  return all;
}

inline Json parsed(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << text;
  return json;
}

// The data of each event that a client would act on.
inline std::vector<std::string> sse_data(std::string_view bytes) {
  http::SseParser parser;
  std::vector<std::string> all;
  while (parser.next(bytes) == http::SseParser::Got::kBlock) {
    if (parser.event().dispatched()) all.emplace_back(parser.event().data);
  }
  EXPECT_EQ(parser.pending_bytes(), 0u);
  return all;
}

struct Frame {
  std::string headers, payload;
};

inline std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

// Frames of an event stream, with their lengths and checksums checked.
inline std::vector<Frame> frames_of(std::string_view bytes) {
  std::vector<Frame> frames;
  while (!bytes.empty()) {
    const std::size_t total = bytes.size() < 16 ? 0 : big_endian(bytes);
    if (total < 16 || total > bytes.size()) {
      ADD_FAILURE() << "half a frame";
      return frames;
    }
    const std::size_t headers = big_endian(bytes.substr(4));
    EXPECT_EQ(big_endian(bytes.substr(8)), crc32(bytes.substr(0, 8)));
    EXPECT_EQ(big_endian(bytes.substr(total - 4)), crc32(bytes.substr(0, total - 4)));
    frames.push_back({std::string(bytes.substr(12, headers)),
                      std::string(bytes.substr(12 + headers, total - headers - 16))});
    bytes.remove_prefix(total);
  }
  return frames;
}

}  // namespace outrigger::mock
