#include "filters/json/json_set.h"

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

struct Row {
  const char* text;
  const char* pointer;
  const char* value;
  const char* edited;  // nullptr: refused
};

TEST(JsonSet, ChangesTheOneValueAndNoOtherByte) {
  const Row rows[] = {
      {R"({"model":"a","n":1.0})", "/model", R"("b")", R"({"model":"b","n":1.0})"},
      {R"( { "n" : 1e400 , "model" : "a" } )", "/model", R"("b")",
       R"( { "n" : 1e400 , "model" : "b" } )"},
      {R"({"a":{"b":[1,2,3]}})", "/a/b/1", "null", R"({"a":{"b":[1,null,3]}})"},
      {R"({"a":1})", "", "[]", "[]"},
      {R"({})", "/a", "1", R"({"a":1})"},
      {R"({ })", "/a", "1", R"({ "a":1})"},
      {R"({"x":0})", "/a", "1", R"({"x":0,"a":1})"},
      {R"({"l":[]})", "/l/-", "1", R"({"l":[1]})"},
      {R"({"l":[0]})", "/l/-", "1", R"({"l":[0,1]})"},
      {R"({"a/b":1,"c~d":2})", "/a~1b", "3", R"({"a/b":3,"c~d":2})"},
      {R"({"a/b":1,"c~d":2})", "/c~0d", "3", R"({"a/b":1,"c~d":3})"},
      {R"({"m\u006fdel":"a"})", "/model", R"("b")", R"({"m\u006fdel":"b"})"},
      // Of two with one name most readers take the last.
      {R"({"m":1,"m":2})", "/m", "3", R"({"m":1,"m":3})"},
      {R"({"":1})", "/", "2", R"({"":2})"},
      {R"({"a":"x"})", "/a/b", "1", nullptr},
      {R"({"a":{}})", "/b/c", "1", R"({"a":{},"b":{"c":1}})"},
      {R"({"a":{}})", "/a/b~1/c", "[1]", R"({"a":{"b/":{"c":[1]}}})"},
      {R"({"l":[0]})", "/l/-/a", "1", R"({"l":[0,{"a":1}]})"},
      {R"({"l":[0]})", "/l/1/a", "1", nullptr},
      {R"({"l":[0]})", "/l/1", "1", nullptr},
      {R"({"l":[0]})", "/l/00", "1", nullptr},
      {R"({"a":1)", "/a", "2", nullptr},
      {R"({"a":1} x)", "/a", "2", nullptr},
      {"", "/a", "2", nullptr},
      {"[1]", "/a", "2", nullptr},
  };
  for (const Row& row : rows) {
    const auto edited = json_set(row.text, row.pointer, row.value);
    EXPECT_EQ(edited.has_value(), row.edited != nullptr) << row.text << " " << row.pointer;
    if (edited && row.edited != nullptr) {
      EXPECT_EQ(*edited, row.edited);
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
