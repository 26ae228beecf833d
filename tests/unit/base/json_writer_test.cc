#include "proxy/base/json_writer.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

using namespace std::string_view_literals;

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

struct Case {
  std::string_view text;
  std::string_view json;
  std::string_view source;
};

TEST(JsonString, EscapesWhatMustBeAndReplacesWhatIsNotUtf8) {
  const Case cases[] = {
      {"", "\"\"", "empty"},
      {"plain text /", "\"plain text /\"", "RFC 8259 7: '/' need not be escaped"},
      {"\"\\", R"("\"\\")", "RFC 8259 7"},
      {"a\nb\rc\td", R"("a\nb\rc\td")", "RFC 8259 7"},
      {"\0\x01\x1f\x7f"sv, R"("\u0000\u0001\u001f\u007f")", "RFC 8259 7, and DEL for terminals"},
      {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", "two bytes"},
      {"\xe2\x82\xac\xf0\x9f\x9a\x80", "\"\xe2\x82\xac\xf0\x9f\x9a\x80\"", "three and four bytes"},
      {"\x80", R"("\ufffd")", "Unicode 3.9: lone continuation"},
      {"a\xc3", R"("a\ufffd")", "cut after the lead"},
      {"\xc3(", R"("\ufffd(")", "lead without continuation"},
      {"\xc0\xaf", R"("\ufffd\ufffd")", "overlong slash"},
      {"\xe0\x80\xaf", R"("\ufffd\ufffd\ufffd")", "overlong in three"},
      {"\xed\xa0\x80", R"("\ufffd\ufffd\ufffd")", "surrogate"},
      {"\xf4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")", "above U+10FFFF"},
      {"\xf0\x9f\x9a", R"("\ufffd")", "maximal invalid part is one replacement"},
      {"\xf0\x9f\x9a\"", R"("\ufffd\"")", "the next byte is not swallowed"},
  };
  for (const Case& row : cases) EXPECT_EQ(quoted(row.text), row.json) << row.source;
}

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("a", 1);
  json.key("b");
  json.begin_array();
  json.value("x");
  json.value(true);
  json.null();
  json.begin_object();
  json.end_object();
  json.end_array();
  json.member("c", -5);
  json.member("d", std::uint64_t{18446744073709551615U});
  json.key("e");
  json.plain("bare");
  json.member("f", false);
  json.end_object();
  EXPECT_EQ(
      out,
      R"({"a":1,"b":["x",true,null,{}],"c":-5,"d":18446744073709551615,"e":"bare","f":false})");
}

TEST(JsonWriter, WritesDurationsAsMilliseconds) {
  const std::pair<Duration, std::string_view> cases[] = {{0ns, "0.000"},         {999ns, "0.000"},
                                                         {1us, "0.001"},         {412us, "0.412"},
                                                         {30001ms, "30001.000"}, {-1s, "0.000"}};
  for (const auto& [value, text] : cases) {
    std::string out;
    append_milliseconds(out, value);
    EXPECT_EQ(out, text);
  }
}

}  // namespace
}  // namespace outrigger
