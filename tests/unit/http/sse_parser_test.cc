#include "proxy/http/sse_parser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace outrigger::http {
namespace {

using namespace std::string_literals;
using Got = SseParser::Got;

std::string show(const SseEvent& event) {
  std::string out = fmt::format("[{},{})", event.begin, event.end);
  if (event.has_data) out += fmt::format(" data<{}>", event.data);
  if (!event.type.empty()) out += fmt::format(" type<{}>", event.type);
  if (!event.last_id.empty()) out += fmt::format(" id<{}>", event.last_id);
  if (event.retry_ms) out += fmt::format(" retry<{}>", *event.retry_ms);
  if (event.comments != 0) out += fmt::format(" comments<{} {}>", event.comments, event.comment);
  if (event.truncated) out += " truncated";
  if (event.unterminated) out += " unterminated";
  if (event.dispatched()) out += " dispatched";
  return out;
}

// Blocks of a stream given in pieces that end at the offsets `cuts`.
std::vector<std::string> blocks(std::string_view bytes, const std::vector<std::size_t>& cuts = {},
                                std::size_t limit = 1024) {
  SseParser parser(limit);
  std::vector<std::string> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    const std::string piece(bytes.substr(begin, end - begin));
    std::string_view in = piece;
    while (parser.next(in) == Got::kBlock) {
      EXPECT_EQ(parser.offset(), begin + piece.size() - in.size());
      out.push_back(show(parser.event()));
    }
    EXPECT_TRUE(in.empty());
    begin = end;
  }
  while (parser.finish() == Got::kBlock) out.push_back(show(parser.event()));
  EXPECT_EQ(parser.offset(), bytes.size());
  EXPECT_EQ(parser.pending_bytes(), 0u) << "bytes that no block holds";
  return out;
}

struct Row {
  std::string name, bytes;
  std::vector<std::string> expected;
};

// clang-format off: a row is a line
std::vector<Row> rows() {
  return {
      {"nothing", "", {}},
      {"one event", "data: a\n\n", {"[0,9) data<a> dispatched"}},
      {"no space behind colon", "data:a\n\n", {"[0,8) data<a> dispatched"}},
      {"only one space goes", "data:  a \n\n", {"[0,11) data< a > dispatched"}},
      {"field without colon", "data\n\n", {"[0,6) data<> dispatched"}},
      {"empty data", "data:\n\n", {"[0,7) data<> dispatched"}},
      {"two empty data lines", "data\ndata\n\n", {"[0,11) data<\n> dispatched"}},
      {"lines are joined", "data: a\ndata: b\n\n", {"[0,17) data<a\nb> dispatched"}},
      {"CRLF", "data: a\r\n\r\n", {"[0,11) data<a> dispatched"}},
      {"CR", "data: a\r\r", {"[0,9) data<a> dispatched"}},
      {"CR, next event", "data: a\r\rdata: b\r\r", {"[0,9) data<a> dispatched", "[9,18) data<b> dispatched"}},
      {"LF then CRLF", "data: a\n\r\ndata: b\n\n", {"[0,10) data<a> dispatched", "[10,19) data<b> dispatched"}},
      {"CRLF then LF", "data: a\r\n\ndata: b\n\n", {"[0,10) data<a> dispatched", "[10,19) data<b> dispatched"}},
      {"LF then CR", "data: a\n\rdata: b\n\n", {"[0,9) data<a> dispatched", "[9,18) data<b> dispatched"}},
      {"LF then CR at the end", "data: a\n\r", {"[0,9) data<a> dispatched"}},
      {"CR then CRLF: the LF goes to the next block", "data: a\r\r\ndata: b\n\n",
       {"[0,9) data<a> dispatched", "[9,19) data<b> dispatched"}},
      {"two CRLF events", "data: a\r\n\r\ndata: b\r\n\r\n",
       {"[0,11) data<a> dispatched", "[11,22) data<b> dispatched"}},
      {"event, id, retry", "event: e\nid: 7\nretry: 250\ndata: a\n\n",
       {"[0,35) data<a> type<e> id<7> retry<250> dispatched"}},
      {"id lasts", "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
       {"[0,15) data<a> id<1> dispatched", "[15,24) data<b> id<1> dispatched", "[24,36) data<c> dispatched"}},
      {"type does not last", "event: e\ndata: a\n\ndata: b\n\n",
       {"[0,18) data<a> type<e> dispatched", "[18,27) data<b> dispatched"}},
      {"last type counts", "event: e\nevent: f\ndata: a\n\n", {"[0,27) data<a> type<f> dispatched"}},
      {"id with NUL is ignored", "id: 1\0\ndata: a\n\n"s, {"[0,16) data<a> dispatched"}},
      {"retry of other than digits is ignored", "retry: 2s\nretry: -1\nretry:\nretry: 1.5\n\n", {"[0,39)"}},
      {"retry too long is ignored", "retry: 1234567890123456789\n\n", {"[0,28)"}},
      {"no data, no event", "event: e\n\n", {"[0,10) type<e>"}},
      {"id alone", "id: 5\n\ndata: a\n\n", {"[0,7) id<5>", "[7,16) data<a> id<5> dispatched"}},
      {"comment", ": ping\n\n", {"[0,8) comments<1 ping>"}},
      {"bare colon", ":\n\n", {"[0,3) comments<1 >"}},
      {"comment within an event", "data: a\n:x\n: y\ndata: b\n\n", {"[0,24) data<a\nb> comments<2 y> dispatched"}},
      {"unknown field", "foo: bar\ndata: a\n\n", {"[0,18) data<a> dispatched"}},
      {"names are case-sensitive", "Data: a\n\n", {"[0,9)"}},
      {"space before name", " data: a\n\n", {"[0,10)"}},
      {"colon in value", "data: a:b\n\n", {"[0,11) data<a:b> dispatched"}},
      {"blank lines", "\n\r\n\r\r\n", {"[0,1)", "[1,3)", "[3,4)", "[4,5)", "[5,6)"}},
      {"byte order mark", "\xEF\xBB\xBF" "data: a\n\n", {"[0,12) data<a> dispatched"}},
      {"second byte order mark is text", "\xEF\xBB\xBF\xEF\xBB\xBF" "data: a\n\n", {"[0,15)"}},
      {"part of a byte order mark is text", "\xEF\xBB" "data: a\n\n", {"[0,11)"}},
      {"byte order mark later is text", "data: a\n\n\xEF\xBB\xBF" "data: b\n\n",
       {"[0,9) data<a> dispatched", "[9,21)"}},
      {"only a byte order mark", "\xEF\xBB\xBF", {"[0,3)"}},
      {"only part of a byte order mark", "\xEF\xBB", {"[0,2) unterminated"}},
      {"bytes that are no UTF-8", "data: \xFF\xC3\n\n", {"[0,10) data<\xFF\xC3> dispatched"}},
      {"NUL in data", "data: a\0b\n\n"s, {"[0,11) data<a\0b> dispatched"s}},
      {"no blank line at the end", "data: a\n", {"[0,8) data<a> unterminated"}},
      {"no line end at the end", "data: a", {"[0,7) data<a> unterminated"}},
      {"CR at the end", "data: a\r", {"[0,8) data<a> unterminated"}},
      {"blank CR at the end", "data: a\r\n\r", {"[0,10) data<a> dispatched"}},
      {"last event cut off", "data: a\n\ndata: b", {"[0,9) data<a> dispatched", "[9,16) data<b> unterminated"}},
      {"LF behind a CR block at the end", "data: a\r\r\n", {"[0,9) data<a> dispatched", "[9,10)"}},
      {"comment at the end", "data: a\n\n: bye", {"[0,9) data<a> dispatched", "[9,14) comments<1 bye> unterminated"}},
  };
}

