#include "filters/idempotency/stored_record.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

Fingerprint fingerprint(FingerprintKind kind) {
  Fingerprint made{.kind = kind, .sha256 = {}};
  for (std::size_t i = 0; i < made.sha256.size(); ++i) {
    made.sha256[i] = static_cast<std::uint8_t>(255 - i);
  }
  return made;
}

StoredAnswer short_answer() {
  StoredAnswer answer;
  answer.head = {.status = 201,
                 .fields = {{"content-type", "application/json"},
                            {"set-cookie", "a=1"},
                            {"set-cookie", "b=2"},
                            {"x-empty", ""}},
                 .length = 5};
  answer.length = 5;
  answer.body = std::string("{\"\0}\xff", 5);
  return answer;
}

// Its message has no room for a length.
StoredAnswer answer_with_trailers() {
  StoredAnswer answer = short_answer();
  answer.trailers = {{"x-checksum", "abc"}, {"x-empty", ""}};
  answer.head.length.reset();
  return answer;
}

StoredAnswer long_answer() {
  StoredAnswer answer = short_answer();
  answer.length = 2 * StoredAnswer::kChunk + 1;
  answer.head.length = answer.length;
  answer.body.clear();
  answer.blob = "0123456789abcdef";
  return answer;
}

StoredRecord full_record() {
  StoredRecord stored;
  stored.record = {.state = RecordState::kCompleted,
                   .promised = true,
                   .doubtful = true,
                   .generation = 1,
                   .attempt = 0xfffffffe,
                   .probes = 3,
                   .negatives = 4,
                   .epoch = 0x0102030405060708,
                   .first_sent_ms = 1'764'000'000'000,
                   .lost_ms = 5,
                   .expires_ms = std::numeric_limits<std::int64_t>::max()};
  stored.fingerprint = fingerprint(FingerprintKind::kCanonical);
  stored.remember_ms = 604'800'000;
  stored.request_id = "01JDYQXM6N4T2V8W9ZABCDEFGH";
  stored.answer = short_answer();
  return stored;
}

void expect_same(const StoredRecord& read, const StoredRecord& written) {
  EXPECT_EQ(read.record, written.record);
  EXPECT_EQ(read.fingerprint, written.fingerprint);
  EXPECT_EQ(read.remember_ms, written.remember_ms);
  EXPECT_EQ(read.request_id, written.request_id);
  ASSERT_EQ(read.answer.has_value(), written.answer.has_value());
  if (!read.answer) return;
  EXPECT_EQ(read.answer->head, written.answer->head);
  EXPECT_EQ(read.answer->trailers, written.answer->trailers);
  EXPECT_EQ(read.answer->length, written.answer->length);
  EXPECT_EQ(read.answer->body, written.answer->body);
  EXPECT_EQ(read.answer->blob, written.answer->blob);
  EXPECT_EQ(read.answer->kept, written.answer->kept);
}

// One of each kind that is written.
std::vector<StoredRecord> records() {
  std::vector<StoredRecord> all = {StoredRecord{}, full_record()};
  all.push_back(full_record());
  all.back().answer = long_answer();
  all.push_back(full_record());
  all.back().answer->kept = false;
  all.back().answer->body.clear();
  all.push_back(full_record());
  all.back().answer.reset();
  all.back().record.promised = false;
  all.push_back(full_record());
  all.back().answer->head.fields.clear();
  all.back().record.doubtful = false;
  all.push_back(full_record());
  all.back().answer = answer_with_trailers();
  for (std::size_t state = 0; state < kRecordStates.size(); ++state) {
    all.emplace_back();
    all.back().record.state = static_cast<RecordState>(state);
  }
  return all;
}

TEST(StoredRecord, IsReadAsItWasWritten) {
  for (const StoredRecord& each : records()) {
    const auto read = read_record(write_record(each));
    ASSERT_TRUE(read);
    expect_same(*read, each);
  }
}

// An answer whose length was not known in advance has one when it is replayed.
TEST(StoredRecord, AReplayedAnswerHasALength) {
  StoredRecord stored = full_record();
  stored.answer->head.length.reset();
  const auto read = read_record(write_record(stored));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->answer->head.length, 5u);
}

TEST(StoredRecord, AReplayedAnswerWithTrailersHasNone) {
  StoredRecord stored = full_record();
  stored.answer = answer_with_trailers();
  stored.answer->head.length = 5;
  const auto read = read_record(write_record(stored));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->answer->head.length);
  EXPECT_EQ(read->answer->length, 5u);
}

TEST(StoredRecord, CutAnywhereItIsRefused) {
  for (const StoredRecord& each : records()) {
    const std::string whole = write_record(each);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(read_record(std::string_view(whole).substr(0, size))) << size;
    }
    EXPECT_FALSE(read_record(whole + '\0')) << "and so is one with more behind it";
  }
}

