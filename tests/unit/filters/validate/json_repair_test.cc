#include "filters/validate/json_repair.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "filters/json/json_text.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

bool anything(std::string_view) {
  return true;
}
bool an_object(std::string_view json) {
  return json.starts_with('{');
}

std::string repaired(std::string_view text) {
  const auto out = repair_json(text, anything);
  return out.value_or("refused");
}

struct Row {
  std::string_view text, json;
};

TEST(JsonRepair, MendsWhatModelsWriteAlmostRight) {
  const Row rows[] = {
      {"```json\n{\"a\": 1}\n```", R"({"a":1})"},
      {"```\n{\"a\": 1}\n```\n", R"({"a":1})"},
      {"Here it is:\n```json\n{\"a\": 1}\n```\nI hope that helps!", R"({"a":1})"},
      {"```json\n{\"a\": 1}", R"({"a":1})"},
      {"Sure! {\"a\": 1}", R"({"a":1})"},
      {"{\"a\": 1} is the answer.", R"({"a":1})"},
      {"The {name} template gives {\"a\": 1}.", R"({"a":1})"},
      {"{\"a\": [1, 2,],}", R"({"a":[1,2]})"},
      {"{\"a\": {\"b\": [1, 2", R"({"a":{"b":[1,2]}})"},
      {"{\"a\": [1, 2}", R"({"a":[1,2]})"},
      {"[1, 2,", "[1,2]"},
      {"{\"a\": \"open", R"({"a":"open"})"},
      {"{\"a\": \"line\nbreak\"}", R"({"a":"line\nbreak"})"},
      {"{\"a\": \"tab\there\"}", R"({"a":"tab\u0009here"})"},
      {R"({"a": "C:\dir"})", R"({"a":"C:\\dir"})"},
      {R"({"a": "it\'s"})", R"({"a":"it's"})"},
      {R"({"a": "\u12"})", R"({"a":"\\u12"})"},
      {"{'a': 'say \"hi\"'}", R"({"a":"say \"hi\""})"},
      {"{\u201ca\u201d: \u201cb\u201d}", R"({"a":"b"})"},
      {"{a: 1, _b-c: 2, $d: 3}", R"({"a":1,"_b-c":2,"$d":3})"},
      {R"({"a": True, "b": False, "c": None, "d": undefined})",
       R"({"a":true,"b":false,"c":null,"d":null})"},
      {"{\"a\": 1 // one\n, /* two */ \"b\": 2 # three\n}", R"({"a":1,"b":2})"},
      {R"({"a": .5, "b": 5., "c": -.5e+3})", R"({"a":0.5,"b":5,"c":-0.5e3})"},
      {"\xef\xbb\xbf{'a': 1}", R"({"a":1})"},
      {"True", "true"},
      {"'text'", "\"text\""},
  };
  for (const Row& row : rows) {
    const auto out = repair_json(row.text, anything);
    ASSERT_TRUE(out) << row.text;
    EXPECT_EQ(*out, row.json) << row.text;
    EXPECT_TRUE(is_json(*out)) << row.text;
  }
}

TEST(JsonRepair, GuessesNothing) {
  for (const std::string_view text :
       {"", "   ", "no JSON here", "{\"a\":", "{\"a\": 1, \"b", "{\"a\": 1, \"b\"", "{\"a\" 1}",
        "{\"a\": 1 \"b\": 2}", "{\"a\": tru", "{\"a\": 007}", "{\"a\": 2026-11-27}", "{\"a\": NaN}",
        "{\"a\": ...}", "{\"a\": /* open", "[1, 2}", "{\"a\": 1]",
        // Which of two is meant nobody knows.
        "Example: {\"a\": 1}. Answer: {\"a\": 2}.", "```json\n{}\n```\n```json\n{}\n```",
        "{\"a\": 1}{\"a\": 2}", "see [1]: {\"a\": 1}"}) {
    EXPECT_EQ(repaired(text), "refused") << text;
  }
}

