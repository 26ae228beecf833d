// Which rule makes a later one useless.
#include "config/rule_cover.h"

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

ClassifyRule rule(const std::string& conditions) {
  const Loaded loaded = load(upstream("classify: [{" + conditions + ", verdict: transient}]"));
  EXPECT_TRUE(loaded.config) << conditions << render(loaded.diagnostics, false);
  return loaded.config ? loaded.config->upstreams.at(0).policies.classify.at(0) : ClassifyRule{};
}

struct CoverRow {
  const char* wide;
  const char* narrow;
  bool covered;
};

constexpr CoverRow kRows[] = {
    {"status: 429", "status: 429", true},
    {"status: 5xx", "status: 503", true},
    {"status: 5xx", "status: [500-504, 599]", true},
    {"status: [429, 5xx]", "status: [429, 503]", true},
    {"status: 5xx", "status: 503, error: [a]", true},
    {"status: 503", "status: 5xx", false},
    {"status: 5xx", "status: [429, 503]", false},
    {"status: 5xx", "error: [a]", false},
    {"status: 503, error: [a]", "status: 503", false},
    {"error: [A, b]", "error: [a]", true},
    {"error: [a]", "error: [a, b]", false},
    {"message: [large]", "message: [\"Too LARGE\"]", true},
    {"message: [\"too large\"]", "message: [large]", false},
    {"header: {a: \"*\"}", "header: {a: x}", true},
    {"header: {a: x}", "header: {a: X, b: z}", true},
    {"header: {a: x}", "header: {a: \"*\"}", false},
    {"header: {a: x, b: z}", "header: {a: x}", false},
    {"json: {/a: \"*\"}", "json: {/a: {at_least: 1}}", true},
    {"json: {/a: 1}", "json: {/a: 1, /b: 2}", true},
    {"json: {/a: 1}", "json: {/a: 2}", false},
    {"failure: [dns_error, dns_timeout]", "failure: dns_error", true},
    {"failure: [dns_error]", "status: 500", false},
    {"status: 200, in_stream: true", "status: 200, in_stream: true", true},
    {"status: 200, in_stream: true", "status: 200", false},
    {"status: 200", "status: 200, in_stream: true", true},
    {"error: [a]", "status: 4xx, error: [a]", true},
    {"error: [a]", "status: 200, error: [a]", false},
    {"error: [a]", "error: [a], failure: dns_error", false},
};

TEST(RuleCover, TellsWhatIsNeverAsked) {
  for (const CoverRow& row : kRows) {
    EXPECT_EQ(covers(rule(row.wide), rule(row.narrow)), row.covered)
        << row.wide << " / " << row.narrow;
  }
}

TEST(RuleCover, IsReflexiveAndTransitive) {
  std::vector<ClassifyRule> all;
  for (const CoverRow& row : kRows) {
    all.push_back(rule(row.wide));
    all.push_back(rule(row.narrow));
  }
  for (const ClassifyRule& a : all) {
    EXPECT_TRUE(covers(a, a));
    EXPECT_FALSE(covers(a, {}));
    for (const ClassifyRule& b : all) {
      for (const ClassifyRule& c : all) {
        EXPECT_TRUE(!covers(a, b) || !covers(b, c) || covers(a, c));
      }
    }
  }
}

}  // namespace
}  // namespace outrigger::config::test
