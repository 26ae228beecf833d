#include "filters/cache/storing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "filters/cache/field_list.h"
#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

using Stored = std::expected<StoredPage, NotStored>;
using config::PageCache;

constexpr AnswerTimes kTimes{kNow, kNow};
const PageCache kShared{};

PageCache guessing(Duration longest) {
  PageCache policy;
  policy.heuristic = longest;
  return policy;
}
PageCache private_mode() {
  PageCache policy;
  policy.mode = PageCache::Mode::kPrivate;
  return policy;
}
const PageCache kPrivate = private_mode();
const PageCache kGuessing = guessing(24h);

Stored store(const FieldTexts& answer, const PageCache& policy = kShared,
             const FieldTexts& request = {}, int status = 200) {
  return store_page(page_request(request), answer_of(status, answer), policy, kTimes);
}

std::string text_of(const Stored& stored) {
  return stored ? "stored" : std::string(to_string(stored.error()));
}

struct Row {
  std::string source;
  std::string result;  // "stored", or why not
  FieldTexts answer;
  const PageCache& policy = kShared;
  FieldTexts request = {};
  int status = 200;
};

void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(text_of(store(row.answer, row.policy, row.request, row.status)), row.result)
        << row.source << ", status " << row.status;
  }
}

// RFC 9111 3 and 5.2: each MUST NOT of a shared cache, and what it may do.
TEST(StorePage, KeepsWhatTheRulesAllow) {
  const FieldText kFresh{"Cache-Control", "max-age=60"};
  const FieldText kPublic{"Cache-Control", "max-age=60, public"};
  expect_rows({
      {"3: explicit freshness", "stored", {kFresh}},
      {"3: Expires", "stored", {{"Expires", date_in(60s)}}},
      {"3: s-maxage", "stored", {{"Cache-Control", "s-maxage=60"}}},
      {"3: s-maxage says nothing to a private cache",
       "freshness",
       {{"Cache-Control", "s-maxage=60"}},
       kPrivate},
      {"cc-freshness freshness-none", "freshness", {}},
      {"freshness-none, guessing", "freshness", {}, kGuessing},
      {"5.2.2.5: no-store", "no-store", {{"Cache-Control", "max-age=60, no-store"}}},
      {"5.2.1.5: no-store of the request",
       "no-store",
       {kFresh},
       kShared,
       {{"Cache-Control", "no-store"}}},
      {"5.2.2.5 in a private cache",
       "no-store",
       {{"Cache-Control", "max-age=60, no-store"}},
       kPrivate},
      {"5.2.2.7: private", "private", {{"Cache-Control", "max-age=60, private"}}},
      {"5.2.2.7 in a private cache",
       "stored",
       {{"Cache-Control", "max-age=60, private"}},
       kPrivate},
      {"5.2.2.7 with names", "stored", {{"Cache-Control", "max-age=60, private=\"a\""}}},
      {"3.5: Authorization", "credential", {kFresh}, kShared, {{"Authorization", "x"}}},
      {"3.5: Expires allows nothing",
       "credential",
       {{"Expires", date_in(60s)}},
       kShared,
       {{"Authorization", "x"}}},
      {"3.5: public", "stored", {kPublic}, kShared, {{"Authorization", "x"}}},
      {"3.5: must-revalidate",
       "stored",
       {{"Cache-Control", "max-age=60, must-revalidate"}},
       kShared,
       {{"Authorization", "x"}}},
      {"3.5: s-maxage",
       "stored",
       {{"Cache-Control", "s-maxage=60"}},
       kShared,
       {{"Authorization", "x"}}},
      {"3.5: proxy-revalidate is not named",
       "credential",
       {{"Cache-Control", "max-age=60, proxy-revalidate"}},
       kShared,
       {{"Authorization", "x"}}},
      {"3.5: of shared caches only", "stored", {kFresh}, kPrivate, {{"Authorization", "x"}}},
      {"3.5 and private",
       "private",
       {{"Cache-Control", "private, public, max-age=60"}},
       kShared,
       {{"Authorization", "x"}}},
      {"ours: Cookie", "credential", {kFresh}, kShared, {{"Cookie", "a=b"}}},
      {"ours: x-api-key", "credential", {kFresh}, kShared, {{"X-Api-Key", "a"}}},
      {"ours: api-key", "credential", {kFresh}, kShared, {{"Api-Key", "a"}}},
      {"ours: x-goog-api-key", "credential", {kFresh}, kShared, {{"X-Goog-Api-Key", "a"}}},
      {"ours: Set-Cookie", "cookie", {kFresh, {"Set-Cookie", "a=b"}}},
      {"ours: Set-Cookie, public", "stored", {kPublic, {"Set-Cookie", "a=b"}}},
      {"ours: Set-Cookie that is not kept",
       "stored",
       {{"Cache-Control", "max-age=60, no-cache=\"Set-Cookie\""}, {"Set-Cookie", "a=b"}}},
      {"ours: Set-Cookie in a private cache", "stored", {kFresh, {"Set-Cookie", "a=b"}}, kPrivate},
      {"4.1: Vary: *", "vary", {kFresh, {"Vary", "*"}}},
      {"4.1: Vary: a, *", "vary", {kFresh, {"Vary", "a"}, {"Vary", ", *"}}},
      {"4.1: Vary: a", "stored", {kFresh, {"Vary", "a"}}},
  });
}

