#include "proxy/base/result.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace outrigger {
namespace {

TEST(Result, FailCarriesWhatARetryingProxyMustKnow) {
  const Result<int> result =
      fail(Errc::kConnect, Origin::kUpstream, "connection_refused", "127.0.0.1:9");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::kConnect);
  EXPECT_EQ(result.error().origin, Origin::kUpstream);
  EXPECT_EQ(result.error().phase, Phase::kNoConnection);
  EXPECT_EQ(result.error().reason, "connection_refused");
  EXPECT_EQ(result.error().detail, "127.0.0.1:9");
}

TEST(Result, EveryCodeHasItsOwnName) {
  std::set<std::string_view> names;
  constexpr int kCodes = static_cast<int>(Errc::kInternal) + 1;
  for (int code = 0; code < kCodes; ++code) names.insert(to_string(static_cast<Errc>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kCodes));
}

TEST(Result, OriginsAndPhasesAreNamedAsTheDesignDoes) {
  EXPECT_EQ(to_string(Origin::kClient), "client");
  EXPECT_EQ(to_string(Origin::kUpstream), "upstream");
  EXPECT_EQ(to_string(Origin::kProxy), "proxy");
  EXPECT_EQ(to_string(Phase::kNoConnection), "P0");
  EXPECT_EQ(to_string(Phase::kNothingAccepted), "P1");
  EXPECT_EQ(to_string(Phase::kCommitted), "P5");
}

}  // namespace
}  // namespace outrigger
