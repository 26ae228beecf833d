#include "filters/cache/byte_ranges.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

using Kind = RangeAnswer::Kind;

constexpr std::string_view kBody = "0123456789A";

StoredHead stored(const FieldTexts& fields = {}) {
  return stored_of(200, fields);
}

RangeAnswer ranges(const std::string& range, std::uint64_t size = kBody.size(),
                   const FieldTexts& more = {}, const StoredHead& head = stored()) {
  FieldTexts fields = more;
  fields.push_back({"Range", range});
  return answer_ranges(headers_of(fields), head, size, "xyz");
}

// What goes out as content, with the pieces' texts.
std::string content(const RangeAnswer& answer) {
  std::string text;
  for (const BodyPart& part : answer.parts) {
    text += part.before;
    text += kBody.substr(part.begin, part.end - part.begin);
  }
  return text + answer.after;
}

// RFC 9110 14.1.2; cache-tests partial
TEST(ByteRanges, OnePartOfTheBody) {
  struct Row {
    std::string range, content, content_range;
  };
  const Row kRows[] = {
      {"bytes=0-1", "01", "bytes 0-1/11"},
      {"bytes=1-", "123456789A", "bytes 1-10/11"},
      {"bytes=-1", "A", "bytes 10-10/11"},
      {"bytes=0-0", "0", "bytes 0-0/11"},
      {"bytes=10-10", "A", "bytes 10-10/11"},
      {"bytes=5-99", "56789A", "bytes 5-10/11"},
      {"bytes=5-99999999999999999999999999", "56789A", "bytes 5-10/11"},
      {"bytes=-99", std::string(kBody), "bytes 0-10/11"},
      {"bytes=0-", std::string(kBody), "bytes 0-10/11"},
      {"Bytes=0-1", "01", "bytes 0-1/11"},
      {"bytes= 0-1 ", "01", "bytes 0-1/11"},
      {"bytes=,0-1,", "01", "bytes 0-1/11"},
      {"bytes=0-1,11-", "01", "bytes 0-1/11"},  // the other is not there: 15.3.7.2
      {"bytes=000000000000000000000001-1", "1", "bytes 1-1/11"},
  };
  for (const Row& row : kRows) {
    const RangeAnswer answer = ranges(row.range);
    ASSERT_EQ(answer.kind, Kind::kPart) << row.range;
    EXPECT_EQ(content(answer), row.content) << row.range;
    EXPECT_EQ(answer.content_range, row.content_range) << row.range;
    EXPECT_EQ(answer.length, row.content.size()) << row.range;
  }
}

// 14.2: what is not understood is ignored
TEST(ByteRanges, TheWholeWhereTheFieldDoesNotCount) {
  for (const std::string range :
       {"",           "bytes",       "bytes=",      "bytes=,",       "bytes=-",       "bytes=1",
        "bytes=a-b",  "bytes=1-a",   "bytes=2-1",   "bytes=0-1,2-1", "bytes=0-1;2-3", "bytes=--1",
        "bytes=1--2", "bytes=0-1-2", "bytes=0x1-2", "bytes=+1-2",    "bytes = 0-1",   "items=0-1",
        "bytes=0 -1", "0-1"}) {
    EXPECT_EQ(ranges(range).kind, Kind::kWhole) << range;
  }
  EXPECT_EQ(ranges("bytes=0-1", 11, {{"Range", "bytes=0-1"}}).kind, Kind::kWhole);
  EXPECT_EQ(answer_ranges({}, stored(), 11, "xyz").kind, Kind::kWhole);
  for (const int status : {203, 204, 301, 404}) {
    EXPECT_EQ(ranges("bytes=0-1", 11, {}, stored_of(status, {})).kind, Kind::kWhole) << status;
  }
  EXPECT_EQ(ranges("bytes=-5", 0).kind, Kind::kWhole);  // all of nothing has no Content-Range
}

// 15.5.17
TEST(ByteRanges, NothingOfItIsThere) {
  for (const std::string range :
       {"bytes=11-", "bytes=11-12", "bytes=-0", "bytes=99-,-0", "bytes=99999999999999999999999-"}) {
    const RangeAnswer answer = ranges(range);
    EXPECT_EQ(answer.kind, Kind::kUnsatisfiable) << range;
    EXPECT_EQ(answer.content_range, "bytes */11");
    EXPECT_TRUE(answer.parts.empty());
  }
  EXPECT_EQ(ranges("bytes=0-", 0).content_range, "bytes */0");
}