TEST(StorePage, KeepsAnswersToGetOnly) {
  for (const auto method : {http::Method::kHead, http::Method::kPost, http::Method::kPut,
                            http::Method::kOptions, http::Method::kOther}) {
    const PageRequest request{.method = method};
    const auto stored =
        store_page(request, answer_of(200, {{"Cache-Control", "max-age=60"}}), kShared, kTimes);
    EXPECT_EQ(text_of(stored), "method");
  }
}

// What the proxy adds to a request counts like what came with it.
TEST(StorePage, ACredentialOfTheProxyIsOne) {
  const PageRequest request{.caller = Caller::kKnown};
  const auto stored =
      store_page(request, answer_of(200, {{"Cache-Control", "max-age=60"}}), kShared, kTimes);
  EXPECT_EQ(text_of(stored), "credential");
}

// cache-tests status, heuristic-freshness
TEST(StorePage, KnowsWhichStatusesItMayKeep) {
  const FieldTexts fresh = {{"Cache-Control", "max-age=60"}};
  for (const int status : {200, 201, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 401,
                           403, 404, 405, 410, 414, 499, 500, 501, 502, 503, 504, 599}) {
    EXPECT_EQ(text_of(store(fresh, kShared, {}, status)), "stored") << status;
  }
  // 3: final ones, 206 and 304 not without combining; RFC 6585; and those about more than the URL.
  for (const int status : {100, 101, 103, 206, 304, 407, 412, 416, 417, 428, 429, 431, 511}) {
    EXPECT_EQ(text_of(store(fresh, kShared, {}, status)), "status") << status;
  }
  const FieldTexts changed = {{"Last-Modified", date_in(-24h)}, {"Date", date_in(0s)}};
  for (const int status : {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}) {
    const Stored stored = store(changed, kGuessing, {}, status);
    ASSERT_TRUE(stored) << status;
    EXPECT_TRUE(stored->facts.heuristic);
    EXPECT_EQ(stored->facts.lifetime, 144min);
  }
  FieldTexts open = changed;
  open.push_back({"Cache-Control", "public"});
  for (const int status : {201, 202, 302, 307, 403, 500, 502, 503, 504, 599}) {
    EXPECT_EQ(text_of(store(changed, kGuessing, {}, status)), "freshness") << status;
    const Stored stored = store(open, kGuessing, {}, status);
    ASSERT_TRUE(stored) << status;
    EXPECT_TRUE(stored->facts.heuristic);
  }
}

// 5.2.2.3
TEST(StorePage, MustUnderstandGoesBeforeNoStore) {
  const FieldTexts both = {{"Cache-Control", "max-age=60, no-store, must-understand"}};
  EXPECT_EQ(text_of(store(both, kShared, {}, 200)), "stored");
  EXPECT_EQ(text_of(store(both, kShared, {}, 404)), "stored");
  EXPECT_EQ(text_of(store(both, kShared, {}, 599)), "status");
  EXPECT_EQ(text_of(store({{"Cache-Control", "max-age=60, must-understand"}}, kShared, {}, 299)),
            "status");
  EXPECT_EQ(text_of(store(both, kShared, {{"Cache-Control", "no-store"}}, 200)), "no-store");
}

