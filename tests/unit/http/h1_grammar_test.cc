#include "proxy/http/h1_grammar.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace outrigger::http {
namespace {

// The scanners look at many bytes at once: any byte at any place must stop them as the table says.
TEST(Scanners, StopWhereTheTableSays) {
  struct Row {
    const char* (*skip)(const char*, const char*) noexcept;
    CharClass wanted;
  };
  for (const auto& [skip, wanted] : {Row{skip_token, CharClass::kToken},
                                     {skip_field_value, CharClass::kFieldByte},
                                     {skip_target, CharClass::kTargetByte}}) {
    for (std::size_t place = 0; place < 40; ++place) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(40, 'a');
        text[place] = static_cast<char>(byte);
        const char* end = text.data() + text.size();
        const bool stops = !in_class(text[place], wanted);
        ASSERT_EQ(skip(text.data(), end), stops ? text.data() + place : end)
            << "byte " << byte << " at " << place;
      }
    }
  }
}

TEST(CharClasses, AreThoseOfTheStandards) {
  const std::string tchar = "!#$%&'*+-.^_`|~";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool alpha = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    const bool digit = byte >= '0' && byte <= '9';
    const bool visible = byte >= 0x21 && byte <= 0x7e;
    const bool punctuation = byte != 0 && tchar.find(c) != std::string::npos;
    EXPECT_EQ(in_class(c, CharClass::kToken), alpha || digit || punctuation) << byte;
    EXPECT_EQ(in_class(c, CharClass::kFieldByte), visible || byte >= 0x80 || c == ' ' || c == '\t')
        << byte;
    EXPECT_EQ(in_class(c, CharClass::kDigit), digit) << byte;
  }
}

TEST(List, IsCutAtCommasAndTrimmed) {
  std::string_view rest = " a ,\tb,, c d ,";
  std::vector<std::string> items;
  for (std::string_view item; next_list_item(rest, item);) items.emplace_back(item);
  EXPECT_EQ(items, (std::vector<std::string>{"a", "b", "", "c d", ""}));
  EXPECT_TRUE(list_contains("close, Keep-Alive", "keep-alive"));
  EXPECT_FALSE(list_contains("closed, xkeep-alive", "close"));
}

TEST(Authority, ComparesHostsInAnyCaseAndPortsByDefault) {
  const auto same = [](std::string_view a, std::string_view b) {
    return same_authority(*split_authority(a), *split_authority(b), 80);
  };
  EXPECT_TRUE(same("A.test", "a.TEST:80"));
  EXPECT_TRUE(same("[::1]:80", "[::1]"));
  EXPECT_FALSE(same("a.test", "a.test:81"));
  EXPECT_FALSE(same("a.test", "b.test"));
}

TEST(GuardedNames, AreKnownInAnyCaseAndSpelling) {
  for (const char* name : {"Host", "COOKIE", "outrigger-x", "x-api-key"}) {
    EXPECT_TRUE(is_guarded(name)) << name;
    EXPECT_FALSE(imitates_guarded(name)) << name;
  }
  for (const char* name :
       {"content_length", "X-Api_Key", "outrigger_x", "Outrigger_a-very-long-name-of-ours"}) {
    EXPECT_FALSE(is_guarded(name)) << name;
    EXPECT_TRUE(imitates_guarded(name)) << name;
  }
  EXPECT_FALSE(imitates_guarded("user_agent"));
  EXPECT_FALSE(imitates_guarded("contentlength"));
}

}  // namespace
}  // namespace outrigger::http
