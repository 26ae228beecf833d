// Every policy value in force for a route, and who wrote it.
#include "config/policy_values.h"

#include <gtest/gtest.h>

#include "config/show.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

constexpr const char* kFile = R"(version: 1
defaults:
  retry: {max_attempts: 5, backoff: {base: 1s}}
  deadline: 1m
upstreams:
  a:
    use: saas
    url: https://a.example.com
    deadline: 2m
    retry: {max_attempts: 4}
    classify: [{status: 409, verdict: transient}, {status: 418, verdict: overloaded}]
    credentials: {keys: ["${KEY_A}", "secret-b"]}
    fallback: [{model: x}]
    routes:
      - match: {path: /r}
        retry: {max_attempts: 2}
        classify: [{status: 410, verdict: transient}]
        circuit_breaker: none
)";

class PolicyValues : public ::testing::Test {
 protected:
  PolicyValues() : loaded_(load(kFile, environment({{"KEY_A", "secret-a"}}))) {}

  // "value @ origin" of one value of the upstream or, with `route`, of its route.
  std::string at(std::string_view policy, std::string_view key,
                 std::optional<std::size_t> route = {}) {
    for (const PolicyValue& value : policy_values(loaded_, 0, route)) {
      if (value.policy == policy && value.key == key) return value.value + " @ " + value.origin;
    }
    return "(absent)";
  }

  Loaded loaded_;
};

TEST_F(PolicyValues, NameThePlaceOfTheLayerThatWon) {
  ASSERT_TRUE(loaded_.config) << render(loaded_.diagnostics, false);
  EXPECT_EQ(at("retry", "max_attempts"), "4 @ outrigger.yaml:10:27");
  EXPECT_EQ(at("retry", "backoff.base"), "1s @ outrigger.yaml:3:44");
  EXPECT_EQ(at("deadline", ""), "2m @ outrigger.yaml:9:15");
  EXPECT_TRUE(at("timeouts", "headers").starts_with("20s @ <profile saas>:"));
  EXPECT_EQ(at("retry", "backoff.factor"), "2 @ built-in");
}

TEST_F(PolicyValues, OfARouteAreItsOwnOrThoseItInherits) {
  EXPECT_EQ(at("retry", "max_attempts", 0), "2 @ outrigger.yaml:16:31");
  EXPECT_EQ(at("retry", "backoff.base", 0), "1s @ outrigger.yaml:3:44");
  EXPECT_EQ(at("circuit_breaker", "", 0), "none @ outrigger.yaml:18:26");
  EXPECT_EQ(at("deadline", "", 0), "2m @ outrigger.yaml:9:15");
  EXPECT_EQ(at("fallback", "[0]", 0), at("fallback", "[0]"));
}

TEST_F(PolicyValues, OfListsNameThePlaceOfEachItem) {
  EXPECT_EQ(at("classify", "[0]"), "{status: [409], verdict: transient} @ outrigger.yaml:11:16");
  EXPECT_EQ(at("classify", "[1]"), "{status: [418], verdict: overloaded} @ outrigger.yaml:11:51");
  EXPECT_EQ(at("classify", "[0]", 0), "{status: [410], verdict: transient} @ outrigger.yaml:17:20");
  EXPECT_EQ(at("classify", "[1]", 0), at("classify", "[0]")) << "kept behind its own";
  EXPECT_NE(at("classify", "[2]").find("<profile saas>"), std::string::npos);
}

TEST_F(PolicyValues, HoldNoSecret) {
  EXPECT_EQ(at("credentials", "keys"), R"(["${KEY_A}", "<redacted>"] @ outrigger.yaml:12:25)");
}

TEST_F(PolicyValues, OfNobodyAreTheBuiltInOnes) {
  const Loaded plain = load(upstream("protocol: http1"));
  for (const PolicyValue& value : policy_values(plain, 0, {})) {
    EXPECT_FALSE(value.written) << value.policy << " " << value.key;
    EXPECT_EQ(value.origin, "built-in");
    EXPECT_FALSE(value.value.empty()) << value.policy << " " << value.key;
  }
}

}  // namespace
}  // namespace outrigger::config::test
