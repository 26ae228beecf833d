#include "proxy/mock/script.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::mock {
namespace {

Script script_of(const std::string& yaml) {
  auto script = read_script("flaky.yaml", yaml);
  EXPECT_TRUE(script) << (script ? "" : script.error());
  return script.value_or(Script{});
}

std::string next(Script& script, std::string_view method, std::string_view path,
                 const std::string& tenant = {}) {
  const Fault* fault = script.next(method, path, [&](std::string_view name) {
    return name == "x-tenant" ? std::optional<std::string_view>(tenant) : std::nullopt;
  });
  return fault == nullptr ? "healthy" : fault->text;
}

TEST(MockScript, IsUsedUpInOrderAndThenHealthy) {
  Script script = script_of(
      "- {times: 2, fault: status=503}\n"
      "- {fault: reset}\n");
  for (const char* expected : {"status=503", "status=503", "reset", "healthy", "healthy"})
    EXPECT_EQ(next(script, "POST", "/a"), expected);
  script.rewind();
  EXPECT_EQ(next(script, "POST", "/a"), "status=503");
}

TEST(MockScript, AppliesAStepToWhatItMatches) {
  Script script = script_of(
      "- {match: {path: /a, method: POST}, times: always, fault: hang}\n"
      "- {match: {path: /b/*}, times: always, fault: close}\n"
      "- {match: {header: {x-tenant: blue}}, times: always, fault: junk}\n");
  struct Row {
    const char *method, *path, *tenant, *expected;
  };
  const std::vector<Row> rows = {
      {"POST", "/a", "", "hang"},      {"GET", "/a", "", "healthy"},
      {"POST", "/a/b", "", "healthy"}, {"GET", "/b/c", "", "close"},
      {"GET", "/b", "", "healthy"},    {"GET", "/c", "blue", "junk"},
      {"GET", "/c", "red", "healthy"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(next(script, row.method, row.path, row.tenant), row.expected) << row.path;
}

TEST(MockScript, AnEmptyFaultIsAHealthyAnswerThatIsCounted) {
  Script script = script_of("- {fault: \"\"}\n- {fault: reset}\n");
  EXPECT_EQ(next(script, "GET", "/"), "");
  EXPECT_EQ(next(script, "GET", "/"), "reset");
}

TEST(MockScript, MistakesNameTheirLineAndColumn) {
  struct Row {
    std::string yaml, says;
  };
  const std::vector<Row> rows = {
      {"- {fault: reset, tims: 2}\n",
       "flaky.yaml:1:18: error OUT-110: unknown key \"tims\" in a script"},
      {"- fault: reset\n- match: {paht: /a}\n  fault: hang\n",
       "flaky.yaml:2:11: error OUT-110: unknown key \"paht\" in a script"},
      {"- fault: status=503;statu=1\n", "flaky.yaml:1:21: error OUT-126: there is no fault"},
      {"- fault: \"status=503;statu=1\"\n", "flaky.yaml:1:22: error OUT-126: there is no fault"},
      {"- {match: {path: /a}}\n", "a step needs \"fault\""},
      {"- {fault: reset, times: 0}\n", "flaky.yaml:1:25: error OUT-123"},
      {"- {fault: reset, times: -1}\n", "is not a number of times"},
      {"- {fault: reset, match: {path: a}}\n", "\"a\" is not a path"},
      {"- {fault: [reset]}\n", "a list where a text belongs"},
      {"- reset\n", "where a block of keys belongs"},
      {"fault: reset\n", "a script is a list of steps"},
      {"- {fault: reset, fault: hang}\n", "OUT-105"},
      {"- {fault: reset\n", "OUT-102"},
  };
  for (const Row& row : rows) {
    const auto script = read_script("flaky.yaml", row.yaml);
    ASSERT_FALSE(script) << row.yaml;
    EXPECT_NE(script.error().find(row.says), std::string::npos) << script.error();
  }
}

}  // namespace
}  // namespace outrigger::mock