TEST(StoredRecord, OfALaterFormItIsRefused) {
  std::string bytes = write_record(full_record());
  for (int form = 0; form < 256; ++form) {
    bytes[0] = static_cast<char>(form);
    EXPECT_EQ(read_record(bytes).has_value(), form == 1) << form;
  }
}

TEST(StoredRecord, OfAStateThatThereIsNotItIsRefused) {
  std::string bytes = write_record(StoredRecord{});
  for (int state = 0; state < 256; ++state) {
    bytes[1] = static_cast<char>(state);
    EXPECT_EQ(read_record(bytes).has_value(), state < std::ssize(kRecordStates)) << state;
  }
}

// Whether it is refused or taken for another record, nothing is read that is not there: the store's
// seal is what finds a change.
TEST(StoredRecord, WithBytesChangedItIsReadWithinItsBoundsOrRefused) {
  constexpr std::uint64_t kSeed = 20'251'128;
  std::mt19937_64 random(kSeed);
  for (const StoredRecord& each : records()) {
    const std::string whole = write_record(each);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {0x01, 0x80, 0xff, static_cast<int>(random() % 255 + 1)}) {
        std::string bytes = whole;
        bytes[at] = static_cast<char>(bytes[at] ^ change);
        const auto read = read_record(bytes);
        if (read) EXPECT_LE(write_record(*read).size(), bytes.size()) << at << " seed " << kSeed;
      }
    }
  }
}

TEST(StoredRecord, BytesOfAnyKindAreReadWithinTheirBoundsOrRefused) {
  constexpr std::uint64_t kSeed = 42;
  std::mt19937_64 random(kSeed);
  const std::string whole = write_record(full_record());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole.substr(0, random() % (whole.size() + 1));
    const std::size_t more = random() % 64;
    for (std::size_t i = 0; i < more; ++i) bytes += static_cast<char>(random());
    if (!bytes.empty()) bytes[random() % bytes.size()] = static_cast<char>(random());
    const auto read = read_record(bytes);
    if (read) EXPECT_LE(write_record(*read).size(), bytes.size()) << round << " seed " << kSeed;
  }
}

TEST(StoredAnswer, HasAsManyChunksAsItsLengthNeeds) {
  StoredAnswer answer;
  for (const auto [length, chunks] : {std::pair<std::uint64_t, std::uint32_t>{1, 1},
                                      {StoredAnswer::kChunk - 1, 1},
                                      {StoredAnswer::kChunk, 1},
                                      {StoredAnswer::kChunk + 1, 2},
                                      {10 * StoredAnswer::kChunk, 10}}) {
    answer.length = length;
    answer.blob.clear();
    EXPECT_EQ(answer.chunks(), 0u) << "it is short";
    answer.blob = "0123456789abcdef";
    EXPECT_EQ(answer.chunks(), chunks) << length;
  }
}

const std::string kKey(kRecordKeyBytes, 'k');

TEST(RecordNames, ExpiriesSortByTimeWhateverTheKey) {
  std::vector<std::int64_t> times = {0,
                                     1,
                                     255,
                                     256,
                                     65535,
                                     65536,
                                     0x7fffffff,
                                     0x80000000,
                                     1ll << 40,
                                     1'764'000'000'000,
                                     std::numeric_limits<std::int64_t>::max()};
  std::ranges::sort(times);
  for (std::size_t i = 1; i < times.size(); ++i) {
    EXPECT_LT(expiry_name(times[i - 1], std::string(kRecordKeyBytes, '\xff')),
              expiry_name(times[i], std::string(kRecordKeyBytes, '\0')))
        << times[i];
  }
}

TEST(RecordNames, AnExpiryIsFoundBetweenThePrefixAndTheNextMillisecond) {
  const std::string name = expiry_name(1000, kKey);
  EXPECT_TRUE(name.starts_with(kExpiryPrefix));
  EXPECT_LT(name, expiry_name(1001, {}));
  EXPECT_GE(name, expiry_name(1000, {}));
  EXPECT_EQ(name.substr(expiry_name(0, {}).size()), kKey);
}

TEST(RecordNames, ChunksOfAnAnswerSortByTheirNumbers) {
  const std::string blob = "0123456789abcdef";
  for (const std::uint32_t number : {0u, 1u, 255u, 256u, 65'535u, 0xfffffffeu}) {
    EXPECT_LT(chunk_name(blob, number), chunk_name(blob, number + 1)) << number;
  }
}

TEST(RecordNames, NoTwoKindsShareAPrefix) {
  const std::vector<std::string> names = {record_name(kKey), in_flight_name(kKey),
                                          expiry_name(0, kKey), chunk_name(kKey, 0)};
  for (const std::string& one : names) {
    EXPECT_FALSE(one.starts_with('!')) << "the store's own";
    EXPECT_EQ(
        std::ranges::count_if(
            names, [&](const std::string& other) { return other.starts_with(one.substr(0, 2)); }),
        1);
  }
}

}  // namespace
}  // namespace outrigger::filters
