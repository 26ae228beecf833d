#include "filters/cache/cache_directives.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

AnswerDirectives answer(const FieldTexts& fields) {
  return answer_directives(headers_of(fields), {});
}
AnswerDirectives of_answer(const std::string& text) {
  return answer({{"Cache-Control", text}});
}
RequestDirectives of_request(const std::string& text) {
  return request_directives(headers_of({{"Cache-Control", text}}));
}

TEST(CacheDirectives, ReadTheLifetimeOfAnAnswer) {
  struct Row {
    std::string text;
    std::optional<Duration> max_age;
    std::string source;
  };
  const Row kRows[] = {
      {"max-age=3600", 3600s, "5.2.2.1"},
      {"MaX-aGe=3600", 3600s, "5.2: names in any case"},
      {"max-age=\"3600\"", 3600s, "5.2: both forms of the argument"},
      {"max-age=003600", 3600s, "1.2.2"},
      {"foobar, max-age=3600", 3600s, "5.2.3: unknown directives are ignored"},
      {"foo=bar, max-age=3600, b=\"a,c\"", 3600s, "5.2.3"},
      {", ,max-age=1,,", 1s, "9110 5.6.1: empty elements"},
      {"extension=\"max-age=3600\"", std::nullopt, "cc-parse ignore-quoted"},
      {"extension=\"max-age=3600, max-age=7\", max-age=1", 1s, "cc-parse ignore-quoted"},
      {"max-age=1, extension=\"max-age=3600\"", 1s, "cc-parse ignore-quoted-rev"},
      {"a=\"\\\", max-age=5\", max-age=9", 9s, "9110 5.6.4: a quoted quote"},
      {"a=\"max-age=5", std::nullopt, "a string that nothing ends"},
      {"max-age=2147483648", kLongestDelta, "1.2.2"},
      {"max-age=2147483649", kLongestDelta, "1.2.2: too large is the largest"},
      {"max-age=99999999999", kLongestDelta, "1.2.2"},
      {"max-age=99999999999999999999999999", kLongestDelta, "1.2.2: no overflow"},
      {"max-age=-3600", 0s, "4.2.1: invalid freshness is stale"},
      {"max-age=3600.0", 0s, "4.2.1"},
      {"max-age=a3600", 0s, "4.2.1"},
      {"max-age=3600a", 0s, "4.2.1"},
      {"max-age='3600'", 0s, "cc-parse single-quoted"},
      {"max-age= 3600", 0s, "cc-parse space-after-equals"},
      {"max-age =3600", std::nullopt, "cc-parse space-before-equals: another name"},
      {"max-age", 0s, "4.2.1"},
      {"max-age=", 0s, "4.2.1"},
      {"max-age=\"\"", 0s, "4.2.1"},
      {"max-age=\"", 0s, "4.2.1"},
      {"max-age=1800, max-age=1", 1s, "4.2.1: of two the stricter"},
      {"max-age=1, max-age=1800", 1s, "4.2.1"},
      {"max-age=1800, max-age=x", 0s, "4.2.1"},
      {"x-max-age=5", std::nullopt, "another directive"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(of_answer(row.text).max_age, row.max_age) << row.text << " " << row.source;
  }
}

TEST(CacheDirectives, ReadTheOthersOfAnAnswer) {
  EXPECT_TRUE(of_answer("No-StOrE").no_store);
  EXPECT_TRUE(of_answer("nO-cAcHe").no_cache);
  EXPECT_TRUE(of_answer("private").is_private);
  EXPECT_TRUE(of_answer("public").is_public);
  EXPECT_TRUE(of_answer("must-revalidate").must_revalidate);
  EXPECT_TRUE(of_answer("proxy-revalidate").proxy_revalidate);
  EXPECT_TRUE(of_answer("must-understand").must_understand);
  EXPECT_EQ(of_answer("s-maxage=60").shared_age, 60s);
  EXPECT_EQ(of_answer("s-maxage=x").shared_age, 0s);
  EXPECT_EQ(of_answer("stale-while-revalidate=30").while_revalidate, 30s);
  EXPECT_EQ(of_answer("stale-if-error=90").if_error, 90s);
  // A window that is no number is none.
  EXPECT_EQ(of_answer("stale-while-revalidate").while_revalidate, std::nullopt);
  EXPECT_EQ(of_answer("stale-if-error=-1").if_error, std::nullopt);
  EXPECT_EQ(of_answer("stale-if-error=9, stale-if-error=5").if_error, 5s);
  EXPECT_EQ(of_answer(""), AnswerDirectives{});
  EXPECT_EQ(of_answer("immutable, nothing-to-see-here"), AnswerDirectives{});
  // Pragma of an answer says nothing (5.4).
  EXPECT_EQ(answer({{"Pragma", "no-cache"}}), AnswerDirectives{});
}

// 5.2.2.4, 5.2.2.7
TEST(CacheDirectives, WithFieldNamesAreAboutThoseFieldsOnly) {
  const AnswerDirectives named = of_answer("no-cache=\"B, a\", private=\"Set-Cookie\", no-cache=c");
  EXPECT_FALSE(named.no_cache);
  EXPECT_FALSE(named.is_private);
  EXPECT_EQ(named.no_cache_fields, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(named.private_fields, (std::vector<std::string>{"set-cookie"}));
  // Beside the form without names that counts.
  EXPECT_TRUE(of_answer("no-cache=\"a\", no-cache").no_cache);
  EXPECT_TRUE(of_answer("private, private=\"a\"").is_private);
  EXPECT_TRUE(of_answer("no-cache=\"\"").no_cache);
  EXPECT_TRUE(of_answer("private=\" , \"").is_private);
}

TEST(CacheDirectives, ReadWhatARequestAsks) {
  EXPECT_TRUE(of_request("No-Store").no_store);
  EXPECT_TRUE(of_request("no-cache").no_cache);
  EXPECT_TRUE(of_request("only-if-cached").only_if_cached);
  EXPECT_EQ(of_request("max-age=5").max_age, 5s);
  EXPECT_EQ(of_request("max-age=5, max-age=3").max_age, 3s);
  EXPECT_EQ(of_request("max-age=x").max_age, 0s);
  EXPECT_EQ(of_request("min-fresh=5, min-fresh=3").min_fresh, 5s);
  EXPECT_EQ(of_request("min-fresh=x").min_fresh, kLongestDelta);
  EXPECT_EQ(of_request("max-stale=60").max_stale, 60s);
  EXPECT_EQ(of_request("max-stale").max_stale, kLongestDelta);  // 5.2.1.2
  EXPECT_EQ(of_request("max-stale, max-stale=60").max_stale, 60s);
  EXPECT_EQ(of_request("max-stale=x").max_stale, std::nullopt);
  EXPECT_EQ(of_request("stale-if-error=60").if_error, 60s);
  EXPECT_EQ(of_request("nothing-to-see-here"), RequestDirectives{});
  EXPECT_EQ(request_directives({}), RequestDirectives{});
}

// 5.4
TEST(CacheDirectives, PragmaCountsWhereThereIsNoCacheControl) {
  const auto no_cache = [](const FieldTexts& fields) {
    return request_directives(headers_of(fields)).no_cache;
  };
  EXPECT_TRUE(no_cache({{"Pragma", "no-cache"}}));
  EXPECT_TRUE(no_cache({{"Pragma", "foo, No-Cache"}}));
  EXPECT_TRUE(no_cache({{"Pragma", "no-cache"}, {"Pragma", "foo"}}));
  EXPECT_FALSE(no_cache({{"Pragma", "unrecognised-extension"}}));
  EXPECT_FALSE(no_cache({{"Pragma", "no-cache"}, {"Cache-Control", "max-age=60"}}));
  EXPECT_FALSE(no_cache({{"Cache-Control", "nothing-to-see-here"}, {"Pragma", "no-cache"}}));
}

// RFC 9213; cache-tests cdn-cache-control
TEST(CacheDirectives, OfTheTargetedFieldReplaceTheOthersWhereItIsValid) {
  struct Row {
    std::string text;
    std::optional<Duration> max_age;  // beside Cache-Control: max-age=1
    bool targeted;
  };
  const Row kRows[] = {
      {"max-age=3600", 3600s, true},
      {"max-age=99999999999", kLongestDelta, true},
      {"max-age=-5", 0s, true},
      {"foobar, max-age=3600", 3600s, true},
      {"foo=(a \"b\";c 1.5), bar=:YQ==:;q=1, max-age=3600;x=?0", 3600s, true},
      {"max-age=5, max-age=9", 9s, true},  // RFC 8941 4.2.2: the last
      {"no-store=?0, max-age=7", 7s, true},
      {"no-store", std::nullopt, true},
      {"", 1s, false},
      {"max-age =3600", 1s, false},
      {"max-age= 3600", 1s, false},
      {"MaX-aGe=3600", 1s, false},
      {"max-age=10000, &&&&&", 1s, false},
      {"max-age=\"10000\"", 1s, false},
      {"max-age=1.5", 1s, false},
      {"max-age", 1s, false},
      {"no-store=1, max-age=5", 1s, false},
      {"private=5", 1s, false},
      {"max-age=3600,", 1s, false},
      {"max-age=3600 no-store", 1s, false},
      {"a=\"x, max-age=3600", 1s, false},
      {"a=\"\\x\", max-age=3600", 1s, false},
      {"max-age=3600, b=?2", 1s, false},
      {"max-age=3600, b=(a", 1s, false},
      {"max-age=3600, b=:a", 1s, false},
      {"max-age=3600;=1", 1s, false},
      {"max-age=1234567890123456", 1s, false},
  };
  config::PageCache policy;
  policy.obey_cdn = true;
  for (const Row& row : kRows) {
    const http::Headers headers =
        headers_of({{"Cache-Control", "max-age=1"}, {"CDN-Cache-Control", row.text}});
    const AnswerDirectives read = answer_directives(headers, policy);
    EXPECT_EQ(read.max_age, row.max_age) << row.text;
    EXPECT_EQ(read.targeted, row.targeted) << row.text;
    EXPECT_EQ(answer_directives(headers, {}).max_age, 1s) << "not told to: " << row.text;
  }
  const auto read = answer_directives(headers_of({{"CDN-Cache-Control", "private=\"a, b\""},
                                                  {"CDN-Cache-Control", "no-store, no-cache"}}),
                                      policy);
  EXPECT_TRUE(read.no_store && read.no_cache);
  EXPECT_EQ(read.private_fields, (std::vector<std::string>{"a", "b"}));
}

// 9110 5.3: lines of one name are one list.
TEST(CacheDirectives, AnySplitOverLinesReadsTheSame) {
  const std::vector<std::string> kPieces = {"no-store",
                                            "no-cache",
                                            "no-cache=\"a, b\"",
                                            "private=\"c\"",
                                            "private",
                                            "public",
                                            "max-age=5",
                                            "max-age=\"9\"",
                                            "max-age=x",
                                            "s-maxage=7",
                                            "max-stale",
                                            "max-stale=3",
                                            "min-fresh=4",
                                            "min-fresh=1",
                                            "x=\"max-age=1, y\"",
                                            "must-revalidate",
                                            "stale-if-error=5",
                                            "stale-while-revalidate=6",
                                            "only-if-cached",
                                            ""};
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string line;
    FieldTexts split;
    for (int i = 0; i < 6; ++i) {
      const std::string& piece = kPieces[random() % kPieces.size()];
      line += (i == 0 ? "" : random() % 2 == 0 ? "," : " ,\t") + piece;
      if (split.empty() || random() % 2 == 0) split.emplace_back("cache-control", "");
      std::string& last = split.back().second;
      if (!last.empty()) last += ", ";
      last += piece;
    }
    EXPECT_EQ(answer({{"Cache-Control", line}}), answer(split)) << line;
    EXPECT_EQ(of_request(line), request_directives(headers_of(split))) << line;
  }
}

TEST(CacheDirectives, AreReadFromAnyBytes) {
  constexpr std::string_view kBytes = "=\",\\ \t;()?:*-.0123456789amx\x80\x01";
  std::mt19937 random(3);
  config::PageCache policy;
  policy.obey_cdn = true;
  for (int round = 0; round < 20000; ++round) {
    std::string text = random() % 2 == 0 ? "max-age" : "";
    for (std::size_t i = random() % 16; i > 0; --i) text += kBytes[random() % kBytes.size()];
    const AnswerDirectives read = answer_directives(
        headers_of({{"Cache-Control", text}, {"CDN-Cache-Control", text}}), policy);
    EXPECT_GE(read.max_age.value_or(0s), 0s) << text;
    EXPECT_LE(read.max_age.value_or(0s), kLongestDelta) << text;
    (void)of_request(text);
  }
}

}  // namespace
}  // namespace outrigger::filters
