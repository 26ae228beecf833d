#include "filters/cache/validation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "filters/cache/entity_tag.h"
#include "filters/cache/field_list.h"
#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

const FieldTexts kTagged = {{"ETag", "\"a,b\""}, {"Last-Modified", date_in(-1h)}};

Condition condition(const FieldTexts& request, const FieldTexts& stored = kTagged,
                    int status = 200) {
  return evaluate_condition(headers_of(request), stored_of(status, stored), kNow);
}

// RFC 9110 13.2.2, 8.8.3.2; RFC 9111 4.3.2; cache-tests conditional-etag
TEST(Validation, AnswersIfNoneMatch) {
  struct Row {
    std::string source, given, stored;
    Condition condition;
  };
  constexpr auto kYes = Condition::kNotModified;
  constexpr auto kNo = Condition::kNone;
  const Row kRows[] = {
      {"strong-respond", "\"abc\"", "\"abc\"", kYes},
      {"another", "\"abd\"", "\"abc\"", kNo},
      {"8.8.3.2: case", "\"ABC\"", "\"abc\"", kNo},
      {"weak-respond", "W/\"abc\"", "W/\"abc\"", kYes},
      {"8.8.3.2: weak and strong", "W/\"abc\"", "\"abc\"", kYes},
      {"8.8.3.2: strong and weak", "\"abc\"", "W/\"abc\"", kYes},
      {"multiple-first", "\"abc\", \"1\", \"2\"", "\"abc\"", kYes},
      {"multiple-second", "\"1\",\"abc\" , \"2\"", "\"abc\"", kYes},
      {"multiple-last", "\"1\", W/\"2\", W/\"abc\"", "\"abc\"", kYes},
      {"8.8.3: commas in a tag", "\"1\", \"a,b\"", "\"a,b\"", kYes},
      {"8.8.3: a part of a tag is none", "\"a,b\"", "\"b\"", kNo},
      {"8.8.3: a backslash escapes nothing", "\"a\\\", \"b\"", "\"b\"", kYes},
      {"obs-text", "\"ab\xfc\"", "\"ab\xfc\"", kYes},
      {"13.1.2: *", "*", "\"abc\"", kYes},
      {"13.1.2: * without a tag", "*", "", kYes},
      {"* in a list is no tag", "\"1\", *", "\"abc\"", kNo},
      {"no tag stored", "\"abc\"", "", kNo},
      {"empty", "", "\"abc\"", kNo},
      {"unquoted-respond-unquoted", "abc", "abc", kYes},
      {"quoted-respond-unquoted", "abc", "\"abc\"", kNo},
      {"nothing ends it", "\"abc", "\"abc\"", kNo},
      {"8.8.3: W in upper case", "w/\"abc\"", "\"abc\"", kNo},
  };
  for (const Row& row : kRows) {
    FieldTexts stored;
    if (!row.stored.empty()) stored.push_back({"etag", row.stored});
    EXPECT_EQ(condition({{"If-None-Match", row.given}}, stored), row.condition) << row.source;
  }
  EXPECT_EQ(condition({{"If-None-Match", "\"1\""}, {"if-none-match", "\"a,b\""}}), kYes);
}

// RFC 9110 13.1.3; RFC 9111 4.3.2; cache-tests conditional-lm
TEST(Validation, AnswersIfModifiedSince) {
  constexpr auto kYes = Condition::kNotModified;
  constexpr auto kNo = Condition::kNone;
  const auto since = [](const std::string& text, const FieldTexts& stored) {
    return condition({{"If-Modified-Since", text}}, stored);
  };
  const FieldTexts changed = {{"Last-Modified", date_in(-3000s)}, {"Date", date_in(0s)}};
  EXPECT_EQ(since(date_in(-3000s), changed), kYes);
  EXPECT_EQ(since(date_in(-2000s), changed), kYes);
  EXPECT_EQ(since(date_in(-3001s), changed), kNo);
  EXPECT_EQ(since("Saturday, 28-Nov-26 05:10:00 GMT", changed), kYes);  // rfc850
  EXPECT_EQ(since("0", changed), kNo);
  EXPECT_EQ(since("", changed), kNo);
  EXPECT_EQ(condition({{"If-Modified-Since", date_in(0s)}, {"If-Modified-Since", date_in(0s)}}),
            kNo);
  // Where it does not say when it changed: Date, or when it came.
  EXPECT_EQ(since(date_in(0s), {{"Date", date_in(0s)}}), kYes);
  EXPECT_EQ(since(date_in(-1s), {{"Date", date_in(0s)}}), kNo);
  EXPECT_EQ(since(date_in(0s), {}), kYes);
  EXPECT_EQ(since(date_in(-1s), {}), kNo);
}