// clang-format on

TEST(SseParser, ReadsStreamsAsTheStandardSays) {
  for (const Row& row : rows()) EXPECT_EQ(blocks(row.bytes), row.expected) << row.name;
}

TEST(SseParser, ReadsTheSameHoweverTheBytesAreSplit) {
  std::mt19937 random(4);
  for (const Row& row : rows()) {
    for (std::size_t first = 0; first <= row.bytes.size(); ++first) {
      for (std::size_t second = first; second <= row.bytes.size(); ++second) {
        ASSERT_EQ(blocks(row.bytes, {first, second}), row.expected) << row.name << " " << first;
      }
    }
    std::vector<std::size_t> each;
    for (std::size_t at = 0; at < row.bytes.size(); ++at) each.push_back(at);
    ASSERT_EQ(blocks(row.bytes, each), row.expected) << row.name;
  }
}

TEST(SseParser, ReadsRandomStreamsTheSameHoweverTheyAreSplit) {
  std::mt19937 random(5);
  const std::string_view alphabet[] = {"\r",  "\n", "\r\n", "data:",    "data",     ":",
                                       " ",   "a",  "id:",  "event: x", "retry: 5", "\xEF\xBB\xBF",
                                       "\xEF"};
  for (int i = 0; i < 3000; ++i) {
    std::string bytes;
    for (std::size_t n = random() % 14; n > 0; --n)
      bytes += alphabet[random() % std::size(alphabet)];
    const std::size_t limit = random() % 2 == 0 ? 1024 : random() % 10;
    const auto whole = blocks(bytes, {}, limit);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      ASSERT_EQ(blocks(bytes, {cut}, limit), whole) << "run " << i << " cut at " << cut;
    }
  }
}

TEST(SseParser, EndsABlockAtTheFirstByteThatCanEndIt) {
  for (const std::string bytes : {"data: a\n\n", "data: a\r\n\r\n", "data: a\r\r"}) {
    SseParser parser;
    std::string_view in = std::string_view(bytes).substr(0, bytes.size() - 1);
    EXPECT_EQ(parser.next(in), Got::kNeedMore);
    EXPECT_EQ(parser.pending_bytes(), bytes.size() - 1);
    in = std::string_view(bytes).substr(bytes.size() - 1);
    EXPECT_EQ(parser.next(in), Got::kBlock);
    EXPECT_EQ(parser.event().data, "a");
  }
}

TEST(SseParser, KeepsOnlyTheFirstPartOfABlockAboveTheLimit) {
  const std::string bytes = "event: e\ndata: " + std::string(100, 'x') + "\nid: 1\n\ndata: b\n\n";
  const auto out = blocks(bytes, {}, 20);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0], "[0,123) data<xxxxxx> type<e> truncated dispatched");
  EXPECT_EQ(out[1], "[123,132) data<b> dispatched");
  EXPECT_EQ(blocks(bytes, {50, 60, 117}, 20), out);
}

TEST(SseParser, ReadsAnEventOfAMegabyte) {
  const std::string payload(1 << 20, 'x');
  SseParser parser(2 << 20);
  const std::string bytes = "data: " + payload + "\n\n";
  std::string_view in = bytes;
  ASSERT_EQ(parser.next(in), Got::kBlock);
  EXPECT_EQ(parser.event().data, payload);
}

}  // namespace
}  // namespace outrigger::http
