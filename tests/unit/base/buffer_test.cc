#include "proxy/base/buffer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace outrigger {
namespace {

TEST(Buffer, HoldsWhatWasAppendedInOrder) {
  Buffer buffer;
  buffer.append("abc");
  buffer.append('-');
  buffer.append_number(0);
  buffer.append_number(std::numeric_limits<std::uint64_t>::max());
  buffer.append('-');
  buffer.append_hex(0xdeadbeef);
  buffer.append_hex(0);
  EXPECT_EQ(buffer.view(), "abc-018446744073709551615-deadbeef0");
}

TEST(Buffer, GrowsWithoutLosingBytes) {
  Buffer buffer;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    buffer.append(std::to_string(i));
    expected += std::to_string(i);
  }
  EXPECT_EQ(buffer.view(), expected);
}

TEST(Buffer, KeepsItsMemoryWhenCleared) {
  Buffer buffer;
  buffer.append(std::string(1000, 'x'));
  const char* data = buffer.data();
  const std::size_t capacity = buffer.capacity();
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  buffer.append(std::string(capacity, 'y'));
  EXPECT_EQ(buffer.data(), data);
}

TEST(Buffer, ConsumesFromTheFrontAndTruncatesAtTheEnd) {
  Buffer buffer;
  buffer.append("abcdef");
  buffer.consume(2);
  EXPECT_EQ(buffer.view(), "cdef");
  buffer.truncate(3);
  EXPECT_EQ(buffer.view(), "cde");
  buffer.consume(3);
  EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, GivesRoomToFill) {
  Buffer buffer;
  buffer.append("a");
  char* room = buffer.extend(2);
  room[0] = 'b';
  room[1] = 'c';
  EXPECT_EQ(buffer.view(), "abc");
}

TEST(Buffer, MovesItsBytes) {
  Buffer buffer;
  buffer.append("abc");
  Buffer other = std::move(buffer);
  EXPECT_EQ(other.view(), "abc");
  buffer = std::move(other);
  EXPECT_EQ(buffer.view(), "abc");
}

}  // namespace
}  // namespace outrigger
