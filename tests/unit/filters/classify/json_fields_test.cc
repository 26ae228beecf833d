#include "filters/classify/json_fields.h"

#include <random>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "filters/classify/cut_json.h"

namespace outrigger::filters {
namespace {

using Check = config::JsonMatch::Test;

std::string found(std::string_view body, std::string_view pointer) {
  std::string all;
  for (const JsonValue& value : JsonAnswer(body).find(pointer)) {
    all += (all.empty() ? "" : "|") + value.text;
  }
  return all;
}

TEST(JsonFields, AreFoundByPointer) {
  struct Row {
    std::string_view body, pointer, values;
  };
  const Row rows[] = {
      {R"({"error":{"code":"slow_down"}})", "/error/code", "slow_down"},
      {R"({"error":{"code":429}})", "/error/code", "429"},
      {R"({"error":{"code":null}})", "/error/code", "null"},
      {R"({"ok":false})", "/ok", "false"},
      {R"({"x":0.5})", "/x", "0.5"},
      {R"({"x":-3})", "/x", "-3"},
      {R"({"x":18446744073709551615})", "/x", "18446744073709551615"},
      {R"({"a/b":{"m~n":1}})", "/a~1b/m~0n", "1"},  // RFC 6901 5
      {R"({"a/":1})", "/a~1", "1"},
      {R"({"a~":1})", "/a~", "1"},
      {R"({"":{"b":1}})", "//b", "1"},
      {R"({"a":["x","y"]})", "/a/1", "y"},
      {R"({"a":["x","y"]})", "/a/*", "x|y"},
      {R"({"a":[{"b":[{"c":1}]},{"b":[{"c":2},{"c":3}]}]})", "/a/*/b/*/c", "1|2|3"},
      // Salesforce, Gemini: the one error is in a list.
      {R"([{"errorCode":"UNABLE_TO_LOCK_ROW"}])", "/0/errorCode", "UNABLE_TO_LOCK_ROW"},
      {R"([{"errorCode":"UNABLE_TO_LOCK_ROW"}])", "/errorCode", "UNABLE_TO_LOCK_ROW"},
      {R"([])", "/errorCode", ""},
      {R"({"a":1})", "/b", ""},
      {R"({"a":1})", "a", ""},
      {R"({"a":1})", "/a/b", ""},
      {R"({"a":[1]})", "/a/7", ""},
      {R"({"a":[1]})", "/a/99999999999999999999999", ""},
      {R"("text")", "/a", ""},
      {"", "/a", ""},
      {"<html>{oops</html>", "/a", ""},
      {"\xEF\xBB\xBF{\"a\":1}", "/a", "1"},
      {"data: {\"a\":1}\n\n", "/a", "1"},
      {"{\"a\":1} and more", "/a", "1"},
      {"{\"a\":\"caf\xE9\",\"b\":2}", "/b", "2"},  // Latin 1
      {"{\"a\":\"caf\xC3\xA9\",\"b", "/a", "caf\xC3\xA9"},
  };
  for (const auto& [body, pointer, values] : rows) EXPECT_EQ(found(body, pointer), values) << body;
}

TEST(JsonFields, AreSixteenAtMost) {
  EXPECT_EQ(JsonAnswer("{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}").find("/a/*").size(),
            16u);
}

TEST(JsonFields, AScalarIsTheFirstTextOrNumber) {
  const JsonAnswer answer(R"({"a":[null,true,{"b":1},"text",7],"n":[[],7,"x"],"none":[{},false]})");
  EXPECT_EQ(answer.scalar("/a/*")->text, "text");
  EXPECT_EQ(answer.scalar("/n/*")->number, 7);
  EXPECT_FALSE(answer.scalar("/none/*"));
}

TEST(JsonFields, LettersAreComparedWithoutCaseAndNothingElseIs) {
  for (const auto& [text, part] : {std::pair{"A ZONE", "zone"}, {"a zone", "A Z"}, {"x", ""}}) {
    EXPECT_TRUE(contains_ignore_case(text, part)) << text << ", " << part;
  }
  for (const auto& [text, part] : {std::pair{"[", "{"}, {"@", "`"}, {"abc", "abd"}, {"", "x"}}) {
    EXPECT_FALSE(contains_ignore_case(text, part)) << text << ", " << part;
  }
}

TEST(JsonFields, OfACutBodyAreReadAsFarAsTheyGo) {
  struct Row {
    std::string_view text, closed;
  };
  const Row rows[] = {
      {R"({"error":{"code":"x","mess)", R"({"error":{"code":"x"}})"},
      {R"({"error":{"code":"x","message":"Too m)", R"({"error":{"code":"x","message":"Too m"}})"},
      {R"({"a":"b\)", R"({"a":"b"})"},
      {R"({"a":"b\u12)", R"({"a":"b"})"},
      {R"({"a":"b\ud83d\ude)", R"({"a":"b"})"},
      {R"({"a":"b\n)", R"({"a":"b\n"})"},
      {R"({"a":"\u00e9b)", R"({"a":"\u00e9b"})"},
      {R"({"a":"\uD83D\uDE00c)", R"({"a":"\uD83D\uDE00c"})"},
      {R"({"a":"\uD83D\uDE)", R"({"a":""})"},
      {R"({"a":"\nb)", R"({"a":"\nb"})"},
      {R"({"a":"b\ud83d\ude00)", R"({"a":"b\ud83d\ude00"})"},
      {R"({"a":"b\ud83d\ude00c)", R"({"a":"b\ud83d\ude00c"})"},
      {R"({"a":"\ud83d\ude00","b)", R"({"a":"\ud83d\ude00"})"},
      {"{\"a\":\"b\xC3", R"({"a":"b"})"},
      {"{\"a\":\"b\xC3\xA4", "{\"a\":\"b\xC3\xA4\"}"},
      {"{\"a\":\"b\xE0\xA4", R"({"a":"b"})"},
      {"{\"a\":\"b\xE2\x82\xAC", "{\"a\":\"b\xE2\x82\xAC\"}"},
      {"{\"a\":\"b\xF0\x9F\x98", R"({"a":"b"})"},
      {"{\"a\":\"b\xF0\x9F\x98\x80", "{\"a\":\"b\xF0\x9F\x98\x80\"}"},
      {R"(["a","b)", R"(["a","b"])"},
      {R"([{"a":1},"b)", R"([{"a":1},"b"])"},
      {R"({"a":[1}})", R"({"a":[1]})"},
      {R"({"a":12)", R"({})"},  // perhaps 123
      {R"({"a":12,)", R"({"a":12})"},
      {R"({"a":tru)", R"({})"},
      {R"({"a":[1,[2,{"b":)", R"({"a":[1,[2,{}]]})"},
      {R"([{"errorCode":"A"},{"err)", R"([{"errorCode":"A"},{}])"},
      {R"({"a":1}{"b":2})", R"({"a":1})"},
      {"{", "{}"},
      {"", ""},
      {"no", ""},
  };
  for (const auto& [text, closed] : rows) EXPECT_EQ(close_cut_json(text), closed) << text;
  EXPECT_EQ(close_cut_json(std::string(100, '[')), std::string(64, '[') + std::string(64, ']'));
}

// However a document is cut, the rest of it is a document, and says nothing that the whole does
// not.
TEST(JsonFields, CutAnywhereAreStillADocument) {
  const std::string whole =
      R"({"type":"error","error":{"type":"rate_limit_error","message":"Zu schnell: \"ä\" \ud83d\ude00 ü",)"
      R"("details":[{"a":-1.5e3,"b":[true,false,null]},{}]},"request_id":"r\u00e4"})";
  for (std::size_t cut = 1; cut <= whole.size(); ++cut) {
    const std::string closed = close_cut_json(whole.substr(0, cut));
    ASSERT_TRUE(nlohmann::json::accept(closed)) << cut << ": " << closed;
    const std::string type = found(whole.substr(0, cut), "/error/type");
    EXPECT_TRUE(std::string_view("rate_limit_error").starts_with(type)) << cut;
    EXPECT_FALSE(JsonAnswer(whole.substr(0, cut)).empty()) << cut;
  }
}

TEST(JsonFields, OfAnyBytesDoNoHarm) {
  constexpr std::string_view kAlphabet = "{}[],:\"\\u0d8e-.1truefalsn \n";
  for (unsigned seed = 0; seed < 20000; ++seed) {
    std::mt19937 random(seed);
    std::string text(random() % 40, '\0');
    for (char& byte : text) {
      byte =
          random() % 16 == 0 ? static_cast<char>(random()) : kAlphabet[random() % kAlphabet.size()];
    }
    const JsonAnswer answer(text);
    for (const std::string_view pointer : {"/a", "/0/*", "/*/*/*", "", "/"}) {
      EXPECT_LE(answer.find(pointer).size(), 16u) << "seed " << seed;
    }
  }
  EXPECT_TRUE(JsonAnswer(std::string(100000, '[')).find("/0").size() < 2);
}

TEST(JsonFields, PassTheTestsOfRules) {
  constexpr std::string_view kBody =
      R"({"ok":false,"n":3,"f":1.0,"s":"Daily Quota","t":"3","z":null,"l":[{"q":"PerMinute"},{"q":"PerDay"}]})";
  struct Row {
    config::JsonMatch match;
    bool holds;
  };
  const Row rows[] = {
      {{"/ok", Check::kEquals, "false", 0}, true},
      {{"/ok", Check::kEquals, "true", 0}, false},
      {{"/n", Check::kEquals, "3", 0}, true},
      {{"/n", Check::kEquals, "3.0", 0}, true},
      {{"/n", Check::kEquals, "4", 0}, false},
      {{"/n", Check::kEquals, "3x", 0}, false},
      {{"/n", Check::kEquals, "", 0}, false},
      {{"/s", Check::kEquals, "0", 0}, false},
      {{"/ok", Check::kEquals, "0", 0}, false},
      {{"/t", Check::kEquals, "3", 0}, true},
      {{"/t", Check::kEquals, "3.0", 0}, false},
      {{"/f", Check::kEquals, "1", 0}, true},
      {{"/z", Check::kEquals, "null", 0}, true},
      {{"/l", Check::kEquals, "", 0}, false},
      {{"/n", Check::kAtLeast, "", 3}, true},
      {{"/n", Check::kAtLeast, "", 3.5}, false},
      {{"/n", Check::kAtMost, "", 3}, true},
      {{"/t", Check::kAtLeast, "", 1}, false},
      {{"/s", Check::kContains, "quota", 0}, true},
      {{"/s", Check::kContains, "money", 0}, false},
      {{"/l/*/q", Check::kContains, "perday", 0}, true},
      {{"/l", Check::kPresent, "", 0}, true},
      {{"/z", Check::kPresent, "", 0}, true},
      {{"/y", Check::kPresent, "", 0}, false},
  };
  for (const auto& [match, expected] : rows) {
    EXPECT_EQ(holds(JsonAnswer(kBody), match), expected) << match.pointer << " " << match.text;
  }
}

}  // namespace
}  // namespace outrigger::filters
