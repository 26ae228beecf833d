#include "proxy/base/percent.h"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

struct Row {
  std::string_view encoded, decoded;
};

TEST(Percent, DecodesWhatIsAnEscapeAndKeepsTheRest) {
  constexpr Row kTable[] = {
      {"", ""},
      {"key", "key"},
      {"%6bey", "key"},
      {"k%65%79", "key"},
      {"%4B%4b", "KK"},
      {"100%", "100%"},
      {"%", "%"},
      {"%6", "%6"},
      {"%6g%zz", "%6g%zz"},
      {"%%41", "%A"},
      {"%2541", "%41"},
      {"a+b", "a+b"},
      {"%C3%BC", "\xC3\xBC"},
  };
  for (const Row& row : kTable) EXPECT_EQ(percent_decoded(row.encoded), row.decoded) << row.encoded;
}

TEST(Percent, EncodesAllButUnreservedCharactersAndThoseToKeep) {
  std::string out = "x=";
  append_percent_encoded(out, "aZ09-._~ /%\xFF", "/");
  EXPECT_EQ(out, "x=aZ09-._~%20/%25%FF");
}

TEST(Percent, EveryByteComesBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  std::string encoded;
  append_percent_encoded(encoded, all);
  EXPECT_EQ(percent_decoded(encoded), all);
}

}  // namespace
}  // namespace outrigger
