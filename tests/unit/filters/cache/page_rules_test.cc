// The rules together, as http-tests/cache-tests asks about them: what is stored, and what of it is
// given three seconds later. Rows carry the names of its tests.
#include <gtest/gtest.h>

#include "filters/cache/reuse.h"
#include "filters/cache/storing.h"
#include "filters/cache/validation.h"
#include "filters/cache/vary.h"
#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

enum class Outcome : std::uint8_t { kCached, kNotCached, kEtagValidated, kDateValidated };

struct Asked {
  FieldTexts first = {};
  FieldTexts second = {};
  int status = 200;
};

config::PageCache policy() {
  config::PageCache policy;
  policy.heuristic = 24h;
  return policy;
}

Outcome outcome_of(const FieldTexts& answer, const Asked& asked) {
  const std::int64_t now_us = later(3s);
  const http::Headers request = headers_of(asked.second);
  const http::ResponseHead head = answer_of(asked.status, answer);
  const auto page = store_page(page_request(asked.first), head, policy(), {kNow, kNow});
  if (!page || page->keep_until_us <= now_us) return Outcome::kNotCached;
  const std::vector<std::string> names = vary_names(head.headers).names;
  if (vary_text(headers_of(asked.first), names) != vary_text(request, names)) {
    return Outcome::kNotCached;
  }
  const Reuse reuse = decide_reuse(page->facts, request_directives(request), now_us);
  if (reuse != Reuse::kValidate) return Outcome::kCached;
  http::Headers validation;
  ask_for_validation(validation, page->head);
  if (validation.find("if-none-match") != nullptr) return Outcome::kEtagValidated;
  return validation.find("if-modified-since") != nullptr ? Outcome::kDateValidated
                                                         : Outcome::kNotCached;
}

struct Row {
  std::string name;
  Outcome outcome;
  FieldTexts answer;
  Asked asked = {};
};

void expect_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) EXPECT_EQ(outcome_of(row.answer, row.asked), row.outcome) << row.name;
}

FieldText cache_control(const std::string& text) {
  return {"Cache-Control", text};
}
const FieldText kDate{"Date", date_in(0s)};
const FieldText kTag{"ETag", "\"abcd\""};

TEST(PageRules, Freshness) {
  expect_rows({
      {"freshness-none", Outcome::kNotCached, {}},
      {"freshness-max-age", Outcome::kCached, {cache_control("max-age=3600")}},
      {"freshness-max-age-stale", Outcome::kNotCached, {cache_control("max-age=2")}},
      {"freshness-max-age-0", Outcome::kNotCached, {cache_control("max-age=0")}},
      {"freshness-max-age-max-plus", Outcome::kCached, {cache_control("max-age=99999999999")}},
      {"freshness-max-age-age",
       Outcome::kNotCached,
       {kDate, cache_control("max-age=3600"), {"Age", "7200"}}},
      {"freshness-max-age-date",
       Outcome::kNotCached,
       {{"Date", date_in(-2h)}, cache_control("max-age=3600")}},
      {"freshness-max-age-0-expires",
       Outcome::kNotCached,
       {{"Expires", date_in(1h)}, cache_control("max-age=0"), kDate}},
      {"freshness-max-age-negative", Outcome::kNotCached, {cache_control("max-age=-3600")}},
      {"freshness-max-age-s-maxage-shared-longer",
       Outcome::kNotCached,
       {cache_control("max-age=3600, s-maxage=1")}},
      {"freshness-max-age-s-maxage-shared-shorter-expires",
       Outcome::kCached,
       {{"Expires", date_in(-10s)}, cache_control("max-age=0, s-maxage=3600")}},
      {"freshness-expires-future", Outcome::kCached, {{"Expires", date_in(720h)}, kDate}},
      {"freshness-expires-past", Outcome::kNotCached, {{"Expires", date_in(-720h)}, kDate}},
      {"freshness-expires-present", Outcome::kNotCached, {{"Expires", date_in(0s)}, kDate}},
      {"freshness-expires-old-date",
       Outcome::kNotCached,
       {{"Expires", date_in(300s)}, {"Date", date_in(400s)}}},
      {"freshness-expires-invalid", Outcome::kNotCached, {{"Expires", "0"}, kDate}},
      {"freshness-expires-invalid-date",
       Outcome::kCached,
       {{"Date", "foo"}, {"Expires", date_in(10s)}}},
      {"freshness-expires-age-slow-date",
       Outcome::kNotCached,
       {{"Date", date_in(-10s)}, {"Expires", date_in(10s)}, {"Age", "25"}}},
      {"freshness-expires-age-fast-date",
       Outcome::kNotCached,
       {{"Date", date_in(10s)}, {"Expires", date_in(20s)}, {"Age", "15"}}},
      {"freshness-expires-ansi-c",
       Outcome::kCached,
       {{"Expires", "Thu Aug  8 02:01:18 2050"}, kDate}},
      {"freshness-expires-invalid-utc",
       Outcome::kNotCached,
       {{"Expires", "Thu, 18 Aug 2050 02:01:18 UTC"}, kDate}},
  });
}

