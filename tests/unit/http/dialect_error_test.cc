#include "proxy/http/dialect_error.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "proxy/http/dialect_stream.h"

namespace outrigger::http {
namespace {

// llm.md 2.3, "Synthetic error frame": byte for byte.
TEST(DialectError, HasTheFormThatMakesTheSdkRaise) {
  const auto event = [](Dialect dialect) {
    return error_event(dialect, "stream_truncated", "It \"broke\"", 7);
  };
  EXPECT_EQ(event(Dialect::kChat),
            R"(data: {"error":{"message":"It \"broke\"","type":"server_error",)"
            R"("code":"stream_truncated","param":null}})"
            "\n\n");
  EXPECT_EQ(event(Dialect::kResponses),
            "event: error\n"
            R"(data: {"type":"error","code":"stream_truncated","message":"It \"broke\"",)"
            R"("param":null,"sequence_number":7,"error":{"message":"It \"broke\"",)"
            R"("type":"server_error","code":"stream_truncated","param":null}})"
            "\n\n");
  EXPECT_EQ(event(Dialect::kAnthropic),
            "event: error\n"
            R"(data: {"type":"error","error":{"type":"api_error","message":"It \"broke\"",)"
            R"("code":"stream_truncated"}})"
            "\n\n");
  EXPECT_EQ(event(Dialect::kGemini),
            R"(data: {"error":{"code":502,"status":"UNAVAILABLE","message":"It \"broke\""}})"
            "\n\n");
  EXPECT_EQ(event(Dialect::kNdjson), R"({"error":"It \"broke\"","code":"stream_truncated"})"
                                     "\n");
  const std::string problem =
      "event: error\n"
      R"(data: {"type":"urn:outrigger:error:stream_truncated","detail":"It \"broke\"",)"
      R"("error":{"message":"It \"broke\"","type":"server_error","code":"stream_truncated",)"
      R"("param":null}})"
      "\n\n";
  EXPECT_EQ(event(Dialect::kSse), problem);
  EXPECT_EQ(event(Dialect::kCohere), problem);
}

TEST(DialectError, IsOneErrorEventOfItsDialect) {
  for (const Dialect dialect :
       {Dialect::kOpenai, Dialect::kChat, Dialect::kResponses, Dialect::kAnthropic,
        Dialect::kGemini, Dialect::kCohere, Dialect::kBedrock, Dialect::kNdjson, Dialect::kSse}) {
    const StreamFraming framing = dialect == Dialect::kBedrock  ? StreamFraming::kFrames
                                  : dialect == Dialect::kNdjson ? StreamFraming::kLines
                                                                : StreamFraming::kSse;
    DialectStream stream(dialect, framing);
    const std::string bytes = error_event(dialect, "stream_truncated", "a\nb", 0);
    std::string_view in = bytes;
    EXPECT_EQ(stream.next(in), EventKind::kError) << static_cast<int>(dialect);
    EXPECT_TRUE(in.empty());
  }
}

}  // namespace
}  // namespace outrigger::http
