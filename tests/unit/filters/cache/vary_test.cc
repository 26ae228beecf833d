#include "filters/cache/vary.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

using Names = std::vector<std::string>;

VaryNames names_of(const FieldTexts& fields) {
  return vary_names(headers_of(fields));
}
std::string text_of(const FieldTexts& request, const Names& names) {
  return vary_text(headers_of(request), names);
}

TEST(Vary, NamesAreOneListInLowerCaseAndInOrder) {
  EXPECT_EQ(names_of({}), VaryNames{});
  EXPECT_EQ(names_of({{"Vary", ""}}), VaryNames{});
  EXPECT_EQ(names_of({{"Vary", "Foo, bar ,FOO"}, {"vary", "Baz,"}}).names,
            (Names{"bar", "baz", "foo"}));
}

// RFC 9111 4.1; cache-tests vary-parse
TEST(Vary, AStarAnywhereFitsNoOtherRequest) {
  const FieldTexts kRows[] = {{{"Vary", "*"}},
                              {{"Vary", "*, *"}},
                              {{"Vary", "*"}, {"Vary", "*"}},
                              {{"Vary", ", *"}},
                              {{"Vary", ""}, {"Vary", "*"}},
                              {{"Vary", "*, Foo"}},
                              {{"Vary", "Foo, *"}}};
  for (const FieldTexts& row : kRows) EXPECT_TRUE(names_of(row).anything);
  EXPECT_FALSE(names_of({{"Vary", "Foo"}}).anything);
  EXPECT_FALSE(names_of({{"Vary", "a*"}}).anything);
}

// 4.1; cache-tests vary
TEST(Vary, RequestsAreEqualWhenTheNamedFieldsSayTheSame) {
  struct Row {
    std::string source;
    bool equal;
    FieldTexts a, b;
    Names names = {"foo"};
  };
  const Row kRows[] = {
      {"vary-match", true, {{"Foo", "1"}}, {{"foo", "1"}}},
      {"vary-no-match", false, {{"Foo", "1"}}, {{"Foo", "2"}}},
      {"vary-omit", false, {{"Foo", "1"}}, {}},
      {"vary-omit-stored", false, {}, {{"Foo", "1"}}},
      {"4.1: absent is not empty", false, {}, {{"Foo", ""}}},
      {"vary-cache-key", true, {{"Foo", "1"}, {"Other", "2"}}, {{"Foo", "1"}, {"Other", "3"}}},
      {"vary-2-no-match",
       false,
       {{"Foo", "1"}, {"Bar", "a"}},
       {{"Foo", "2"}, {"Bar", "a"}},
       {"bar", "foo"}},
      {"vary-3-omit", true, {{"Foo", "1"}}, {{"Foo", "1"}}, {"bar", "foo"}},
      {"no value passes for another's", false, {{"Bar", "1"}}, {{"Foo", "1"}}, {"bar", "foo"}},
      {"vary-normalise-combine", true, {{"Foo", "1, 2"}}, {{"Foo", "1"}, {"Foo", "2"}}},
      {"4.1: in their order", false, {{"Foo", "1, 2"}}, {{"Foo", "2"}, {"Foo", "1"}}},
      {"vary-normalise-space", true, {{"Foo", "1,2"}}, {{"Foo", " 1, 2 "}}},
      {"spaces in a quoted string", false, {{"Foo", "\"1,2\""}}, {{"Foo", "\"1, 2\""}}},
      {"spaces in a member", false, {{"Foo", "a b"}}, {{"Foo", "a  b"}}},
      {"letters of unknown fields", false, {{"Foo", "a"}}, {{"Foo", "A"}}},
      {"vary-normalise-lang-case",
       true,
       {{"Accept-Language", "en, de"}},
       {{"Accept-Language", "eN, De"}},
       {"accept-language"}},
      {"vary-normalise-lang-space",
       true,
       {{"Accept-Language", "en;q=1, de"}},
       {{"Accept-Language", " en ; q=1,   de"}},
       {"accept-language"}},
      {"9110 12.5.4: some go by the order",
       false,
       {{"Accept-Language", "en, de"}},
       {{"Accept-Language", "de, en"}},
       {"accept-language"}},
      {"9110 12.5.3: codings have none",
       true,
       {{"Accept-Encoding", "GZIP;q=0.5, br"}},
       {{"Accept-Encoding", "br"}, {"Accept-Encoding", "gzip; q=0.5"}},
       {"accept-encoding"}},
      {"9110 12.5.3",
       false,
       {{"Accept-Encoding", "gzip"}},
       {{"Accept-Encoding", "br"}},
       {"accept-encoding"}},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(text_of(row.a, row.names) == text_of(row.b, row.names), row.equal) << row.source;
  }
}

TEST(Vary, WithoutNamesAllRequestsAreEqual) {
  EXPECT_EQ(text_of({{"Foo", "1"}}, {}), "");
}

// RFC 9110 5.3
TEST(Vary, AnySplitOverLinesSaysTheSame) {
  std::mt19937 random(2);
  const std::vector<std::string> kPieces = {"a", "B", "\"x, y\"", "c;q=1", ""};
  for (int round = 0; round < 2000; ++round) {
    std::string line;
    FieldTexts split;
    for (int i = 0; i < 5; ++i) {
      const std::string& piece = kPieces[random() % kPieces.size()];
      line += (i == 0 ? "" : random() % 2 == 0 ? "," : "\t, ") + piece;
      if (split.empty() || random() % 2 == 0) {
        split.emplace_back("Foo", piece);
      } else {
        split.back().second += ", " + piece;
      }
    }
    EXPECT_EQ(text_of({{"Foo", line}}, {"foo"}), text_of(split, {"foo"})) << line;
  }
}

}  // namespace
}  // namespace outrigger::filters
