// Every file of tests/golden/config is loaded; what `outrigger check` would print is kept beside
// it.
#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "config/reference.h"
#include "config/schema.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(repository() / "tests/golden/config")) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

Environment golden_environment() {
  return environment({{"TEXT", "hunter2"}},
                     {{"/tls/server.crt", kCertificate}, {"/tls/server.key", kKey}});
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, SaysWhatIsWrongWhereAndHowToMendIt) {
  const auto folder = repository() / "tests/golden/config";
  const Loaded loaded = load(read(folder / (GetParam() + ".yaml")), golden_environment());
  const std::string text = render(loaded.diagnostics, false);
  EXPECT_EQ(text, golden(folder / (GetParam() + ".txt"), text));
  EXPECT_EQ(loaded.config == nullptr, has_errors(loaded.diagnostics));
}

TEST_P(Golden, ShowsNoSecret) {
  const auto folder = repository() / "tests/golden/config";
  const Loaded loaded = load(read(folder / (GetParam() + ".yaml")), golden_environment());
  const std::string all = render(loaded.diagnostics, true) + render_json(loaded.diagnostics);
  EXPECT_EQ(all.find("hunter"), std::string::npos) << all;
}

INSTANTIATE_TEST_SUITE_P(All, Golden, testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param; });

TEST(Golden, CoversFortyMistakes) {
  EXPECT_GE(cases().size(), 40u);
}

TEST(Reference, PageIsWhatTheDeclarationsSay) {
  const std::string page = reference_markdown();
  EXPECT_EQ(page, golden(repository() / "config/REFERENCE.md", page));
}

TEST(Schema, FileIsWhatTheDeclarationsSay) {
  const std::string schema = json_schema();
  EXPECT_EQ(schema, golden(repository() / "config/schema.json", schema));
}

}  // namespace
}  // namespace outrigger::config::test