TEST(JsonRepair, TakesOnlyWhatFits) {
  EXPECT_EQ(repair_json("see [1]: {'a': 1}", an_object), R"({"a":1})");
  EXPECT_FALSE(repair_json("[1,]", an_object));
  EXPECT_FALSE(repair_json("[1]", an_object));
}

TEST(JsonRepair, KeepsFencesThatAreTextAndPartsOfStrings) {
  EXPECT_EQ(repaired("{\"a\": \"use ```code``` here\",}"), R"({"a":"use ```code``` here"})");
  EXPECT_EQ(repaired("{\"a\": \"// no comment, # none\",}"), R"({"a":"// no comment, # none"})");
}

TEST(JsonRepair, IsBounded) {
  EXPECT_EQ(repaired(std::string(100'000, '[')), "refused");
  EXPECT_EQ(repaired(std::string(kMaxRepaired + 1, ' ')), "refused");
  int asked = 0;
  (void)repair_json(std::string(1000, '['), [&](std::string_view) { return ++asked > 0; });
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "{'a':1} ";
  (void)repair_json(many, [&](std::string_view) {
    ++asked;
    return false;
  });
  EXPECT_LE(asked, 16);
}

// Random JSON: what is valid comes back byte for byte.
std::string random_json(std::mt19937& random, int depth) {
  const auto pick = [&](unsigned n) { return random() % n; };
  switch (depth <= 0 ? pick(4) : pick(6)) {
    case 0:
      return pick(2) == 0 ? "true" : "null";
    case 1:
      return std::to_string(static_cast<int>(random()) / 1000) + (pick(2) == 0 ? "" : ".25e-3");
    case 2:
      return json_quoted("a\"b\\\n'\xc3\xa9{[,:]}//#`" + std::to_string(random()));
    case 3:
      return "\"\"";
    case 4: {
      std::string out = "[ ";
      for (unsigned i = pick(4); i > 0; --i)
        out += random_json(random, depth - 1) + (i > 1 ? ", " : "");
      return out + "]";
    }
    default: {
      std::string out = "{";
      for (unsigned i = pick(4); i > 0; --i) {
        out += json_quoted("k" + std::to_string(random())) + " : " + random_json(random, depth - 1);
        out += i > 1 ? "," : "\n";
      }
      return out + "}";
    }
  }
}

TEST(JsonRepair, LeavesValidJsonAsItIs) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const std::string json = random_json(random, 4);
    const auto out = repair_json(json, anything);
    ASSERT_TRUE(out) << seed;
    ASSERT_EQ(*out, json) << seed;
  }
}

TEST(JsonRepair, GivesJsonOrNothingWhateverItIsGiven) {
  for (unsigned seed = 0; seed < 5000; ++seed) {
    std::mt19937 random(seed);
    std::string text = random_json(random, 4);
    for (unsigned i = random() % 4; i > 0 && !text.empty(); --i) {
      const std::size_t at = random() % text.size();
      constexpr std::string_view kBytes = "{}[]\"',:\\/#`tTfN0.e- \n\xff";
      if (random() % 2 == 0) {
        text.erase(at, 1 + random() % 3);
      } else {
        text.insert(at, 1, kBytes[random() % kBytes.size()]);
      }
    }
    const auto out = repair_json(text, anything);
    if (out) ASSERT_TRUE(is_json(*out)) << seed << ": " << text << " -> " << *out;
    // Mended once, it is right.
    if (out) ASSERT_EQ(repair_json(*out, anything), *out) << seed;
  }
}

TEST(JsonRepair, ClosesAnyPrefixOfAnObjectOrRefusesIt) {
  constexpr std::string_view kWhole = R"({"a": [1, {"b": "c\"d"}, true], "e": null})";
  for (std::size_t i = 0; i < kWhole.size(); ++i) {
    const auto out = repair_json(kWhole.substr(0, i), an_object);
    if (out) EXPECT_TRUE(is_json(*out)) << *out;
  }
}

}  // namespace
}  // namespace outrigger::filters
