#include "filters/cache/entry_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

CacheEntry full_entry() {
  return {
      .kind = CacheEntry::Kind::kPrompt,
      .upstream = "openai",
      .model = "gpt-4o",
      .tags = {"team-a", ""},
      .stored_us = 1'700'000'000'000'001,
      .expires_us = -5,
      .keep_until_us = 1'800'000'000'000'002,
      .head = {.status = 206, .fields = {{"content-type", "text/plain"}, {"x", ""}}, .length = 7},
      .body = {std::string(CacheEntry::kPiece, 'a'), std::string("\0b", 2)},
      .events = {{3, 10}, {7, 0xffffffff}},
      .page = {.received_us = 77,
               .age_then = 5s,
               .lifetime = -1ns,
               .heuristic = true,
               .always_validate = false,
               .must_revalidate = true,
               .while_revalidate = 3s,
               .if_error = std::nullopt},
      .prompt = {.usage = TokenUsage{11, 22}},
      .vary = {"accept", "accept-language"},
      .epoch = 0x0123456789abcdef,
  };
}

std::string random_text(Random& random, std::size_t most) {
  std::string text(random.below(most + 1), '\0');
  for (char& c : text) c = static_cast<char>(random.next());
  return text;
}

CacheEntry random_entry(Random& random) {
  CacheEntry entry;
  entry.kind = static_cast<CacheEntry::Kind>(random.below(3));
  entry.upstream = random_text(random, 20);
  entry.model = random_text(random, 20);
  for (auto n = random.below(4); n > 0; --n) entry.tags.push_back(random_text(random, 9));
  for (auto n = random.below(3); n > 0; --n) entry.vary.push_back(random_text(random, 9));
  entry.stored_us = static_cast<std::int64_t>(random.next());
  entry.expires_us = static_cast<std::int64_t>(random.next());
  entry.keep_until_us = static_cast<std::int64_t>(random.next());
  entry.head.status = static_cast<int>(random.below(1000));
  for (auto n = random.below(5); n > 0; --n) {
    entry.head.fields.push_back({random_text(random, 30), random_text(random, 60)});
  }
  if (random.below(2) == 1) entry.head.length = random.next();
  std::string body = random_text(random, 3 * CacheEntry::kPiece);
  for (std::size_t at = 0; at < body.size(); at += CacheEntry::kPiece) {
    entry.body.push_back(body.substr(at, CacheEntry::kPiece));
  }
  for (auto n = random.below(5); n > 0; --n) {
    entry.events.push_back(
        {static_cast<std::uint32_t>(random.next()), static_cast<std::uint32_t>(random.next())});
  }
  entry.page.received_us = static_cast<std::int64_t>(random.next());
  entry.page.lifetime = Duration(static_cast<std::int64_t>(random.next()));
  if (random.below(2) == 1) entry.page.if_error = Duration(random.below(1000));
  entry.page.always_validate = random.below(2) == 1;
  if (random.below(2) == 1) entry.prompt.usage = TokenUsage{random.next(), random.next()};
  entry.epoch = random.next();
  return entry;
}

TEST(EntryCodec, GivesBackEveryField) {
  const CacheEntry entry = full_entry();
  EXPECT_EQ(read_entry(write_entry(entry)), entry);
  EXPECT_EQ(read_entry(write_entry(CacheEntry{})), CacheEntry{});
}

TEST(EntryCodec, GivesBackAnyEntry) {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    const CacheEntry entry = random_entry(random);
    ASSERT_EQ(read_entry(write_entry(entry)), entry) << i;
  }
}

TEST(EntryCodec, CutsTheBodyInPiecesWhateverItCameIn) {
  CacheEntry entry = full_entry();
  entry.body = {"ab", "", "cd", std::string(CacheEntry::kPiece, 'e')};
  const auto read = read_entry(write_entry(entry));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->body.size(), 2U);
  EXPECT_EQ(read->body[0].size(), CacheEntry::kPiece);
  EXPECT_EQ(read->body[0].substr(0, 5), "abcde");
  EXPECT_EQ(read->body[1], "eeee");
}

TEST(EntryCodec, TakesNoOtherForm) {
  std::string bytes = write_entry(full_entry());
  EXPECT_FALSE(read_entry(""));
  bytes[0] = 2;
  EXPECT_FALSE(read_entry(bytes));
}

// What was cut within the body is for whoever keeps the bytes to find.
TEST(EntryCodec, TakesNothingWhoseFactsAreCut) {
  CacheEntry entry = full_entry();
  entry.body.clear();
  const std::string bytes = write_entry(entry);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read_entry(std::string_view(bytes).substr(0, size))) << size;
  }
}

TEST(EntryCodec, TakesNoNumberForAKindOrAFlagThatIsNone) {
  CacheEntry entry;
  std::string bytes = write_entry(entry);
  bytes[1] = 3;  // the kind stands first
  EXPECT_FALSE(read_entry(bytes));
  bytes = write_entry(entry);
  // kind, four sizes that are 0 (upstream, model, tags), three times, status, fields: the flag.
  const std::size_t flag = 1 + 1 + 4 + 4 + 4 + 8 + 8 + 8 + 4 + 4;
  ASSERT_EQ(bytes[flag], 0);
  bytes[flag] = 2;
  EXPECT_FALSE(read_entry(bytes));
}

// Memory is bounded by the bytes: a count that promises more than there is makes no room.
TEST(EntryCodec, EndsWithAnyBytes) {
  Random random(2);
  CacheEntry entry = full_entry();
  entry.body = {"body"};
  const std::string whole = write_entry(entry);
  for (int i = 0; i < 30'000; ++i) {
    std::string bytes = i % 3 == 0 ? random_text(random, 200) : whole;
    if (i % 3 == 0) bytes.insert(0, 1, '\1');
    for (auto n = random.below(4); n > 0; --n) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    const auto read = read_entry(bytes);
    if (!read) continue;
    EXPECT_LE(read->body_bytes() + read->events.size() * 8, bytes.size());
    EXPECT_EQ(read_entry(write_entry(*read)), read);
  }
}

TEST(CacheEntryWeight, CountsWhatItHolds) {
  CacheEntry entry = full_entry();
  const std::uint64_t before = entry.weight();
  EXPECT_EQ(entry.body_bytes(), CacheEntry::kPiece + 2);
  EXPECT_GE(before, entry.body_bytes() + sizeof entry);
  entry.body.emplace_back(1000, 'x');
  EXPECT_GE(entry.weight(), before + 1000);
  CacheEntry tagged;
  tagged.tags = {std::string(500, 't')};
  EXPECT_GE(tagged.weight(), CacheEntry{}.weight() + 500);
  CacheEntry headed;
  headed.head.fields = {{"a", std::string(500, 'f')}};
  EXPECT_GE(headed.weight(), CacheEntry{}.weight() + 500);
}

}  // namespace
}  // namespace outrigger::filters
