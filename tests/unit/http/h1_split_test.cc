// How bytes arrive changes nothing: every message of the tables, in every two pieces, byte by byte,
// and in random pieces, gives the verdict that it gives whole.
#include <gtest/gtest.h>

#include <random>

#include "proxy/http/h1_serializer.h"
#include "tests/unit/http/h1_cases.h"

namespace outrigger::http {
namespace {

using Cuts = std::vector<std::size_t>;
constexpr std::size_t kEveryCutBelow = 600;  // longer messages are cut around places of interest

Cuts random_cuts(std::mt19937& random, std::size_t size) {
  Cuts cuts;
  std::size_t at = 0;
  const std::size_t step = 1 + random() % 40;
  while ((at += 1 + random() % step) < size) cuts.push_back(at);
  return cuts;
}

Cuts byte_by_byte(std::size_t size) {
  Cuts cuts;
  for (std::size_t at = 0; at < size; ++at) cuts.push_back(at);
  return cuts;
}

std::vector<Cuts> all_cuts(std::mt19937& random, std::size_t size) {
  std::vector<Cuts> all;
  const std::size_t step = size < kEveryCutBelow ? 1 : size / 300;
  for (std::size_t at = 0; at < size; at += step) all.push_back({at});
  for (std::size_t bound : {16384u, 65536u}) {
    for (std::size_t at = bound - 3; at < bound + 40 && at < size; ++at) all.push_back({at});
  }
  for (int i = 0; i < 5; ++i) all.push_back(random_cuts(random, size));
  if (size < kEveryCutBelow) all.push_back(byte_by_byte(size));
  return all;
}

TEST(RequestParser, ReadsTheSameHoweverTheBytesAreSplit) {
  std::mt19937 random(1);
  for (const H1Case& row : request_cases()) {
    const H1Verdict whole = judge_request(row.bytes, {});
    for (const Cuts& cuts : all_cuts(random, row.bytes.size())) {
      ASSERT_EQ(judge_request(row.bytes, cuts), whole) << row.name << ", first cut " << cuts[0];
    }
  }
}

TEST(ResponseParser, ReadsTheSameHoweverTheBytesAreSplit) {
  std::mt19937 random(2);
  for (const H1Case& row : response_cases()) {
    const H1Verdict whole = judge_response(row.bytes, {});
    for (const Cuts& cuts : all_cuts(random, row.bytes.size())) {
      ASSERT_EQ(judge_response(row.bytes, cuts), whole) << row.name << ", first cut " << cuts[0];
    }
  }
}

TEST(RequestParser, AcceptsNoProperPrefix) {
  for (const H1Case& row : request_cases()) {
    if (row.status != 0 || row.bytes.size() > kEveryCutBelow) continue;
    const std::size_t head = judge_request(row.bytes, {}).head_bytes;
    for (std::size_t size = 0; size < head; ++size) {
      ASSERT_EQ(judge_request(row.bytes.substr(0, size), {}).progress, Progress::kIncomplete)
          << row.name;
    }
  }
}

TEST(RequestParser, ReadsBackWhatTheSerializerWrites) {
  for (const H1Case& row : request_cases()) {
    const H1Verdict verdict = judge_request(row.bytes, {});
    if (verdict.status != 0) continue;
    RequestParser parser({});
    ASSERT_EQ(parser.parse(row.bytes), Progress::kComplete);
    const RequestHead head = parser.take(Slice::copy(row.bytes.substr(0, verdict.head_bytes)));
    Buffer once;
    if (head.authority.empty()) continue;  // HTTP/1.0 without Host: becomes a Host that we refuse
    const auto option =
        head.protocol.empty() ? ConnectionOption::kKeepAlive : ConnectionOption::kUpgrade;
    ASSERT_TRUE(write_request(once, head, verdict.framing, option)) << row.name;
    ASSERT_EQ(parser.parse(once.view()), Progress::kComplete)
        << row.name << ": " << parser.refusal().code << "\n"
        << once.view();
    const RequestHead again = parser.take(Slice::copy(once.view()));
    EXPECT_EQ(again.method_text, head.method_text);
    EXPECT_EQ(again.target, head.target);
    EXPECT_EQ(again.protocol, head.protocol);
    EXPECT_EQ(request_framing(again), verdict.framing) << row.name;
    Buffer twice;
    ASSERT_TRUE(write_request(twice, again, verdict.framing, option));
    EXPECT_EQ(twice.view(), once.view()) << row.name;
  }
}

TEST(ResponseParser, ReadsBackWhatTheSerializerWrites) {
  for (const H1Case& row : response_cases()) {
    const H1Verdict verdict = judge_response(row.bytes, {});
    if (verdict.status != 0) continue;
    ResponseParser parser({});
    ASSERT_EQ(parser.parse(row.bytes), Progress::kComplete);
    const ResponseHead head = parser.take(Slice::copy(row.bytes.substr(0, verdict.head_bytes)));
    Buffer once;
    ASSERT_TRUE(write_response(once, head, verdict.framing, ConnectionOption::kKeepAlive,
                               Version::kHttp11));
    const H1Verdict again = judge_response(once.view(), {});
    EXPECT_EQ(again.framing, verdict.framing) << row.name;
    EXPECT_EQ(again.status, 0) << row.name;
  }
}

}  // namespace
}  // namespace outrigger::http
