#include "config/json_schema.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outrigger::config {
namespace {

using Written = JsonSchema::Written;

std::string error_of(std::string_view text, Written written = Written::kInConfiguration) {
  const auto schema = JsonSchema::compile(text, written);
  return schema ? "fine" : schema.error();
}

// "fits", or the complaint.
std::string check(std::string_view schema, std::string_view json,
                  Written written = Written::kInRequest) {
  const auto compiled = JsonSchema::compile(schema, written);
  if (!compiled) return "no schema: " + compiled.error();
  return compiled->complaint(json).value_or("fits");
}

constexpr std::string_view kInvoice = R"({
  "type": "object",
  "properties": {
    "total": {"type": "number", "minimum": 0},
    "currency": {"enum": ["EUR", "USD"]},
    "items": {"type": "array", "items": {"$ref": "#/$defs/item"}}
  },
  "required": ["total"],
  "additionalProperties": false,
  "$defs": {"item": {"type": "object", "required": ["name"],
                     "properties": {"name": {"type": "string", "minLength": 1},
                                    "parts": {"type": "array", "items": {"$ref": "#/$defs/item"}}}}}
})";

TEST(JsonSchema, SaysWhatFitsAndWhereItDoesNot) {
  EXPECT_EQ(check(kInvoice, R"({"total": 3, "currency": "EUR"})"), "fits");
  EXPECT_EQ(check(kInvoice, R"({"total": 3, "items": [{"name": "a", "parts": [{"name": "b"}]}]})"),
            "fits");
  const std::string missing = check(kInvoice, R"({"total": 3, "items": [{"name": "a"}, {}]})");
  EXPECT_TRUE(missing.contains("/items/1: Missing required property 'name'")) << missing;
  EXPECT_NE(check(kInvoice, R"({"total": "3"})"), "fits");
  EXPECT_NE(check(kInvoice, R"({"total": -1})"), "fits");
  EXPECT_NE(check(kInvoice, R"({"total": 1, "currency": "GBP"})"), "fits");
  EXPECT_NE(check(kInvoice, R"({"total": 1, "tip": 2})"), "fits");
}

TEST(JsonSchema, CallsWhatIsNoJsonSo) {
  EXPECT_EQ(check("{}", "{"), "the text is not JSON");
  EXPECT_EQ(check("{}", ""), "the text is not JSON");
  EXPECT_EQ(check("true", "[1, 2]"), "fits");
  EXPECT_NE(check("false", "1"), "fits");
}

TEST(JsonSchema, RefusesSchemasThatWouldRecurseWithoutEnd) {
  for (
      const std::string_view text : {
          R"({"$ref": "#"})",
          R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})",
          R"({"allOf": [{"$ref": "#"}]})",
          R"({"properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"anyOf": [{"not": {"$ref": "#/$defs/a"}}]}}})",
          R"({"if": {"then": {"$ref": "#"}}, "then": {"$ref": "#"}})",
          R"({"dependencies": {"a": {"$ref": "#"}}})",
      }) {
    EXPECT_EQ(error_of(text), "a reference leads in a circle") << text;
  }
}

TEST(JsonSchema, LetsSchemasSpeakOfThemselvesInTheirParts) {
  constexpr std::string_view kTree =
      R"({"allOf": [{"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}], "type": "object"})";
  EXPECT_EQ(check(kTree, R"({"left": {"right": {}}})"), "fits");
  EXPECT_NE(check(kTree, R"({"left": {"right": 1}})"), "fits");
}

TEST(JsonSchema, BoundsHowDeepSchemasAndReferencesGo) {
  std::string deep = "{}";
  for (int i = 0; i < 100; ++i) deep = fmt::format(R"({{"not":{}}})", deep);
  EXPECT_EQ(error_of(deep), "schemas are nested too deeply");
  // A chain of references, each read before the one that needs it.
  std::string names = R"("d0":{})";
  std::string properties = R"("p0":{"$ref":"#/$defs/d0"})";
  for (int i = 1; i < 500; ++i) {
    names += fmt::format(R"(,"d{}":{{"allOf":[{{"$ref":"#/$defs/d{}"}}]}})", i, i - 1);
    properties += fmt::format(R"(,"p{0}":{{"$ref":"#/$defs/d{0}"}})", i);
  }
  EXPECT_EQ(error_of(fmt::format(R"({{"properties":{{{}}},"$defs":{{{}}}}})", properties, names)),
            "schemas are nested too deeply");
  EXPECT_EQ(check("{}", std::string(100, '[') + std::string(100, ']')),
            "the text is nested deeper than 64 levels");
  EXPECT_EQ(check("{}", "\"" + std::string(2 << 20, 'x') + "\""), "the text is larger than 1 MiB");
}

// Each level is looked at in two ways, so a value of n levels in 2 to the n.
TEST(JsonSchema, BoundsHowOftenAValueIsLookedAt) {
  constexpr std::string_view kTwoWays =
      R"({"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["b"]},
                    {"properties": {"a": {"$ref": "#"}}, "required": ["c"]}]})";
  std::string deep = R"({"b": 1})";
  for (int i = 0; i < 5; ++i) deep = fmt::format(R"({{"c":1,"a":{}}})", deep);
  EXPECT_EQ(check(kTwoWays, deep), "fits");
  for (int i = 0; i < 50; ++i) deep = fmt::format(R"({{"c":1,"a":{}}})", deep);
  EXPECT_EQ(check(kTwoWays, deep), "the text takes too long to be checked");
}

