// Counts every allocation of this test program.
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "proxy/http/dialect_stream.h"
#include "tests/unit/http/event_frames.h"

namespace {
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace outrigger::http {
namespace {

// How many allocations a thousand events cost once the stream runs, each split in two.
std::size_t allocations_of(Dialect dialect, StreamFraming framing, const std::string& event) {
  DialectStream stream(dialect, framing);
  const auto feed = [&] {
    for (const std::size_t half : {std::size_t{0}, event.size() / 2}) {
      std::string_view in = std::string_view(event).substr(half, event.size() / 2 + half % 2);
      if (half != 0) in = std::string_view(event).substr(half);
      while (stream.next(in)) {
      }
    }
  };
  for (int i = 0; i < 10; ++i) feed();
  const std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) feed();
  return allocations - before;
}

TEST(DialectStream, AllocatesNothingForAnEventOnceItRuns) {
  const std::string chat =
      "data: {\"id\":\"chatcmpl-123456789012345678901234\",\"object\":\"chat.completion.chunk\","
      "\"created\":1694268190,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":"
      "{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\n";
  EXPECT_EQ(allocations_of(Dialect::kAuto, StreamFraming::kSse, chat), 0u);
  const std::string anthropic =
      "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
      "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello, how are you\"}}\n\n";
  EXPECT_EQ(allocations_of(Dialect::kAnthropic, StreamFraming::kSse, anthropic), 0u);
  EXPECT_EQ(allocations_of(Dialect::kNdjson, StreamFraming::kLines,
                           "{\"response\":\"Hello, how are you today\",\"done\":false}\n"),
            0u);
  EXPECT_EQ(allocations_of(Dialect::kBedrock, StreamFraming::kFrames,
                           chunk_frame(R"({"type":"content_block_delta","delta":{"text":"Hi"}})")),
            0u);
}

}  // namespace
}  // namespace outrigger::http
