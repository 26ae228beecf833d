#include "proxy/cli/pasted_answer.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace outrigger::cli {
namespace {

std::string error_of(std::string_view text, std::optional<int> status = {},
                     PasteKind kind = PasteKind::kAnswer) {
  const auto answer = read_pasted(text, status, kind);
  return answer ? "" : answer.error().detail.str();
}

TEST(PastedAnswer, IsReadAsCurlPrintsIt) {
  for (const std::string_view text :
       {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\n\r\n{\"a\":1}",
        "HTTP/2 429 \nretry-after: 3\n\n{\"a\":1}\n",
        "\n\nHTTP/1.1 429\nretry-after:3\n\n{\"a\":1}\n\n",
        "HTTP/2 429\n:status: 429\nretry-after: 3\n\n{\"a\":1}",
        "HTTP/1.1 200 Connection established\r\n\r\nHTTP/2 429\r\nretry-after: 3\r\n\r\n{\"a\":1}",
        "HTTP/1.1 100 Continue\n\nHTTP/1.1 429 Slow\nretry-after: 3\n\n{\"a\":1}",
        "HTTP/1.1 301 Moved\nlocation: /x\n\nHTTP/1.1 429 Slow\nretry-after: 3\n\n{\"a\":1}",
        "* Trying 1.2.3.4:443...\n> GET / HTTP/2\n> host: x\n>\n< HTTP/2 429\n< retry-after: 3\n<\n"
        "{ [12 bytes data]\n{\"a\":1}\n* Connection left intact\n"}) {
    const auto answer = read_pasted(text, std::nullopt, PasteKind::kAnswer);
    ASSERT_TRUE(answer) << text << answer.error().detail;
    EXPECT_EQ(answer->status, 429) << text;
    EXPECT_EQ(answer->headers.get(http::HeaderId::kRetryAfter), "3") << text;
    EXPECT_EQ(answer->body, "{\"a\":1}") << text;
    EXPECT_EQ(answer->headers.find("location"), nullptr) << text;
    EXPECT_FALSE(answer->in_stream) << text;
  }
}

TEST(PastedAnswer, MayBeABodyWithAStatusBesideIt) {
  const auto answer = read_pasted("{\"a\":1}", 503, PasteKind::kAnswer);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "{\"a\":1}");
  EXPECT_EQ(read_pasted("HTTP/1.1 429\n\n", 500, PasteKind::kAnswer)->status, 500);
  EXPECT_EQ(read_pasted("Bad Gateway", 502, PasteKind::kAnswer)->body, "Bad Gateway");
}

TEST(PastedAnswer, OfAStreamIsItsFirstErrorEvent) {
  constexpr std::string_view kStream =
      "HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n"
      "data: {\"choices\":[],\"error\":null}\n\n"
      "event: error\ndata: {\"error\":{\"code\":1}}\n\n"
      "data: {\"error\":{\"code\":2}}\n\n";
  const auto answer = read_pasted(kStream, std::nullopt, PasteKind::kAnswer);
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_TRUE(answer->in_stream);
  EXPECT_EQ(answer->event_type, "error");
  EXPECT_EQ(answer->body, "{\"error\":{\"code\":1}}");
  const auto last = read_pasted("event: odd\ndata: {\"x\":1}", std::nullopt, PasteKind::kStream);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->event_type, "odd");
  EXPECT_EQ(last->body, "{\"x\":1}");
  const auto bare = read_pasted("{\"error\":{\"code\":1}}", std::nullopt, PasteKind::kStream);
  ASSERT_TRUE(bare);
  EXPECT_TRUE(bare->in_stream);
  EXPECT_EQ(bare->body, "{\"error\":{\"code\":1}}");
}

TEST(PastedAnswer, ThatIsNoneSaysWhatIsMissing) {
  EXPECT_EQ(error_of(""), "there is nothing to judge: the answer is empty");
  EXPECT_EQ(error_of(" \n\t\n"), "there is nothing to judge: the answer is empty");
  EXPECT_TRUE(error_of("{\"a\":1}").starts_with("this is a body without a status line"));
  EXPECT_TRUE(error_of("hello").starts_with("this is no answer"));
  EXPECT_EQ(error_of("HTTP/1.1 abc\n\n"), "\"HTTP/1.1 abc\" is no status line: HTTP/1.1 429");
  EXPECT_EQ(error_of("HTTP/1.1"), "\"HTTP/1.1\" is no status line: HTTP/1.1 429");
  EXPECT_TRUE(error_of("HTTP/1.1 429\n{\"a\":1}\n").starts_with("\"{\"a\":1}\" is no header"));
  EXPECT_TRUE(error_of("data: {\"choices\":[]}\n\n").starts_with("no event of this stream"));
}

TEST(PastedAnswer, OfAnyBytesIsReadOrRefused) {
  constexpr std::string_view kAlphabet = "HTTP/1.1 429\r\n:data{}\"< >*x";
  for (unsigned seed = 0; seed < 20000; ++seed) {
    std::mt19937 random(seed);
    std::string text = random() % 2 ? "HTTP/1.1 429\n" : "";
    const std::size_t size = random() % 40;
    for (std::size_t i = 0; i < size; ++i) text += kAlphabet[random() % kAlphabet.size()];
    const auto answer =
        read_pasted(text, std::nullopt, random() % 2 ? PasteKind::kStream : PasteKind::kAnswer);
    if (answer) {
      EXPECT_GE(answer->status, 100) << "seed " << seed;
    } else {
      EXPECT_FALSE(answer.error().detail.empty()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace outrigger::cli
