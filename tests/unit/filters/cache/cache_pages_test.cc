// GET and HEAD through the filter: who gets what, and what the upstream hears of it.
#include <gtest/gtest.h>

#include "tests/unit/filters/cache/cache_fixture.h"

namespace outrigger::filters {
namespace {

Play page(std::string body, std::string control = "max-age=60", Fields more = {}) {
  Play play;
  play.fields = std::move(more);
  if (!control.empty()) play.fields.emplace_back("Cache-Control", std::move(control));
  play.pieces = {std::move(body)};
  return play;
}

class CachePages : public CacheTest {
 protected:
  void play(Play play) { upstream().plays.push_back(std::move(play)); }
  [[nodiscard]] std::string sent(std::size_t call, std::string_view name) {
    const http::Field* field = upstream().seen.at(call).headers.find(name);
    return field == nullptr ? "" : std::string(field->value);
  }
};

TEST_F(CachePages, AFreshAnswerIsGivenAgainWithItsAge) {
  play(page("one"));
  const Client& first = get("/a");
  EXPECT_EQ(first.body, "one");
  EXPECT_EQ(first.field("cache-status"), "outrigger; fwd=uri-miss; fwd-status=200");
  EXPECT_EQ(first.source(), Source::kUpstream);
  loop_.advance(10s);
  const Client& second = get("/a");
  EXPECT_EQ(second.body, "one");
  EXPECT_EQ(second.field("age"), "10");
  EXPECT_EQ(second.field("cache-status"), "outrigger; hit; ttl=50");
  EXPECT_EQ(second.source(), Source::kCache);
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePages, AnotherUrlOrHostIsAnotherPage) {
  play(page("a"));
  play(page("b"));
  EXPECT_EQ(get("/a").body, "a");
  EXPECT_EQ(get("/a?x").body, "b");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, AStaleOneIsValidatedAndFreshensWithoutItsBody) {
  play(page("one", "max-age=60", {{"ETag", "\"v1\""}}));
  get("/a");
  loop_.advance(61s);
  Play unchanged;
  unchanged.status = 304;
  unchanged.fields = {{"ETag", "\"v1\""}, {"Cache-Control", "max-age=100"}};
  play(unchanged);
  const Client& second = get("/a");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, "one");
  EXPECT_EQ(sent(1, "if-none-match"), "\"v1\"");
  EXPECT_EQ(second.field("cache-status"), "outrigger; fwd=stale; fwd-status=304");
  loop_.advance(90s);
  EXPECT_EQ(get("/a").body, "one");
  EXPECT_EQ(calls(), 2u) << "it is fresh for 100 s more";
}

TEST_F(CachePages, AValidationThatBringsAnotherPageReplacesIt) {
  play(page("one", "max-age=60", {{"ETag", "\"v1\""}}));
  get("/a");
  loop_.advance(61s);
  play(page("two", "max-age=60", {{"ETag", "\"v2\""}}));
  EXPECT_EQ(get("/a").body, "two");
  EXPECT_EQ(get("/a").body, "two");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, A304ForAnotherVersionIsAskedAgainWithoutConditions) {
  play(page("one", "max-age=60", {{"ETag", "\"v1\""}}));
  get("/a");
  loop_.advance(61s);
  Play other;
  other.status = 304;
  other.fields = {{"ETag", "\"v2\""}};
  play(other);
  play(page("two", "max-age=60", {{"ETag", "\"v2\""}}));
  const Client& second = get("/a");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, "two");
  EXPECT_EQ(sent(2, "if-none-match"), "");
}