// RFC 9110 13.2.1, 13.2.2
TEST(Validation, TakesConditionsInTheirOrder) {
  const FieldText kSince{"If-Modified-Since", date_in(0s)};
  EXPECT_EQ(condition({{"If-None-Match", "\"x\""}, kSince}), Condition::kNone);
  EXPECT_EQ(condition({{"If-None-Match", "\"a,b\""}, {"If-Modified-Since", date_in(-9h)}}),
            Condition::kNotModified);
  EXPECT_EQ(condition({{"If-Match", "\"a,b\""}}), Condition::kUpstream);
  EXPECT_EQ(condition({{"If-Match", "*"}, {"If-None-Match", "\"a,b\""}}), Condition::kUpstream);
  EXPECT_EQ(condition({{"If-Unmodified-Since", date_in(0s)}}), Condition::kUpstream);
  EXPECT_EQ(condition({}), Condition::kNone);
  EXPECT_EQ(condition({{"If-Range", "\"a,b\""}, {"If-Foo", "*"}}), Condition::kNone);
  for (const int status : {204, 301, 404, 500}) {
    EXPECT_EQ(condition({{"If-None-Match", "*"}}, kTagged, status), Condition::kNone) << status;
    EXPECT_EQ(condition({kSince}, kTagged, status), Condition::kNone) << status;
  }
}

// RFC 9110 15.4.5
TEST(Validation, ANotModifiedDescribesNoContent) {
  const StoredHead tagged = stored_of(200, {{"ETag", "\"a\""}});
  const auto belongs = [&](const std::string& name) {
    return belongs_in_not_modified(tagged, {name, "x"});
  };
  for (const char* name : {"Content-Location", "Date", "ETag", "Vary", "Cache-Control", "Expires",
                           "Access-Control-Allow-Origin", "Cache-Status"}) {
    EXPECT_TRUE(belongs(name)) << name;
  }
  for (const char* name :
       {"Content-Type", "Content-Length", "Content-Encoding", "Content-MD5", "Content-Language",
        "Content-Range", "Content-Digest", "Repr-Digest", "Last-Modified"}) {
    EXPECT_FALSE(belongs(name)) << name;
  }
  // The only way that the client has to know the version.
  EXPECT_TRUE(belongs_in_not_modified(stored_of(200, {}), {"last-modified", "x"}));
}

FieldTexts texts_of(const http::Headers& headers) {
  FieldTexts texts;
  for (const http::Field& field : headers) texts.emplace_back(field.name, field.value);
  return texts;
}

// RFC 9111 4.3.1
TEST(Validation, AsksWithTheStoredValidatorsInsteadOfTheClients) {
  const auto asked = [](const FieldTexts& request, const FieldTexts& stored) {
    http::Headers headers = headers_of(request);
    ask_for_validation(headers, stored_of(200, stored));
    return texts_of(headers);
  };
  const FieldTexts client = {{"Foo", "1"},           {"If-None-Match", "\"x\""},
                             {"If-Range", "x"},      {"If-Modified-Since", date_in(0s)},
                             {"Range", "bytes=0-1"}, {"If-None-Match", "\"y\""}};
  EXPECT_EQ(asked(client, kTagged),
            (FieldTexts{
                {"Foo", "1"}, {"if-none-match", "\"a,b\""}, {"if-modified-since", date_in(-1h)}}));
  EXPECT_EQ(asked({}, {{"ETag", "W/\"a\""}}), (FieldTexts{{"if-none-match", "W/\"a\""}}));
  EXPECT_EQ(asked({}, {{"last-modified", "Sun Nov  6 08:49:37 1994"}}),
            (FieldTexts{{"if-modified-since", "Sun Nov  6 08:49:37 1994"}}));  // as it came
}