// 3: what would only be validated is kept where it can be, and its status allows it.
TEST(StorePage, KeepsForValidationWhatHasAValidator) {
  const auto expect_for_validation = [](const FieldTexts& answer) {
    const Stored stored = store(answer);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->facts.lifetime, 0s);
    EXPECT_FALSE(stored->facts.heuristic);
    EXPECT_EQ(stored->keep_until_us, later(kKeptForValidation));
  };
  expect_for_validation({{"ETag", "\"a\""}});
  expect_for_validation({{"Last-Modified", date_in(-1h)}});
  EXPECT_EQ(text_of(store({{"Last-Modified", "yesterday"}})), "freshness");
  EXPECT_EQ(text_of(store({{"ETag", "\"a\""}}, kShared, {}, 403)), "freshness");
  EXPECT_EQ(text_of(store({{"ETag", "\"a\""}, {"Cache-Control", "private"}}, kPrivate, {}, 403)),
            "stored");
  EXPECT_EQ(text_of(store({{"ETag", "\"a\""}}, kPrivate, {}, 403)), "freshness");
  EXPECT_EQ(text_of(store({{"Cache-Control", "no-cache"}, {"ETag", "\"a\""}})), "stored");
  EXPECT_EQ(text_of(store({{"Cache-Control", "no-cache, max-age=60"}})), "freshness");
  EXPECT_EQ(text_of(store({{"Cache-Control", "max-age=0"}, {"ETag", "\"a\""}})), "stored");
  EXPECT_EQ(text_of(store({{"Cache-Control", "max-age=0"}})), "freshness");
}

Duration lifetime_of(const FieldTexts& answer, const PageCache& policy = kShared) {
  FieldTexts fields = answer;
  fields.push_back({"ETag", "\"a\""});
  const Stored stored = store(fields, policy);
  return stored ? stored->facts.lifetime : -999h;
}

// 4.2.1; cache-tests cc-freshness, expires-freshness
TEST(StorePage, TakesTheLifetimeInItsOrder) {
  const FieldText kDate{"Date", date_in(0s)};
  PageCache cdn;
  cdn.obey_cdn = true;
  const auto cache_control = [](const std::string& text) {
    return FieldText{"Cache-Control", text};
  };
  EXPECT_EQ(lifetime_of({cache_control("max-age=1, s-maxage=60")}), 60s);
  EXPECT_EQ(lifetime_of({cache_control("max-age=60"), cache_control("s-maxage=1")}), 1s);
  EXPECT_EQ(lifetime_of({cache_control("max-age=1, s-maxage=60")}, kPrivate), 1s);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(-10s)}, cache_control("max-age=0, s-maxage=60")}),
            60s);
  EXPECT_EQ(lifetime_of({cache_control("max-age=60"), {"Expires", date_in(-2h)}, kDate}), 60s);
  EXPECT_EQ(lifetime_of({cache_control("max-age=60"), {"Expires", "0"}, kDate}), 60s);
  EXPECT_EQ(lifetime_of({cache_control("max-age=0"), {"Expires", date_in(1h)}, kDate}), 0s);
  EXPECT_EQ(lifetime_of({cache_control("max-age=x"), {"Expires", date_in(1h)}, kDate}), 0s);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(1h)}, kDate}), 1h);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(1h)}, {"Date", date_in(10min)}}), 50min);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(300s)}, {"Date", date_in(400s)}}), -100s);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(10s)}, {"Date", "foo"}}), 10s);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(10s)}}), 10s);
  EXPECT_EQ(lifetime_of({{"Expires", "Sun, 21 Nov 2286 04:46:39 GMT"}}), kLongestDelta);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(1h)}, {"Expires", date_in(2h)}}), 1h);
  EXPECT_EQ(lifetime_of({{"Expires", date_in(2h)}, {"Expires", date_in(1h)}}), 1h);
  EXPECT_LT(lifetime_of({{"Expires", date_in(1h)}, {"Expires", "x"}}), 0s);
  for (const std::string text : {"0", "", "-1", "Thu, 18 Aug 50 02:01:18 GMT"}) {
    EXPECT_LT(lifetime_of({{"Expires", text}, kDate}), 0s) << text;  // 5.3
  }
  // RFC 9213 2.2: neither Cache-Control nor Expires beside it.
  EXPECT_EQ(lifetime_of({{"CDN-Cache-Control", "max-age=9"},
                         cache_control("max-age=60, s-maxage=70, no-store"),
                         {"Expires", "0"}},
                        cdn),
            9s);
  EXPECT_EQ(lifetime_of({{"CDN-Cache-Control", "foo"}, {"Expires", date_in(1h)}}, cdn), 0s);
}

