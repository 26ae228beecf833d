#include "proxy/mock/checksum.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/mock/event_stream.h"

namespace outrigger::mock {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

TEST(MockChecksum, Crc32GivesTheCheckValueOfItsCatalogue) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);  // CRC-32/ISO-HDLC
  EXPECT_EQ(crc32(""), 0U);
}

TEST(MockChecksum, Base64GivesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(MockChecksum, FnvGivesItsPublishedVectors) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325U);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cU);
}

TEST(MockChecksum, GzipHoldsItsTextInStoredBlocks) {
  const std::string packed = gzip_stored("hi");
  EXPECT_EQ(hex(packed),
            "1f8b08000000000000ff"  // RFC 1952 2.3
            "010200fdff6869"        // RFC 1951 3.2.4: the last block, 2 bytes
            "ac2a93d8"              // CRC-32, little-endian
            "02000000");
}

// The first two vectors of the AWS SDKs' event stream test suite.
TEST(MockEventStream, FramesAreThoseOfTheReference) {
  EXPECT_EQ(hex(event_stream_frame({}, "")), "000000100000000005c248eb7d98c8ff");
  EXPECT_EQ(hex(event_stream_frame({}, "{'foo':'bar'}")),
            "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936");
}

}  // namespace
}  // namespace outrigger::mock