TEST_F(CachePages, TheClientsOwnConditionsAreAnsweredFromTheStore) {
  play(page("one", "max-age=60", {{"ETag", "\"v1\""}}));
  get("/a");
  const Client& known = get("/a", {{"If-None-Match", "\"v1\""}});
  EXPECT_EQ(known.status, 304);
  EXPECT_EQ(known.body, "");
  EXPECT_EQ(known.field("etag"), "\"v1\"");
  EXPECT_EQ(get("/a", {{"If-None-Match", "\"v0\""}}).body, "one");
  const Client& part = get("/a", {{"Range", "bytes=1-"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "ne");
  const Client& head = send(http::Method::kHead, "/a");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.field("content-length"), "3");
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePages, VaryKeepsAnswersApart) {
  play(page("de", "max-age=60", {{"Vary", "Accept-Language"}}));
  play(page("en", "max-age=60", {{"Vary", "Accept-Language"}}));
  EXPECT_EQ(get("/a", {{"Accept-Language", "de"}}).body, "de");
  const Client& other = get("/a", {{"Accept-Language", "en"}});
  EXPECT_EQ(other.body, "en");
  EXPECT_EQ(other.field("cache-status"), "outrigger; fwd=vary-miss; fwd-status=200");
  EXPECT_EQ(get("/a", {{"Accept-Language", "de"}}).body, "de");
  EXPECT_EQ(get("/a", {{"Accept-Language", "en"}}).body, "en");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, ASharedCacheKeepsNothingThatIsOnesOwn) {
  play(page("mine"));
  play(page("yours"));
  play(page("private", "private, max-age=60"));
  play(page("again", "private, max-age=60"));
  EXPECT_EQ(get("/a", {{"Authorization", "Bearer one"}}).body, "mine");
  EXPECT_EQ(get("/a", {{"Authorization", "Bearer two"}}).body, "yours");
  EXPECT_EQ(get("/b").body, "private");
  EXPECT_EQ(get("/b").body, "again");
}

TEST_F(CachePages, APrivateCacheKeepsEachOwnersOwn) {
  policies_.cache->http->mode = config::PageCache::Mode::kPrivate;
  play(page("one's", "private, max-age=60"));
  play(page("two's", "private, max-age=60"));
  EXPECT_EQ(get("/me", {{"Authorization", "Bearer one"}}).body, "one's");
  EXPECT_EQ(get("/me", {{"Authorization", "Bearer two"}}).body, "two's");
  EXPECT_EQ(get("/me", {{"Authorization", "Bearer one"}}).body, "one's");
  EXPECT_EQ(get("/me", {{"Authorization", "Bearer two"}}).body, "two's");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, OwnersWhoAskAtTheSameTimeDoNotShareAFlight) {
  policies_.cache->http->mode = config::PageCache::Mode::kPrivate;
  for (const char* body : {"one's", "two's"}) {
    Play slow = page(body, "private, max-age=60");
    slow.before_head = 5s;
    play(slow);
  }
  const Client& one = get("/me", {{"Authorization", "Bearer one"}});
  const Client& two = get("/me", {{"Authorization", "Bearer two"}});
  loop_.advance(5s);
  EXPECT_EQ(one.body, "one's");
  EXPECT_EQ(two.body, "two's");
}

TEST_F(CachePages, AThousandClientsOfAColdPageAreOneCallAndAllAreStreamed) {
  Play slow = page("1", "max-age=60");
  slow.pieces = {"1", "2", "3"};
  slow.before_head = 1s;
  slow.before_piece = 1s;
  play(slow);
  for (int i = 0; i < 1000; ++i) get("/a");
  loop_.advance(2s);
  for (const auto& client : clients_) EXPECT_EQ(client->body, "1") << "before there is more";
  loop_.advance(2s);
  for (const auto& client : clients_) {
    EXPECT_EQ(client->body, "123");
    EXPECT_TRUE(client->whole);
  }
  EXPECT_EQ(calls(), 1u);
  EXPECT_EQ(clients_.back()->field("cache-status"), "outrigger; fwd=uri-miss; collapsed");
  EXPECT_EQ(clients_.back()->source(), Source::kCache);
}

TEST_F(CachePages, FollowersOutliveTheLeadersClient) {
  Play slow = page("12");
  slow.pieces = {"1", "2"};
  slow.before_head = 1s;
  slow.before_piece = 1s;
  play(slow);
  Client& leader = get("/a");
  const Client& follower = get("/a");
  loop_.advance(2s);
  leader.leave();
  loop_.advance(2s);
  EXPECT_EQ(follower.body, "12");
  EXPECT_TRUE(follower.whole);
  EXPECT_EQ(get("/a").body, "12");
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePages, WithoutAnyClientTheFillGoesOnAsThePolicySays) {
  Play slow = page("one");
  slow.before_head = 1s;
  play(slow);
  get("/a").leave();
  loop_.advance(2s);
  EXPECT_EQ(get("/a").body, "one");
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePages, WithoutAnyClientTheFillEndsWhereThePolicySaysCancel) {
  policies_.on_client_gone.then = config::OnClientGone::Then::kCancel;
  Play slow = page("one");
  slow.before_head = 1s;
  play(slow);
  play(page("two"));
  get("/a").leave();
  loop_.advance(2s);
  EXPECT_EQ(get("/a").body, "two");
}

TEST_F(CachePages, WhatIsNobodyElsesIsNotWaitedForTwice) {
  Play slow = page("1", "no-store");
  slow.before_head = 5s;
  for (int i = 0; i < 3; ++i) play(slow);
  get("/a");
  get("/a");  // waits for the first, to learn that it is not for it
  EXPECT_EQ(calls(), 1u);
  loop_.advance(5s);
  EXPECT_EQ(calls(), 2u);
  get("/a");  // does not
  EXPECT_EQ(calls(), 3u);
  loop_.advance(5s);
  for (const auto& client : clients_) EXPECT_EQ(client->body, "1");
}

TEST_F(CachePages, TheMarkOfWhatIsNobodyElsesGoesWithAnAnswerThatMayBeKept) {
  play(page("1", "no-store"));
  play(page("2"));
  play(page("3"));
  get("/a");
  EXPECT_EQ(get("/a").body, "2") << "passed by";
  EXPECT_EQ(get("/a").body, "3") << "kept";
  EXPECT_EQ(get("/a").body, "3");
  EXPECT_EQ(calls(), 3u);
}

TEST_F(CachePages, FollowersOfAnotherVariantAskForTheirOwn) {
  Play german = page("de", "max-age=60", {{"Vary", "Accept-Language"}});
  german.before_head = 1s;
  Play english = page("en", "max-age=60", {{"Vary", "Accept-Language"}});
  english.before_head = 1s;
  play(german);
  play(english);
  const Client& one = get("/a", {{"Accept-Language", "de"}});
  const Client& two = get("/a", {{"Accept-Language", "en"}});
  const Client& three = get("/a", {{"Accept-Language", "de"}});
  loop_.advance(2s);
  EXPECT_EQ(one.body, "de");
  EXPECT_EQ(two.body, "en");
  EXPECT_EQ(three.body, "de");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, AWriteDropsWhatIsStoredOfItsUrl) {
  play(page("old"));
  Play written;
  written.status = 204;
  written.fields = {{"Location", "/b"}};
  play(page("old b"));
  get("/a");
  get("/b");
  play(written);
  send(http::Method::kPost, "/a");
  play(page("new"));
  play(page("new b"));
  EXPECT_EQ(get("/a").body, "new");
  EXPECT_EQ(get("/b").body, "new b");
}

TEST_F(CachePages, AWriteThatFailedDropsNothing) {
  play(page("old"));
  get("/a");
  Play failed;
  failed.status = 500;
  play(failed);
  send(http::Method::kDelete, "/a");
  EXPECT_EQ(get("/a").body, "old");
}

TEST_F(CachePages, AWriteDropsEveryOwnersPage) {
  policies_.cache->http->mode = config::PageCache::Mode::kPrivate;
  play(page("old", "private, max-age=60"));
  get("/a", {{"Authorization", "Bearer one"}});
  Play written;
  written.status = 204;
  play(written);
  send(http::Method::kPost, "/a", {{"Authorization", "Bearer two"}});
  play(page("new", "private, max-age=60"));
  EXPECT_EQ(get("/a", {{"Authorization", "Bearer one"}}).body, "new");
}

TEST_F(CachePages, WhatWasOnItsWayDuringAWriteIsNotKept) {
  for (const bool known : {false, true}) {
    SCOPED_TRACE(known);
    const std::string url = known ? "/known" : "/cold";
    if (known) {
      play(page("older", "max-age=1"));
      get(url);
      loop_.advance(2s);
    }
    Play slow = page("of before");
    slow.before_head = 5s;
    play(slow);
    const Client& reader = get(url);
    Play written;
    written.status = 204;
    play(written);
    send(http::Method::kPost, url);
    loop_.advance(5s);
    EXPECT_EQ(reader.body, "of before") << "who asked before may have it";
    play(page("of after"));
    EXPECT_EQ(get(url).body, "of after");
  }
}

TEST_F(CachePages, AStaleOneIsGivenWhileItIsValidatedWhereItMay) {
  play(page("one", "max-age=60, stale-while-revalidate=60"));
  get("/a");
  loop_.advance(70s);
  Play slow = page("two", "max-age=60");
  slow.before_head = 5s;
  play(slow);
  const Client& stale = get("/a");
  EXPECT_EQ(stale.body, "one");
  EXPECT_EQ(get("/a").body, "one");
  EXPECT_EQ(calls(), 2u) << "one validation for both";
  loop_.advance(5s);
  EXPECT_EQ(get("/a").body, "two");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, ItsValidationIsNobodysAndRunsWhateverBecomesOfClients) {
  policies_.on_client_gone.then = config::OnClientGone::Then::kCancel;
  play(page("one", "max-age=60, stale-while-revalidate=60"));
  get("/a");
  loop_.advance(70s);
  Play slow = page("two", "max-age=60");
  slow.before_head = 5s;
  play(slow);
  get("/a").leave();
  loop_.advance(5s);
  EXPECT_EQ(get("/a").body, "two");
  EXPECT_EQ(calls(), 2u);
}

TEST_F(CachePages, AStaleOneIsBetterThanAnErrorWhereItMayBeGiven) {
  play(page("one", "max-age=60, stale-if-error=600"));
  get("/a");
  loop_.advance(70s);
  Play down;
  down.fails = "connection_refused";
  play(down);
  Play open;
  open.fails = "circuit_open";
  play(open);
  Play busy;
  busy.status = 503;
  play(busy);
  const Client& unreachable = get("/a");
  EXPECT_EQ(unreachable.body, "one");
  EXPECT_NE(unreachable.field("cache-status").find("detail=upstream-failed"), std::string::npos)
      << unreachable.field("cache-status");
  EXPECT_NE(get("/a").field("cache-status").find("detail=breaker-open"), std::string::npos);
  EXPECT_EQ(get("/a").body, "one");
  loop_.advance(600s);
  play(busy);
  EXPECT_EQ(get("/a").status, 503) << "too old";
}

TEST_F(CachePages, ErrorsAndHalfAnswersAreNotKept) {
  Play error = page("sorry", "max-age=60");
  error.status = 503;
  Play half = page("hal", "max-age=60");
  half.breaks = true;
  play(half);
  EXPECT_FALSE(get("/half").whole);
  play(page("whole"));
  EXPECT_EQ(get("/half").body, "whole");
  play(error);
  EXPECT_EQ(get("/error").status, 503);
  play(page("well"));
  EXPECT_EQ(get("/error").body, "well");
}

TEST_F(CachePages, TheClientsWishesCount) {
  play(page("one"));
  get("/a");
  play(page("two"));
  EXPECT_EQ(get("/a", {{"Cache-Control", "no-cache"}}).body, "two");
  EXPECT_EQ(get("/a").body, "two") << "that is kept";
  play(page("three"));
  EXPECT_EQ(get("/a", {{"Cache-Control", "no-store"}}).body, "three");
  EXPECT_EQ(get("/a").body, "two") << "that is not";
  EXPECT_EQ(get("/a", {{"Cache-Control", "only-if-cached"}}).body, "two");
  const Client& refused = get("/b", {{"Cache-Control", "only-if-cached"}});
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->reason, "not_cached");
  EXPECT_EQ(calls(), 3u);
}

