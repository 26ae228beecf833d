#include "proxy/base/json_checker.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/base/json_cursor.h"

namespace outrigger {
namespace {

using nlohmann::json;

struct Row {
  std::string_view text;
  bool valid;
};

// After RFC 8259 and JSONTestSuite.
constexpr Row kRows[] = {
    {"{}", true},
    {"[]", true},
    {" [ ] \n", true},
    {"\"\"", true},
    {"0", true},
    {"-0.5e+10 ", true},
    {"1E5", true},
    {"true", true},
    {"null", true},
    {R"({"a":[1,{"b":"\u00e9\n"}],"c":null})", true},
    {R"("\ud800")", true},  // a lone surrogate is grammar
    {"", false},
    {" ", false},
    {"{", false},
    {"[1,]", false},
    {"[1 2]", false},
    {"[1}", false},
    {"{\"a\":1]", false},
    {"{\"a\" 1}", false},
    {"{a:1}", false},
    {"{\"a\":1,}", false},
    {"{,}", false},
    {"01", false},
    {"-", false},
    {"1.", false},
    {".5", false},
    {"1e", false},
    {"1e+", false},
    {"+1", false},
    {"tru", false},
    {"truex", false},
    {"nulll", false},
    {"\"\\x\"", false},
    {"\"\\u12g4\"", false},
    {"\"tab\there\"", false},
    {"\"open", false},
    {"{} {}", false},
    {"[]]", false},
    {"<!doctype html>", false},
};

bool in_pieces(std::string_view text, std::size_t step) {
  JsonChecker checker;
  for (std::size_t at = 0; at < text.size(); at += step) {
    const std::string piece(text.substr(at, step));
    const std::size_t taken = checker.feed(piece);
    if (checker.state() == JsonChecker::State::kInvalid) return false;
    if (checker.state() == JsonChecker::State::kMore) {
      EXPECT_EQ(taken, piece.size());
      continue;
    }
    return text.substr(at + taken).find_first_not_of(" \t\r\n") == std::string_view::npos;
  }
  return checker.finish();
}

TEST(JsonChecker, KeepsToTheGrammar) {
  for (const Row& row : kRows) {
    EXPECT_EQ(is_json(row.text), row.valid) << row.text;
    for (const std::size_t step : {1, 2, 5}) {
      EXPECT_EQ(in_pieces(row.text, step), row.valid) << row.text << " by " << step;
    }
  }
}

TEST(JsonChecker, RefusesWhatIsNestedTooDeep) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(is_json(nested(JsonChecker::kMaxDepth)));
  EXPECT_FALSE(is_json(nested(JsonChecker::kMaxDepth + 1)));
  EXPECT_FALSE(is_json(std::string(1 << 20, '[')));
}

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> kParts = {"a",  "index", "é",    "\\\"", "\\u0041",
                                                  "\\", "\n",    "\\\\", " ",    "\\/"};
  std::string out;
  for (unsigned i = random() % 6; i > 0; --i) out += kParts[random() % kParts.size()];
  return out;
}

json random_value(std::mt19937& random, int depth) {
  switch (random() % (depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random()) - 2'000'000'000;
    case 3:
      return static_cast<double>(random()) / 7;
    case 4:
    case 5:
      return random_text(random);
    case 6: {
      json array = json::array();
      for (unsigned i = random() % 4; i > 0; --i) array.push_back(random_value(random, depth - 1));
      return array;
    }
    default: {
      json object = json::object();
      for (unsigned i = random() % 4; i > 0; --i) {
        object[random_text(random)] = random_value(random, depth - 1);
      }
      return object;
    }
  }
}

// A value as it is written, with one byte changed, dropped or doubled.
std::string damaged(std::string text, std::mt19937& random) {
  const std::size_t at = random() % text.size();
  switch (random() % 3) {
    case 0:
      text[at] = "{}[]:,\"\\0e-t "[random() % 13];
      break;
    case 1:
      text.erase(at, 1 + random() % 3);
      break;
    default:
      text.insert(at, 1, text[at]);
      break;
  }
  return text;
}

TEST(JsonChecker, AgreesWithAParserThatBuildsATree) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::string text = random_value(random, 4).dump(seed % 2 == 0 ? -1 : 2);
    EXPECT_TRUE(is_json(text)) << text;
    const std::string broken = damaged(text, random);
    // The other also refuses what is no UTF-8, and numbers that no double holds.
    const bool utf8 =
        json::accept(json(broken).dump(-1, ' ', false, json::error_handler_t::ignore));
    ASSERT_TRUE(utf8);
    if (json::accept(broken)) EXPECT_TRUE(is_json(broken)) << broken;
    if (!is_json(broken)) EXPECT_FALSE(json::accept(broken)) << broken;
    EXPECT_EQ(in_pieces(broken, 1 + seed % 5), is_json(broken)) << broken;
  }
}

TEST(JsonCursor, FindsTheMembersThatATreeHas) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    json object = {{"number", random() % 1000}, {"text", random_text(random)}};
    object["list"] = json::array({random_value(random, 2), random_value(random, 2)});
    object["other"] = random_value(random, 3);
    const std::string text = object.dump(seed % 2 == 0 ? -1 : 1);
    JsonCursor cursor(text);
    std::size_t members = 0;
    const bool whole = cursor.members([&](std::string_view key) {
      ++members;
      if (key == "number") {
        EXPECT_EQ(cursor.number(), object["number"].get<std::uint64_t>());
      } else if (key == "text") {
        const auto raw = cursor.string();
        ASSERT_TRUE(raw);
        EXPECT_EQ(json::parse('"' + std::string(*raw) + '"'), object["text"]);
      } else if (key == "list") {
        std::size_t elements = 0;
        cursor.elements([&] {
          EXPECT_EQ(json::parse(cursor.skip()), object["list"][elements]);
          ++elements;
        });
        EXPECT_EQ(elements, 2u);
      } else {
        EXPECT_EQ(json::parse(cursor.skip()), object["other"]);
      }
    });
    EXPECT_TRUE(whole);
    EXPECT_TRUE(cursor.at_end());
    EXPECT_EQ(members, 4u);
  }
}

TEST(JsonCursor, FailsWhereTheTextIsCut) {
  const std::string text = R"({"a":[1,{"b":"c"}],"d":null})";
  for (std::size_t size = 0; size < text.size(); ++size) {
    JsonCursor cursor(std::string_view(text).substr(0, size));
    cursor.members([&](std::string_view) { cursor.skip(); });
    EXPECT_FALSE(size > 0 && cursor.at_end()) << size;
  }
}

TEST(SaysSomething, TellsWhatIsEmpty) {
  for (const std::string_view empty : {"null", "false", "\"\"", "[]", "{ }", "[\n]", ""}) {
    EXPECT_FALSE(says_something(empty)) << empty;
  }
  for (const std::string_view full : {"true", "0", "\" \"", "[0]", "{\"a\":null}", "[[]]"}) {
    EXPECT_TRUE(says_something(full)) << full;
  }
}

}  // namespace
}  // namespace outrigger
