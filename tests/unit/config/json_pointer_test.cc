#include "config/json_pointer.h"

#include <gtest/gtest.h>

namespace outrigger::config {
namespace {

struct PointerRow {
  const char* text;
  std::vector<std::string> parts;
};

TEST(JsonPointer, IsTakenApart) {
  // RFC 6901 5, and 4 for the order of the replacements.
  const PointerRow rows[] = {
      {"", {}},           {"/foo", {"foo"}},   {"/foo/0", {"foo", "0"}}, {"/", {""}},
      {"/a~1b", {"a/b"}}, {"/c%d", {"c%d"}},   {"/e^f", {"e^f"}},        {"/ ", {" "}},
      {"/m~0n", {"m~n"}}, {"/~01", {"~1"}},    {"//", {"", ""}},         {"/a/", {"a", ""}},
      {"/~1~0", {"/~"}},  {"/k\"l", {"k\"l"}},
  };
  for (const PointerRow& row : rows) {
    ASSERT_TRUE(is_json_pointer(row.text)) << row.text;
    EXPECT_EQ(split_json_pointer(row.text), row.parts) << row.text;
  }
}

TEST(JsonPointer, BeginsWithASlashAndEscapesFully) {
  for (const char* text : {"a", "a/b", "#/a", " /a", "/~", "/a~", "/~2", "/~/a", "/a~1~"}) {
    EXPECT_FALSE(is_json_pointer(text)) << text;
  }
}

TEST(JsonPointer, WrittenFromItsPartsHasThemAgain) {
  const std::string alphabet = "/~01a";
  std::vector<std::string> parts(2);
  for (std::size_t n = 0; n < 15'625; ++n) {  // all pairs of three characters
    std::size_t rest = n;
    for (std::string& part : parts) {
      part.clear();
      for (int i = 0; i < 3; ++i, rest /= alphabet.size()) part += alphabet[rest % alphabet.size()];
    }
    std::string pointer;
    for (const std::string& part : parts) {
      pointer += '/';
      for (const char c : part) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    ASSERT_TRUE(is_json_pointer(pointer)) << pointer;
    ASSERT_EQ(split_json_pointer(pointer), parts) << pointer;
  }
}

}  // namespace
}  // namespace outrigger::config