// 14.6, 15.3.7.2
TEST(ByteRanges, SeveralPartsAreOneMessage) {
  const RangeAnswer answer =
      ranges("bytes=0-1, 4-4,-2, 99-", 11, {}, stored({{"Content-Type", "text/plain"}}));
  EXPECT_EQ(answer.kind, Kind::kParts);
  EXPECT_EQ(answer.content_type, "multipart/byteranges; boundary=xyz");
  EXPECT_EQ(answer.content_range, "");
  EXPECT_EQ(content(answer),
            "--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/11\r\n\r\n01"
            "\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-4/11\r\n\r\n4"
            "\r\n--xyz\r\nContent-Type: text/plain\r\nContent-Range: bytes 9-10/11\r\n\r\n9A"
            "\r\n--xyz--\r\n");
  EXPECT_EQ(answer.length, content(answer).size());
  EXPECT_EQ(ranges("bytes=0-0,2-2").parts.front().before,
            "--xyz\r\nContent-Range: bytes 0-0/11\r\n\r\n");
}

// 14.2, 17.15
TEST(ByteRanges, WhoAsksForTooMuchGetsTheWhole) {
  EXPECT_EQ(ranges("bytes=0-5,0-5").kind, Kind::kWhole);
  EXPECT_EQ(ranges("bytes=0-,0-,0-").kind, Kind::kWhole);
  EXPECT_EQ(ranges("bytes=0-5,6-10").kind, Kind::kWhole);
  EXPECT_EQ(ranges("bytes=0-5,6-9").kind, Kind::kParts);
  const auto many = [](std::size_t count) {
    std::string range = "bytes=0-0";
    for (std::size_t i = 1; i < count; ++i) range += ",0-0";
    return range;
  };
  EXPECT_EQ(ranges(many(kMostRanges), 1000).kind, Kind::kParts);
  EXPECT_EQ(ranges(many(kMostRanges + 1), 1000).kind, Kind::kWhole);
}

// 13.1.5
TEST(ByteRanges, IfRangeLetsThemCountOnlyForTheSameVersion) {
  const StoredHead tagged = stored({{"ETag", "\"a\""}});
  const StoredHead weak = stored({{"ETag", "W/\"a\""}});
  const StoredHead dated = stored({{"Last-Modified", date_in(-60s)}, {"Date", date_in(0s)}});
  const StoredHead hasty = stored({{"Last-Modified", date_in(0s)}, {"Date", date_in(0s)}});
  const StoredHead undated = stored({{"Last-Modified", date_in(-60s)}});
  struct Row {
    std::string source, if_range;
    const StoredHead& head;
    Kind kind;
  };
  const Row kRows[] = {
      {"the same", "\"a\"", tagged, Kind::kPart},
      {"another", "\"b\"", tagged, Kind::kWhole},
      {"by strong comparison", "W/\"a\"", weak, Kind::kWhole},
      {"by strong comparison", "\"a\"", weak, Kind::kWhole},
      {"nothing stored", "\"a\"", dated, Kind::kWhole},
      {"the exact date", date_in(-60s), dated, Kind::kPart},
      {"a later date", date_in(-59s), dated, Kind::kWhole},
      {"8.8.2.2: it may have changed twice in a second", date_in(0s), hasty, Kind::kWhole},
      {"8.8.2.2: without Date", date_in(-60s), undated, Kind::kWhole},
      {"no date", "x", dated, Kind::kWhole},
      {"empty", "", tagged, Kind::kWhole},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(ranges("bytes=0-1", 11, {{"If-Range", row.if_range}}, row.head).kind, row.kind)
        << row.source;
  }
}

TEST(ByteRanges, NeverLeaveTheBody) {
  std::mt19937_64 random(6);
  constexpr std::string_view kBytes = "0123456789--,, =a";
  for (int round = 0; round < 30000; ++round) {
    std::string range = "bytes=";
    for (std::size_t i = random() % 20; i > 0; --i) range += kBytes[random() % kBytes.size()];
    const std::uint64_t size = random() % 30;
    const RangeAnswer answer = ranges(range, size);
    std::uint64_t total = answer.after.size();
    for (const BodyPart& part : answer.parts) {
      EXPECT_LT(part.begin, part.end) << range;
      EXPECT_LE(part.end, size) << range;
      total += part.before.size() + part.end - part.begin;
    }
    EXPECT_EQ(answer.length, total) << range;
    EXPECT_EQ(answer.parts.size() > 1, answer.kind == Kind::kParts) << range;
    EXPECT_EQ(answer.parts.empty(),
              answer.kind == Kind::kWhole || answer.kind == Kind::kUnsatisfiable);
  }
}

}  // namespace
}  // namespace outrigger::filters
