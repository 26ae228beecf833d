// HTTP/2 frames made by hand (RFC 9113 4.1), for peers that misbehave.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/channel.h"
#include "tests/support/message.h"

namespace outrigger::test {

inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

namespace frame_type {
inline constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRstStream = 3, kSettings = 4,
                              kPushPromise = 5, kPing = 6, kGoaway = 7, kWindowUpdate = 8,
                              kContinuation = 9;
}
namespace frame_flag {
inline constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
}

std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                     std::string_view payload = {});
// Each field a literal without indexing and without Huffman coding (RFC 7541 6.2.2).
std::string hpack_literals(const Fields& fields);
std::string big_endian_32(std::uint32_t value);
// The pseudo-fields of a GET.
Fields h2_get(std::string_view path);

// Frames as they come from the other side.
class H2FrameReader {
 public:
  explicit H2FrameReader(Channel& channel) : channel_(&channel) {}
  struct Frame {
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
    std::string payload;
  };
  enum class Got { kFrame, kEnd, kTimeout };
  Got next(Frame& frame, Deadline deadline = Deadline());

 private:
  Channel* channel_;
  std::string buffer_;
};

}  // namespace outrigger::test