// 4.2.2
TEST(StorePage, GuessesOnlyWhereNothingIsSaidAndItMay) {
  const FieldText kChanged{"Last-Modified", date_in(-10h)};
  const FieldText kDate{"Date", date_in(0s)};
  const PageCache short_guess = guessing(5min);
  EXPECT_EQ(lifetime_of({kChanged, kDate}, kGuessing), 1h);
  EXPECT_EQ(lifetime_of({kChanged}, kGuessing), 1h);
  EXPECT_EQ(lifetime_of({kChanged, kDate}, short_guess), 5min);
  EXPECT_EQ(lifetime_of({kChanged, kDate}), 0s);
  EXPECT_EQ(lifetime_of({kChanged, kDate, {"Cache-Control", "max-age=5"}}, kGuessing), 5s);
  EXPECT_LT(lifetime_of({kChanged, kDate, {"Expires", "0"}}, kGuessing), 0s);
  EXPECT_EQ(lifetime_of({{"Last-Modified", date_in(1h)}, kDate}, kGuessing), 0s);
  EXPECT_EQ(lifetime_of({{"Last-Modified", "x"}, kDate}, kGuessing), 0s);
  EXPECT_FALSE(store({kChanged, {"Cache-Control", "max-age=5"}}, kGuessing)->facts.heuristic);
}

// 4.2.3, 5.1; cache-tests age-parse
TEST(StorePage, KnowsHowOldAnAnswerCame) {
  const auto age = [](const FieldTexts& fields, const AnswerTimes& times = kTimes) {
    FieldTexts all = fields;
    all.push_back({"Cache-Control", "max-age=99999999999"});
    const Stored stored = store_page({}, answer_of(200, all), kShared, times);
    return stored ? stored->facts.age_then : -1s;
  };
  const FieldText kDate{"Date", date_in(0s)};
  EXPECT_EQ(age({kDate}), 0s);
  EXPECT_EQ(age({kDate, {"Age", "30"}}), 30s);
  EXPECT_EQ(age({{"Date", date_in(-2h)}}), 2h);                 // apparent_age
  EXPECT_EQ(age({{"Date", date_in(-2h)}, {"Age", "30"}}), 2h);  // the larger
  EXPECT_EQ(age({{"Date", date_in(-10s)}, {"Age", "30"}}), 30s);
  EXPECT_EQ(age({{"Date", date_in(2h)}}), 0s);  // never below zero
  EXPECT_EQ(age({{"Date", "foo"}}), 0s);
  EXPECT_EQ(age({kDate, {"Age", "30"}}, {later(-4s), kNow}), 34s);  // response_delay
  EXPECT_EQ(age({kDate}, {later(-4s), kNow}), 4s);
  EXPECT_EQ(age({kDate, {"Age", "30"}}, {later(4s), kNow}), 30s);  // the clock went back
  EXPECT_EQ(age({kDate, {"Age", "7200, 0"}}), 2h);                 // the first member
  EXPECT_EQ(age({kDate, {"Age", "0,7200"}}), 0s);
  EXPECT_EQ(age({kDate, {"Age", "7200"}, {"Age", "0"}}), 2h);
  EXPECT_EQ(age({kDate, {"Age", "0"}, {"Age", "7200"}}), 0s);
  for (const std::string text : {"abc", "-7200", "7200.0", "", ","}) {
    EXPECT_EQ(age({kDate, {"Age", text}}), 0s) << text;
  }
  EXPECT_EQ(age({{"Date", "Thu, 01 Jan 1970 00:00:00 GMT"}, {"Age", "1"}}),
            Duration{std::chrono::microseconds{kNow}});
}