// RFC 9111 4.3.4
TEST(Validation, A304ConfirmsOnlyTheVersionThatItNames) {
  struct Row {
    std::string source;
    bool confirms;
    FieldTexts not_modified, stored;
  };
  const FieldText kStrong{"ETag", "\"a\""};
  const FieldText kWeak{"ETag", "W/\"a\""};
  const FieldText kDate{"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"};
  const Row kRows[] = {
      {"the same strong one", true, {kStrong}, {kStrong}},
      {"another strong one", false, {{"ETag", "\"b\""}}, {kStrong}},
      {"a strong one and a weak one", false, {kStrong}, {kWeak}},
      {"a strong one and none", false, {kStrong}, {kDate}},
      {"a strong one that differs beside an equal date",
       false,
       {{"ETag", "\"b\""}, kDate},
       {kStrong, kDate}},
      {"a strong one alone decides",
       true,
       {kStrong, {"Last-Modified", date_in(0s)}},
       {kStrong, kDate}},
      {"the same weak one", true, {kWeak}, {kWeak}},
      {"a weak one and a strong one", true, {kWeak}, {kStrong}},
      {"another weak one", false, {{"ETag", "W/\"b\""}}, {kWeak}},
      {"the same date", true, {kDate}, {kDate}},
      {"the same date in another form",
       true,
       {{"Last-Modified", "Sun Nov  6 08:49:37 1994"}},
       {kDate}},
      {"another date", false, {{"Last-Modified", date_in(0s)}}, {kDate}},
      {"a date and none", false, {kDate}, {kStrong}},
      {"two that are no dates", false, {{"Last-Modified", "x"}}, {{"Last-Modified", "y"}}},
      {"nothing", true, {}, {kStrong}},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(confirms(headers_of(row.not_modified), stored_of(200, row.stored)), row.confirms)
        << row.source;
  }
}

// RFC 9111 3.2; cache-tests update304
TEST(Validation, A304UpdatesWhatItNamesAndKeepsTheRest) {
  const StoredHead stored = stored_of(
      404,
      {{"Test-Header", "A"}, {"A", "1"}, {"a", "2"}, {"B", "3"}, {"Content-Type", "text/plain"}});
  const http::ResponseHead head = freshened(stored, headers_of({{"test-header", "B"},
                                                                {"A", "5"},
                                                                {"a", "6"},
                                                                {"C", "7"},
                                                                {"Content-Type", "text/html"},
                                                                {"Content-Length", "0"}}));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(texts_of(head.headers), (FieldTexts{{"B", "3"},
                                                {"Content-Type", "text/plain"},
                                                {"test-header", "B"},
                                                {"A", "5"},
                                                {"a", "6"},
                                                {"C", "7"}}));
  for (const std::string name : {"X-Test-Header", "Content-Foo", "Cache-Control", "Expires",
                                 "Content-Security-Policy", "Content-Location", "Date"}) {
    const auto updated = freshened(stored_of(200, {{name, "A"}}), headers_of({{name, "B"}}));
    EXPECT_EQ(texts_of(updated.headers), (FieldTexts{{name, "B"}}));
  }
}

// The rules of storing hold for it like for one that came whole.
TEST(Validation, AFreshenedAnswerIsFreshByThe304) {
  const StoredHead stored = stored_of(
      200,
      {{"Cache-Control", "max-age=1"}, {"ETag", "\"a\""}, {"Date", date_in(-1h)}, {"Body", "x"}});
  const auto store = [&](const FieldTexts& not_modified) {
    return store_page({}, freshened(stored, headers_of(not_modified)), {}, {kNow, kNow});
  };
  const auto page = store({{"Cache-Control", "max-age=60"}, {"Date", date_in(0s)}, {"Age", "7"}});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->facts.lifetime, 60s);
  EXPECT_EQ(page->facts.age_then, 7s);
  EXPECT_EQ(field_value(page->head, "body"), "x");
  EXPECT_EQ(field_value(page->head, "age"), "");
  EXPECT_EQ(store({{"Date", date_in(0s)}})->facts.lifetime, 1s);  // what it leaves out stays
  EXPECT_EQ(store({{"Cache-Control", "no-store"}}).error(), NotStored::kNoStore);
  EXPECT_EQ(store({})->facts.age_then, 0s) << "without a Date it is of now (RFC 9110 6.6.1)";
}