TEST_F(CachePages, InShadowItKeepsAnswersAndGivesNone) {
  policies_.shadow = {config::Shadowed::kCache};
  play(page("one"));
  play(page("two"));
  get("/a");
  Client& second = get("/a");
  EXPECT_EQ(second.body, "two");
  EXPECT_EQ(second.field("cache-status"), "");
  ASSERT_EQ(second.exchange().would_have.size(), 1u);
}

TEST_F(CachePages, ALongAnswerPassesAndIsNotKept) {
  policies_.cache->max_answer = 10;
  Play lengthy = page("0123456789");
  lengthy.pieces.push_back("more");
  play(lengthy);
  play(page("two"));
  EXPECT_EQ(get("/a").body, "0123456789more");
  EXPECT_EQ(get("/a").body, "two");
}

TEST_F(CachePages, WithoutCollapsingEachAsksForItself) {
  policies_.cache->collapse = false;
  Play slow = page("one");
  slow.before_head = 1s;
  play(slow);
  play(slow);
  get("/a");
  get("/a");
  EXPECT_EQ(calls(), 2u);
  loop_.advance(1s);
}

TEST_F(CachePages, ALongPageIsGivenInPieces) {
  std::string lengthy(200'000, 'x');
  for (std::size_t i = 0; i < lengthy.size(); ++i) lengthy[i] = static_cast<char>('a' + i % 23);
  play(page(lengthy));
  EXPECT_EQ(get("/a").body, lengthy);
  EXPECT_EQ(get("/a").body, lengthy);
  const Client& part = get("/a", {{"Range", "bytes=40000-150000"}});
  EXPECT_EQ(part.body, lengthy.substr(40000, 110001));
  EXPECT_EQ(calls(), 1u);
}

TEST_F(CachePages, AFailureOfTheLeadersOwnIsNotItsFollowers) {
  Play slow = page("one", "max-age=600");
  slow.before_head = 60s;
  play(slow);
  play(page("two"));
  const Client& leader = get("/a", {{"x-stainless-timeout", "5"}});
  const Client& follower = get("/a");
  loop_.advance(6s);
  EXPECT_TRUE(leader.error);
  loop_.advance(60s);
  EXPECT_EQ(follower.body, "one") << "the fill itself has no such end here";
}

}  // namespace
}  // namespace outrigger::filters