// 3.1; 5.2.2.4, 5.2.2.7
TEST(StorePage, LeavesOutWhatIsNotToBeKept) {
  const auto names = [](const FieldTexts& extra, const PageCache& policy) {
    FieldTexts fields = {{"Date", date_in(0s)}, {"Cache-Control", "max-age=60"}};
    fields.insert(fields.end(), extra.begin(), extra.end());
    std::vector<std::string> kept;
    for (const StoredField& field : store(fields, policy)->head.fields) kept.push_back(field.name);
    return std::vector<std::string>(kept.begin() + 2, kept.end());
  };
  using Names = std::vector<std::string>;
  for (const std::string name :
       {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
        "HTTP2-Settings", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info",
        "Proxy-Authorization", "Age"}) {
    EXPECT_EQ(names({{name, "1"}, {"X", "2"}}, kShared), Names{"X"}) << name;
  }
  for (const std::string name :
       {"Test-Header", "Content-Foo", "Content-Encoding", "Content-Length", "Content-Location",
        "Content-MD5", "Content-Range", "Content-Security-Policy", "Clear-Site-Data", "ETag",
        "Public-Key-Pins", "Set-Cookie2", "X-Frame-Options", "WWW-Authenticate", "Cache-Status"}) {
    EXPECT_EQ(names({{name, "1"}}, kShared), Names{name}) << name;
  }
  const FieldTexts kAbc = {{"A", "1"}, {"b", "2"}, {"C", "3"}};
  const auto with = [&](const FieldText& field) {
    FieldTexts all = kAbc;
    all.push_back(field);
    return all;
  };
  EXPECT_EQ(names(with({"Connection", "a, B"}), kShared), Names{"C"});
  EXPECT_EQ(names(with({"Cache-Control", "no-cache=\"a, B\""}), kShared),
            (Names{"C", "Cache-Control"}));
  EXPECT_EQ(names(with({"Cache-Control", "private=\"a, B\""}), kShared),
            (Names{"C", "Cache-Control"}));
  EXPECT_EQ(names(with({"Cache-Control", "private=\"a, B\""}), kPrivate),
            (Names{"A", "b", "C", "Cache-Control"}));
}

// RFC 9110 6.6.1
TEST(StorePage, AnAnswerIsKeptWithOneTrueDate) {
  const auto date = [](const FieldTexts& fields) {
    FieldTexts all = fields;
    all.push_back({"Cache-Control", "max-age=60"});
    const StoredHead head = store(all)->head;
    EXPECT_EQ(std::ranges::count_if(head.fields,
                                    [](const StoredField& f) { return f.name != "Cache-Control"; }),
              1);
    return std::string(field_value(head, "date"));
  };
  EXPECT_EQ(date({{"Date", date_in(-5s)}}), date_in(-5s));
  EXPECT_EQ(date({}), date_in(0s));
  EXPECT_EQ(date({{"Date", "foo"}}), date_in(0s));
  EXPECT_EQ(date({{"Date", date_in(-5s)}, {"Date", date_in(-9s)}}), date_in(-5s));
}

TEST(StorePage, FactsSayWhatMayBeDoneLater) {
  PageCache kind;
  kind.stale_if_error = 7min;
  kind.stale_while_revalidate = 8min;
  const auto facts = [](const std::string& text, const PageCache& policy) {
    return store({{"Cache-Control", text}, {"ETag", "\"a\""}}, policy)->facts;
  };
  EXPECT_TRUE(facts("max-age=5, must-revalidate", kShared).must_revalidate);  // 5.2.2.2
  EXPECT_TRUE(facts("max-age=5, must-revalidate", kPrivate).must_revalidate);
  EXPECT_TRUE(facts("max-age=5, proxy-revalidate", kShared).must_revalidate);  // 5.2.2.8
  EXPECT_FALSE(facts("max-age=5, proxy-revalidate", kPrivate).must_revalidate);
  EXPECT_TRUE(facts("max-age=5, s-maxage=5", kShared).must_revalidate);  // 5.2.2.10
  EXPECT_FALSE(facts("max-age=5, s-maxage=5", kPrivate).must_revalidate);
  EXPECT_FALSE(facts("max-age=5", kShared).must_revalidate);
  EXPECT_TRUE(facts("max-age=5, no-cache", kShared).always_validate);  // 5.2.2.4
  EXPECT_FALSE(facts("max-age=5, no-cache=\"a\"", kShared).always_validate);
  EXPECT_EQ(facts("max-age=5", kShared).if_error, std::nullopt);
  EXPECT_EQ(facts("max-age=5", kind).if_error, 7min);
  EXPECT_EQ(facts("max-age=5, stale-if-error=3", kind).if_error, 3s);
  EXPECT_EQ(facts("max-age=5", kind).while_revalidate, 8min);
  EXPECT_EQ(facts("max-age=5, stale-while-revalidate=0", kind).while_revalidate, 0s);
  EXPECT_EQ(facts("max-age=5", kShared).received_us, kNow);
}