TEST(JsonSchema, ChecksLongListsWithinItsBounds) {
  std::string list = R"([{"n":0})";
  for (int i = 0; i < 20'000; ++i) list += R"(,{"n":1})";
  constexpr std::string_view kList =
      R"({"type":"array","items":{"type":"object","properties":{"n":{"anyOf":[{"type":"string"},{"type":"integer"}]}},"additionalProperties":false}})";
  EXPECT_EQ(check(kList, list + "]"), "fits");
}

TEST(JsonSchema, RefusesReferencesToElsewhere) {
  EXPECT_TRUE(error_of(R"({"$ref": "https://example.com/a.json"})").contains("out of the schema"));
  EXPECT_TRUE(error_of(R"({"items": {"$ref": "#/$defs/none"}})").contains("leads to nothing"));
  EXPECT_EQ(
      error_of(R"({"$id": "https://example.com/a", "$ref": "#/$defs/a", "$defs": {"a": {}}})"),
      "fine");
}

TEST(JsonSchema, RefusesWhatIsNoSchema) {
  EXPECT_EQ(error_of("{"), "the schema is not JSON");
  EXPECT_EQ(error_of("[]"), "a schema is an object, true or false");
  EXPECT_NE(error_of(R"({"type": "strong"})"), "fine");
  EXPECT_NE(error_of(R"({"minimum": {}})"), "fine");
  EXPECT_EQ(error_of(R"({"properties": {"id": {"type": "string"}, "$ref": {"type": "string"}}})"),
            "fine");
}

TEST(JsonSchema, MatchesPatternsAndFormatsInPolynomialTime) {
  EXPECT_EQ(check(R"({"pattern": "^[a-z]+$"})", R"("abc")"), "fits");
  EXPECT_NE(check(R"({"pattern": "^[a-z]+$"})", R"("ab1")"), "fits");
  EXPECT_NE(check(R"({"pattern": "^(a+)+$"})", "\"" + std::string(1000, 'a') + "!\""), "fits");
  EXPECT_EQ(check(R"({"format": "date"})", R"("2026-11-27")"), "fits");
  EXPECT_NE(check(R"({"format": "date"})", R"("27.11.2026")"), "fits");
  EXPECT_EQ(check(R"({"format": "date-time"})", R"("2026-11-27T10:00:00Z")"), "fits");
  EXPECT_EQ(check(R"({"format": "email"})", R"("anything")"), "fits");
  EXPECT_EQ(check(R"({"format": "date"})", "1"), "fits");
  // Longer texts are not matched: nothing is said of them.
  EXPECT_EQ(check(R"({"pattern": "^b"})", "\"" + std::string(100'000, 'a') + "\""), "fits");
  EXPECT_EQ(check(R"({"format": "date"})", "\"" + std::string(100'000, '1') + "\""), "fits");
}

TEST(JsonSchema, RefusesPatternsThatItCannotMatchOnlyInTheConfiguration) {
  constexpr std::string_view kLookBehind = R"x({"pattern": "(?<=a)b", "type": "string"})x";
  EXPECT_TRUE(error_of(kLookBehind).contains("pattern"));
  EXPECT_EQ(check(kLookBehind, R"("x")"), "fits");
  EXPECT_NE(check(kLookBehind, "1"), "fits");
  constexpr std::string_view kNames =
      R"x({"patternProperties": {"(a+)+$": {}}, "type": "object"})x";
  EXPECT_TRUE(error_of(kNames).contains("pattern"));
  EXPECT_EQ(check(kNames, "{}"), "fits");
}

TEST(JsonSchema, ChecksNamesByPattern) {
  constexpr std::string_view kNames =
      R"({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false})";
  EXPECT_EQ(check(kNames, R"({"x-a": "b"})"), "fits");
  EXPECT_NE(check(kNames, R"({"x-a": 1})"), "fits");
  EXPECT_NE(check(kNames, R"({"y": "b"})"), "fits");
}

TEST(JsonSchema, ReadsTheWordsOfGemini) {
  constexpr std::string_view kSchema =
      R"({"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": true},
          "b": {"type": "ARRAY", "items": {"type": "INTEGER"}}}, "required": ["b"]})";
  EXPECT_EQ(check(kSchema, R"({"a": null, "b": [1]})", Written::kAsOpenApi), "fits");
  EXPECT_NE(check(kSchema, R"({"a": 1, "b": [1]})", Written::kAsOpenApi), "fits");
  EXPECT_NE(check(kSchema, R"({"b": ["1"]})", Written::kAsOpenApi), "fits");
}

TEST(JsonSchema, KeepsUniqueItemsWithinBounds) {
  EXPECT_NE(check(R"({"uniqueItems": true})", "[1, 1]"), "fits");
  std::string many = "[1";
  for (int i = 0; i < 100'000; ++i) many += ",1";
  EXPECT_EQ(check(R"({"uniqueItems": true})", many + "]"), "fits");
}

TEST(JsonSchema, ComplainsInBoundedWords) {
  std::string object = "{";
  for (int i = 0; i < 500; ++i) object += fmt::format("\"name{}\":1,", i);
  object.back() = '}';
  EXPECT_LE(check(R"({"additionalProperties": {"type": "string"}})", object).size(),
            JsonSchema::kMaxComplaint);
}

}  // namespace
}  // namespace outrigger::config
