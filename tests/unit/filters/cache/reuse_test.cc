#include "filters/cache/reuse.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

// Received at kNow, new then, fresh for 60 s.
PageFacts facts() {
  return {.received_us = kNow, .lifetime = 60s};
}

Reuse reuse(const PageFacts& facts, Duration age, const std::string& cache_control = "") {
  const http::Headers request = headers_of({{"Cache-Control", cache_control}});
  return decide_reuse(facts, request_directives(request), later(age));
}

// 4.2: freshness_lifetime > current_age
TEST(Reuse, AnAnswerIsFreshWhileItIsYoungerThanItsLifetime) {
  EXPECT_EQ(reuse(facts(), 0s), Reuse::kFresh);
  EXPECT_EQ(reuse(facts(), 59s), Reuse::kFresh);
  EXPECT_EQ(reuse(facts(), 60s), Reuse::kValidate);
  PageFacts aged = facts();
  aged.age_then = 50s;
  EXPECT_EQ(reuse(aged, 9s), Reuse::kFresh);
  EXPECT_EQ(reuse(aged, 10s), Reuse::kValidate);
  PageFacts stale = facts();
  stale.lifetime = -5s;
  EXPECT_EQ(reuse(stale, 0s), Reuse::kValidate);
}

TEST(Reuse, NoCacheOfEitherSideForcesValidation) {
  PageFacts no_cache = facts();
  no_cache.always_validate = true;  // 5.2.2.4
  EXPECT_EQ(reuse(no_cache, 1s), Reuse::kValidate);
  EXPECT_EQ(reuse(no_cache, 1s, "max-stale"), Reuse::kValidate);
  EXPECT_EQ(reuse(facts(), 1s, "no-cache"), Reuse::kValidate);  // 5.2.1.4
  EXPECT_EQ(reuse(facts(), 70s, "no-cache, max-stale"), Reuse::kValidate);
}

// 5.2.1; cache-tests cc-request
TEST(Reuse, HeedsWhatTheClientAsks) {
  struct Row {
    std::string source, directives;
    Duration age;
    Reuse reuse;
  };
  const Row kRows[] = {
      {"5.2.1.1", "max-age=10", 10s, Reuse::kFresh},
      {"5.2.1.1", "max-age=10", 11s, Reuse::kValidate},
      {"5.2.1.1 max-age=0", "max-age=0", 1s, Reuse::kValidate},
      {"5.2.1.1 no longer than the answer says", "max-age=100", 61s, Reuse::kValidate},
      {"5.2.1.3", "min-fresh=20", 40s, Reuse::kFresh},
      {"5.2.1.3", "min-fresh=20", 41s, Reuse::kValidate},
      {"5.2.1.2", "max-stale=10", 70s, Reuse::kStale},
      {"5.2.1.2", "max-stale=10", 71s, Reuse::kValidate},
      {"5.2.1.2 without a value", "max-stale", 9999s, Reuse::kStale},
      {"5.2.1.2 while it is fresh", "max-stale=10", 5s, Reuse::kFresh},
      {"both", "max-age=65, max-stale=10", 64s, Reuse::kStale},
      {"both", "max-age=65, max-stale=10", 66s, Reuse::kValidate},
      {"min-fresh wants more than max-stale gives", "min-fresh=1, max-stale=10", 62s,
       Reuse::kValidate},
      {"5.2.1.7", "only-if-cached", 5s, Reuse::kFresh},
      {"5.2.1.7", "only-if-cached", 61s, Reuse::kGatewayTimeout},
      {"5.2.1.7", "only-if-cached, no-cache", 5s, Reuse::kGatewayTimeout},
      {"5.2.1.7", "only-if-cached, max-stale", 61s, Reuse::kStale},
      {"5.2.1.5: no-store does not forbid use", "no-store", 5s, Reuse::kFresh},
      {"unknown", "nothing-to-see-here", 5s, Reuse::kFresh},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(reuse(facts(), row.age, row.directives), row.reuse) << row.source;
  }
}