TEST(PageRules, Directives) {
  const FieldText kExpires{"Expires", date_in(10000s)};
  expect_rows({
      {"cc-resp-private-shared", Outcome::kNotCached, {cache_control("private, max-age=3600")}},
      {"cc-resp-no-store-fresh",
       Outcome::kNotCached,
       {cache_control("max-age=10000, no-store"), kExpires, kDate}},
      {"cc-resp-no-cache",
       Outcome::kNotCached,
       {cache_control("max-age=10000, no-cache"), kExpires, kDate}},
      {"cc-resp-no-cache-revalidate", Outcome::kEtagValidated, {cache_control("no-cache"), kTag}},
      {"cc-resp-no-cache-revalidate-fresh",
       Outcome::kEtagValidated,
       {cache_control("max-age=10000, no-cache"), kExpires, kDate, kTag}},
      {"cc-resp-must-revalidate-fresh",
       Outcome::kCached,
       {cache_control("max-age=10000, must-revalidate"), kTag}},
      {"cc-resp-must-revalidate-stale",
       Outcome::kEtagValidated,
       {cache_control("max-age=2, must-revalidate"), kTag}},
      {"other-authorization",
       Outcome::kNotCached,
       {{"Expires", date_in(720h)}, kDate},
       {.first = {{"Authorization", "FOO"}}}},
      {"other-authorization-public",
       Outcome::kCached,
       {cache_control("max-age=3600, public")},
       {.first = {{"Authorization", "FOO"}}}},
      {"other-authorization-smaxage",
       Outcome::kCached,
       {cache_control("s-maxage=3600")},
       {.first = {{"Authorization", "FOO"}}}},
      {"other-cookie",
       Outcome::kCached,
       {cache_control("max-age=3600")},
       {.second = {{"Cookie", "a=b"}}}},
      {"status-599-must-understand",
       Outcome::kNotCached,
       {cache_control("max-age=3600, no-store, must-understand")},
       {.status = 599}},
      {"status-200-must-understand",
       Outcome::kCached,
       {cache_control("max-age=3600, no-store, must-understand")}},
      {"status-404-stale",
       Outcome::kDateValidated,
       {{"Expires", date_in(-5000s)}, {"Last-Modified", date_in(-100000s)}, kDate},
       {.status = 404}},
      {"heuristic-404-cached",
       Outcome::kCached,
       {{"Last-Modified", date_in(-24h)}, kDate},
       {.status = 404}},
      {"heuristic-503-not_cached",
       Outcome::kNotCached,
       {{"Last-Modified", date_in(-24h)}, kDate},
       {.status = 503}},
      {"heuristic-599-cached",
       Outcome::kCached,
       {{"Last-Modified", date_in(-24h)}, kDate, cache_control("public")},
       {.status = 599}},
      {"pragma-response-no-cache",
       Outcome::kCached,
       {cache_control("max-age=3600"), {"Pragma", "no-cache"}}},
  });
}

TEST(PageRules, RequestsAndValidation) {
  const FieldTexts fresh = {cache_control("max-age=3600")};
  const FieldTexts tagged = {cache_control("max-age=3600"), kTag};
  const auto asking = [](const std::string& text) {
    return Asked{.second = {cache_control(text)}};
  };
  expect_rows({
      {"the suite's own",
       Outcome::kCached,
       fresh,
       {.second = {{"Pragma", "foo"}, cache_control("nothing-to-see-here")}}},
      {"ccreq-ma0", Outcome::kNotCached, fresh, asking("max-age=0")},
      {"ccreq-ma1", Outcome::kNotCached, fresh, asking("max-age=1")},
      {"ccreq-magreaterage",
       Outcome::kNotCached,
       {fresh[0], {"Age", "1800"}},
       asking("max-age=600")},
      {"ccreq-min-fresh",
       Outcome::kNotCached,
       {cache_control("max-age=1500")},
       asking("min-fresh=2000")},
      {"ccreq-min-fresh-age",
       Outcome::kNotCached,
       {cache_control("max-age=1500"), {"Age", "1000"}},
       asking("min-fresh=1000")},
      {"ccreq-no-cache-etag", Outcome::kEtagValidated, tagged, asking("no-cache")},
      {"ccreq-no-cache-lm",
       Outcome::kDateValidated,
       {cache_control("max-age=3600"), {"Last-Modified", date_in(-10000s)}, kDate},
       asking("no-cache")},
      {"conditional-etag-strong-generate",
       Outcome::kEtagValidated,
       {cache_control("max-age=2"), kTag}},
      {"conditional-etag-weak-generate-weak",
       Outcome::kEtagValidated,
       {cache_control("max-age=2"), {"ETag", "W/\"abcd\""}}},
      {"stale-while-revalidate",
       Outcome::kCached,
       {cache_control("max-age=0, stale-while-revalidate=3600"), kTag}},
      {"vary-match",
       Outcome::kCached,
       {fresh[0], {"Vary", "Foo"}},
       {.first = {{"Foo", "1"}}, .second = {{"Foo", "1"}}}},
      {"vary-no-match",
       Outcome::kNotCached,
       {fresh[0], {"Vary", "Foo"}},
       {.first = {{"Foo", "1"}}, .second = {{"Foo", "2"}}}},
      {"vary-omit-stored",
       Outcome::kNotCached,
       {fresh[0], {"Vary", "Foo"}},
       {.second = {{"Foo", "1"}}}},
      {"vary-syntax-foo-star", Outcome::kNotCached, {fresh[0], {"Vary", "Foo, *"}}},
  });
}

}  // namespace
}  // namespace outrigger::filters
