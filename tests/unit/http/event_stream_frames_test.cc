#include "proxy/http/event_stream_frames.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "proxy/http/dialect_stream.h"
#include "tests/unit/http/event_frames.h"

namespace outrigger::http {
namespace {

using Got = EventStreamParser::Got;

std::string read(std::string_view bytes, std::size_t step) {
  DialectStream stream(Dialect::kBedrock, StreamFraming::kFrames);
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string piece(bytes.substr(at, step));
    std::string_view in = piece;
    while (const auto kind = stream.next(in)) out += "-ste"[static_cast<int>(*kind)];
    EXPECT_TRUE(in.empty());
  }
  const bool half = stream.finish() == DialectStream::Rest::kHalf;
  if (stream.broken()) return out + 'x';
  if (half) return out + '?';
  return out + (stream.complete() ? '.' : '!');
}

struct Row {
  std::string name, bytes, expected;
};

std::vector<Row> rows() {
  const std::string start = event_frame("messageStart", R"({"role":"assistant"})");
  const std::string delta = event_frame("contentBlockDelta", R"({"delta":{"text":"Hi"}})");
  const std::string stop = event_frame("messageStop", R"({"stopReason":"end_turn"})");
  const std::string metadata = event_frame("metadata", R"({"usage":{}})");
  const std::string failed = exception_frame("throttlingException", R"({"message":"slow"})");
  std::string spoilt = delta;
  spoilt[spoilt.size() - 6] ^= 1;
  std::string wrong_length = delta;
  wrong_length[3] ^= 1;
  // clang-format off: a row is a case (llm 2.3, "Bedrock")
  return {
      {"converse", start + delta + stop + metadata, "-st-."},
      {"converse without metadata", start + delta + stop, "-st."},
      {"converse cut", start + delta, "-s!"},
      {"half a frame", start + delta + stop.substr(0, 30), "-s?"},
      {"an exception", start + failed, "-e."},
      {"an exception first", failed, "e."},
      {"a payload that changed", start + spoilt + stop, "-x"},
      {"a length that changed", start + wrong_length + stop, "-x"},
      {"invoke: anthropic", chunk_frame(R"({"type":"message_start"})") + chunk_frame(R"({"type":"content_block_start","content_block":{"type":"text","text":""}})")
          + chunk_frame(R"({"type":"content_block_delta","delta":{"text":"Hi"}})") + chunk_frame(R"({"type":"content_block_stop"})")
          + chunk_frame(R"({"type":"message_stop","amazon-bedrock-invocationMetrics":{}})"), "--s-t."},
      {"invoke: anthropic cut", chunk_frame(R"({"type":"content_block_delta"})"), "s!"},
      {"invoke: titan", chunk_frame(R"({"outputText":"Hi","completionReason":null})") + chunk_frame(R"({"outputText":"","completionReason":"FINISH"})"), "st."},
      {"invoke: llama", chunk_frame(R"({"generation":"Hi","stop_reason":null})") + chunk_frame(R"({"generation":"","stop_reason":"stop"})"), "st."},
      {"invoke: mistral", chunk_frame(R"({"outputs":[{"text":"a","stop_reason":null}]})") + chunk_frame(R"({"outputs":[{"text":"b","stop_reason":"stop"}]})"), "st."},
      {"invoke: nova", chunk_frame(R"({"contentBlockDelta":{"delta":{"text":"a"}}})") + chunk_frame(R"({"messageStop":{"stopReason":"end_turn"}})"), "st."},
      {"invoke: any model's metrics", chunk_frame(R"({"x":1})") + chunk_frame(R"({"amazon-bedrock-invocationMetrics":{"latency":1}})"), "st."},
      {"invoke: a chunk that is no JSON", event_frame("chunk", R"({"bytes":"!!"})"), "s."},
      {"nothing", "", "!"},
  };
  // clang-format on
}

TEST(EventStreamFrames, AreReadTheSameHoweverTheyAreSplit) {
  for (const Row& row : rows()) {
    for (const std::size_t step : {1, 2, 3, 7, 64, 4096}) {
      EXPECT_EQ(read(row.bytes, step), row.expected) << row.name << " by " << step;
    }
  }
}

TEST(EventStreamFrames, HaveTheSumsOfZlib) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);  // the check value of the CRC catalogue
  EXPECT_EQ(crc32("6789", crc32("12345")), 0xCBF43926u);
  EXPECT_EQ(crc32(""), 0u);
}

TEST(EventStreamFrames, AnExceptionOfOursReadsBack) {
  const std::string bytes = exception_frame("modelStreamErrorException", R"({"message":"m"})");
  EventStreamParser parser;
  std::string_view in = bytes;
  ASSERT_EQ(parser.next(in), Got::kFrame);
  EXPECT_TRUE(in.empty());
  EXPECT_TRUE(parser.frame().is_error());
  EXPECT_EQ(parser.frame().message_type, "exception");
  EXPECT_EQ(parser.frame().exception_type, "modelStreamErrorException");
  EXPECT_EQ(parser.frame().payload, R"({"message":"m"})");
}

TEST(EventStreamFrames, RefuseAFrameLargerThanAwsAllows) {
  std::string prelude(8, '\0');
  prelude[0] = 0x7f;
  const std::uint32_t sum = crc32(prelude);
  for (int i = 3; i >= 0; --i) prelude += static_cast<char>(sum >> (8 * i) & 0xff);
  EventStreamParser parser;
  std::string_view in = prelude;
  EXPECT_EQ(parser.next(in), Got::kBroken);
}

}  // namespace
}  // namespace outrigger::http
