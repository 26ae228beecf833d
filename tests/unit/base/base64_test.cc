#include "proxy/base/base64.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

TEST(Base64, ReadsWhatRfc4648Writes) {
  struct Row {
    std::string_view text;
    std::optional<std::string> bytes;
  };
  const Row rows[] = {
      {"", ""},
      {"Zg==", "f"},
      {"Zm8=", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYg==", "foob"},
      {"Zm9vYmE=", "fooba"},
      {"Zm9vYmFy", "foobar"},  // section 10
      {"Zg", "f"},
      {"//+/", "\xff\xff\xbf"},
      {"Zm9v\n", std::nullopt},
      {"Z-_v", std::nullopt},
      {"Zm=v", std::nullopt},
  };
  std::string out = "left over";
  for (const Row& row : rows) {
    const bool read = decode_base64(row.text, out);
    EXPECT_EQ(read, row.bytes.has_value()) << row.text;
    if (row.bytes) EXPECT_EQ(out, *row.bytes) << row.text;
  }
}

}  // namespace
}  // namespace outrigger
