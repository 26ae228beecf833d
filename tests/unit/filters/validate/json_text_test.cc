#include "filters/json/json_text.h"

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

TEST(JsonText, FindsMembersAndElementsWhereTheyStand) {
  const JsonText json(R"( {"a" : [1, {"b":"c"}], "d": null, "a2": "x"} )");
  EXPECT_TRUE(json.is_object());
  EXPECT_EQ(json["a"].text(), R"([1, {"b":"c"}])");
  EXPECT_TRUE(json["d"].is_null());
  EXPECT_FALSE(json["none"].there());
  EXPECT_FALSE(json["d"]["deeper"].there());
  std::string all;
  json["a"].each([&](JsonText each) { all += std::string(each.text()) + "|"; });
  EXPECT_EQ(all, R"(1|{"b":"c"}|)");
  EXPECT_EQ(json["a"].number(), std::nullopt);
  EXPECT_TRUE(json["a2"].is("x"));
}

TEST(JsonText, DecodesStrings) {
  EXPECT_EQ(JsonText(R"("a\"\\\/\b\f\n\r\t")").string(), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(JsonText(R"("\u0041\u00e9\u20ac\ud83d\ude00")").string(), "A\u00e9\u20ac\U0001F600");
  EXPECT_EQ(JsonText(R"("\ud83d!\ude00")").string(), "\ufffd!\ufffd");
  EXPECT_EQ(JsonText("1").string(), std::nullopt);
}

TEST(JsonText, TakesTheLastOfSeveralMembers) {
  EXPECT_EQ(JsonText(R"({"a":1,"a":2})")["a"].text(), "2");
}

std::string removed(std::string_view text, std::string_view name) {
  JsonEdits edits(text);
  edits.remove(JsonText(text), name);
  return edits.apply();
}

TEST(JsonEdits, RemovesMembersWithTheirCommas) {
  EXPECT_EQ(removed(R"({"a":1, "b":2, "c":3})", "a"), R"({"b":2, "c":3})");
  EXPECT_EQ(removed(R"({"a":1, "b":2, "c":3})", "b"), R"({"a":1, "c":3})");
  EXPECT_EQ(removed(R"({"a":1, "b":2, "c":3 })", "c"), R"({"a":1, "b":2 })");
  EXPECT_EQ(removed(R"({ "a":1 })", "a"), "{  }");
  EXPECT_EQ(removed(R"({"a":1,"a":2,"b":3})", "a"), R"({"b":3})");
  EXPECT_EQ(removed(R"({"b":3,"a":1,"a":2})", "a"), R"({"b":3})");
  EXPECT_EQ(removed(R"({"a":1,"b":3,"a":2})", "a"), R"({"b":3})");
  EXPECT_EQ(removed(R"({"b":3})", "a"), R"({"b":3})");
}

TEST(JsonEdits, ChangesOnlyWhatItIsTold) {
  const std::string_view text = "{ \"list\" : [ 1 ] ,\"empty\":[ ],\"n\":1e3 }";
  const JsonText json(text);
  JsonEdits edits(text);
  edits.replace(json["n"], "7");
  edits.append(json["list"], "2");
  edits.append(json["empty"], "3");
  edits.rename(json, "list", "items");
  EXPECT_EQ(edits.apply(), "{ \"items\" : [ 1 ,2] ,\"empty\":[ 3],\"n\":7 }");
}

}  // namespace
}  // namespace outrigger::filters