// RFC 5861 3
TEST(Reuse, GivesStaleWhileItRevalidates) {
  PageFacts page = facts();
  page.while_revalidate = 30s;
  EXPECT_EQ(reuse(page, 59s), Reuse::kFresh);
  EXPECT_EQ(reuse(page, 60s), Reuse::kStaleWhileRevalidate);
  EXPECT_EQ(reuse(page, 90s), Reuse::kStaleWhileRevalidate);
  EXPECT_EQ(reuse(page, 91s), Reuse::kValidate);
  EXPECT_EQ(reuse(page, 70s, "max-age=65"), Reuse::kValidate);
  EXPECT_EQ(reuse(page, 70s, "min-fresh=1"), Reuse::kValidate);
  EXPECT_EQ(reuse(page, 70s, "max-stale=20"), Reuse::kStale);
  // Fresh, but not enough for this client: that is no reason to fetch it for all.
  EXPECT_EQ(reuse(page, 50s, "min-fresh=20"), Reuse::kValidate);
}

// 4.2.4, 5.2.2.2: by nobody's leave
TEST(Reuse, NeverGivesStaleWhatMustBeRevalidated) {
  PageFacts page = facts();
  page.must_revalidate = true;
  page.while_revalidate = page.if_error = 1h;
  EXPECT_EQ(reuse(page, 59s), Reuse::kFresh);
  EXPECT_EQ(reuse(page, 61s), Reuse::kValidate);
  EXPECT_EQ(reuse(page, 61s, "max-stale"), Reuse::kValidate);
  EXPECT_EQ(reuse(page, 61s, "max-stale, only-if-cached"), Reuse::kGatewayTimeout);
  EXPECT_FALSE(may_serve_on_error(page, {}, later(61s)));
  EXPECT_FALSE(may_serve_on_error(page, {.if_error = 1h}, later(61s)));
}

// RFC 5861 4; cache-tests cc-stale
TEST(Reuse, AnErrorLetsAStaleAnswerPassForAsLongAsIsSaid) {
  PageFacts page = facts();
  EXPECT_FALSE(may_serve_on_error(page, {}, later(61s)));
  EXPECT_TRUE(may_serve_on_error(page, {.if_error = 1s}, later(61s)));
  EXPECT_FALSE(may_serve_on_error(page, {.if_error = 1s}, later(62s)));
  page.if_error = 10s;
  EXPECT_TRUE(may_serve_on_error(page, {}, later(70s)));
  EXPECT_FALSE(may_serve_on_error(page, {}, later(71s)));
  EXPECT_FALSE(may_serve_on_error(page, {.if_error = 2s}, later(63s)));
  EXPECT_FALSE(may_serve_on_error(page, {.no_cache = true}, later(61s)));
  // "Regardless of other freshness information".
  EXPECT_TRUE(may_serve_on_error(page, {.max_age = 0s}, later(5s)));
  page.always_validate = true;
  EXPECT_FALSE(may_serve_on_error(page, {}, later(61s)));
}

// 4.2.3
TEST(Reuse, AgeGrowsWithTimeAndIsNeverBelowZero) {
  PageFacts page = facts();
  page.age_then = 5s;
  EXPECT_EQ(current_age(page, later(7s)), 12s);
  EXPECT_EQ(time_to_live(page, later(7s)), 48s);
  EXPECT_EQ(time_to_live(page, later(60s)), -5s);
  EXPECT_EQ(current_age(page, later(-1h)), 5s);  // the clock went back
  std::mt19937_64 random(9);
  for (int round = 0; round < 5000; ++round) {
    const auto seconds = [&] {
      return std::chrono::seconds{static_cast<int>(random() % 9999) - 5000};
    };
    const PageFacts any{
        .received_us = later(seconds()), .age_then = seconds(), .lifetime = seconds()};
    EXPECT_GE(current_age(any, later(seconds())), 0s);
  }
  // As far as a Duration goes.
  const PageFacts old{.received_us = 0, .age_then = kLongestDelta, .lifetime = -kLongestDelta};
  EXPECT_LT(time_to_live(old, kNow), 0s);
}

}  // namespace
}  // namespace outrigger::filters