TEST(Validation, NoUpdateChangesHowTheStoredBytesAreRead) {
  std::mt19937 random(4);
  const std::vector<std::string> kFixed = {"Content-Encoding", "Content-Length", "Content-Range",
                                           "Content-Type"};
  const std::vector<std::string> kOthers = {"A", "ETag", "content-foo", "Expires", "Vary"};
  for (int round = 0; round < 2000; ++round) {
    const auto some = [&](const std::string& value) {
      FieldTexts fields;
      for (int i = 0; i < 6; ++i) {
        const auto& names = random() % 2 == 0 ? kFixed : kOthers;
        std::string name = names[random() % names.size()];
        if (random() % 2 == 0) std::ranges::transform(name, name.begin(), ::tolower);
        fields.emplace_back(name, value + std::to_string(i));
      }
      return fields;
    };
    const FieldTexts stored = some("old");
    const FieldTexts update = some("new");
    const FieldTexts result =
        texts_of(freshened(stored_of(200, stored), headers_of(update)).headers);
    const auto only = [](const FieldTexts& fields, const std::string& name) {
      std::vector<std::string> values;
      for (const auto& [key, value] : fields) {
        if (http::equals_ignore_case(key, name)) values.push_back(value);
      }
      return values;
    };
    for (const std::string& name : kFixed) EXPECT_EQ(only(result, name), only(stored, name));
    for (const std::string& name : kOthers) {
      const auto said = only(update, name);
      EXPECT_EQ(only(result, name), said.empty() ? only(stored, name) : said);
    }
  }
}

// RFC 9111 4.3.5
TEST(Validation, AHeadFreshensOrOutdatesTheStoredAnswer) {
  StoredHead stored = stored_of(200, kTagged);
  stored.length = 10;
  const auto effect = [&](int status, const FieldTexts& fields) {
    return head_effect(answer_of(status, fields), stored);
  };
  EXPECT_EQ(effect(200, kTagged), HeadEffect::kFreshens);
  EXPECT_EQ(effect(200, {{"Content-Length", "10"}}), HeadEffect::kFreshens);
  EXPECT_EQ(effect(200, {{"Content-Length", "11"}}), HeadEffect::kOutdates);
  EXPECT_EQ(effect(200, {{"ETag", "\"x\""}}), HeadEffect::kOutdates);
  EXPECT_EQ(effect(200, {{"ETag", "\"a,b\""}, {"Last-Modified", date_in(0s)}}),
            HeadEffect::kOutdates);
  EXPECT_EQ(effect(404, {{"ETag", "\"x\""}}), HeadEffect::kNothing);
  stored.status = 404;
  EXPECT_EQ(effect(200, {{"ETag", "\"x\""}}), HeadEffect::kNothing);
}

// RFC 9110 8.8.3.2, its table
TEST(EntityTag, ComparesWeaklyAndStrongly) {
  struct Row {
    std::string_view a, b;
    bool strongly, weakly;
  };
  constexpr Row kRows[] = {{"W/\"1\"", "W/\"1\"", false, true},
                           {"W/\"1\"", "W/\"2\"", false, false},
                           {"W/\"1\"", "\"1\"", false, true},
                           {"\"1\"", "\"1\"", true, true},
                           {"", "", false, false}};
  for (const Row& row : kRows) {
    EXPECT_EQ(same_tag_strongly(row.a, row.b), row.strongly) << row.a << row.b;
    EXPECT_EQ(same_tag_weakly(row.a, row.b), row.weakly) << row.a << row.b;
    EXPECT_EQ(same_tag_weakly(row.b, row.a), row.weakly) << row.a << row.b;
  }
}

TEST(EntityTag, AreTakenFromAnyBytes) {
  std::mt19937 random(8);
  constexpr std::string_view kBytes = "W/\"\\, \ta*";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (std::size_t i = random() % 12; i > 0; --i) text += kBytes[random() % kBytes.size()];
    std::string_view rest = text;
    std::size_t count = 0;
    for (std::string_view tag; next_tag(rest, tag); ++count) EXPECT_FALSE(tag.empty()) << text;
    EXPECT_LE(count, text.size());
  }
}

}  // namespace
}  // namespace outrigger::filters