TEST(StorePage, KeepsAnAnswerAsLongAsItIsOfUse) {
  const auto kept_for = [](const std::string& text, const FieldTexts& more = {}) {
    FieldTexts fields = more;
    fields.push_back({"Cache-Control", text});
    const Stored stored = store(fields);
    return stored ? Duration{std::chrono::microseconds{stored->keep_until_us - kNow}} : -1s;
  };
  EXPECT_EQ(kept_for("max-age=60"), 60s);
  EXPECT_EQ(kept_for("max-age=60", {{"Age", "20"}}), 40s);
  EXPECT_EQ(kept_for("max-age=60", {{"Age", "90"}}), -1s);
  EXPECT_EQ(kept_for("max-age=60, stale-if-error=5, stale-while-revalidate=9"), 69s);
  EXPECT_EQ(kept_for("max-age=60, stale-if-error=9, stale-while-revalidate=5"), 69s);
  EXPECT_EQ(kept_for("max-age=60, stale-if-error=90", {{"Age", "100"}}), 50s);
  EXPECT_EQ(kept_for("max-age=60, stale-if-error=9, must-revalidate"), 60s);
  EXPECT_EQ(kept_for("max-age=60", {{"ETag", "\"a\""}}), 60s + kKeptForValidation);
  EXPECT_EQ(kept_for("max-age=0", {{"ETag", "\"a\""}, {"Age", "90"}}), kKeptForValidation);
  EXPECT_EQ(kept_for("max-age=60, stale-if-error=999999", {{"ETag", "\"a\""}}), 60s + 999999s);
  EXPECT_EQ(store({{"Cache-Control", "max-age=60"}, {"Age", "20"}})->expires_us, later(40s));
}

TEST(StorePage, NoAnswerComesYoungerThanNewOrIsKeptForNothing) {
  std::mt19937_64 random(5);
  const std::vector<std::string> kTexts = {"max-age=9",       "s-maxage=5", "no-cache",
                                           "public",          "x",          "stale-if-error=5",
                                           "must-revalidate", "max-age=-1"};
  int kept = 0;
  for (int round = 0; round < 5000; ++round) {
    const auto moment = [&] {
      return std::chrono::seconds{static_cast<int>(random() % 200) - 100};
    };
    FieldTexts fields = {{"Cache-Control", kTexts[random() % 8] + ", " + kTexts[random() % 8]}};
    if (random() % 2 == 0) fields.push_back({"Date", date_in(moment())});
    if (random() % 2 == 0) fields.push_back({"Expires", date_in(moment())});
    if (random() % 2 == 0) fields.push_back({"Last-Modified", date_in(moment())});
    if (random() % 2 == 0) fields.push_back({"Age", std::to_string(random() % 20)});
    const AnswerTimes times{later(moment()), kNow};
    const Stored stored = store_page({}, answer_of(200, fields), kGuessing, times);
    if (!stored) continue;
    ++kept;
    EXPECT_GE(stored->facts.age_then, 0s);
    EXPECT_GT(stored->keep_until_us, kNow);
    EXPECT_GE(stored->keep_until_us, stored->facts.always_validate ? kNow : stored->expires_us);
  }
  EXPECT_GT(kept, 1000);
}

}  // namespace
}  // namespace outrigger::filters
