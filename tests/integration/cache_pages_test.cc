// GET and HEAD over real sockets by RFC 9111: what is given, what the upstream is asked, and what
// serves while it is down.
#include "tests/integration/cache_scenario.h"

namespace outrigger::test {
namespace {

constexpr const char* kOpensAtOnce =
    "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, open: {first: 1h, max: 1h}}";

class CachePages : public Cached {
 protected:
  void serve_pages(const std::string& http = {}, const std::string& keys = {}) {
    serve(pages(http, keys));
  }
  static std::string pages(const std::string& http = {}, const std::string& keys = {}) {
    return fmt::format("cache: {{http: {{{}}}}}{}{}", http, keys.empty() ? "" : ", ", keys);
  }
  void expect_page(const std::string& target, const std::string& body, Fields fields) {
    upstream.expect("GET " + target).reply(200, body, std::move(fields));
  }
  [[nodiscard]] std::string sent(std::size_t request, const std::string& field) const {
    return value_of(upstream.requests().at(request).headers, field);
  }
};
INSTANTIATE_TEST_SUITE_P(, CachePages, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(CachePages, AreGivenAgainWithTheirFields) {
  serve_pages();
  expect_page("/p", "page",
              fresh_for(600, {{"etag", "\"v1\""},
                              {"content-type", "text/plain"},
                              {"x-many", "1"},
                              {"x-many", "2"},
                              {"date", "Sat, 01 Jan 2022 00:00:00 GMT"},
                              {"cache-status", "far; hit"}}));
  const Response first = ask(get("/up/p"));
  EXPECT_EQ(values_of(first.headers, "cache-status"),
            (std::vector<std::string>{"far; hit", "outrigger; fwd=uri-miss; fwd-status=200"}));
  expect_page("/fresh", "page", fresh_for(600, {{"age", "7"}}));
  const Response aged = ask(get("/up/fresh"));
  EXPECT_EQ(values_of(aged.headers, "age"), std::vector<std::string>{"7"});
  for (int i = 0; i < 2; ++i) {
    const Response again = ask(get("/up/fresh"));
    expect_stored(again, aged);
    EXPECT_GE(std::stoi(value_of(again.headers, "age")), 7);
    EXPECT_EQ(find(again.headers, "outrigger-tokens-saved"), nullptr);
  }
  EXPECT_EQ(proxy().access_line_of("/up/fresh").at("source"), "upstream");
  EXPECT_TRUE(eventually([&] { return outcomes("hit") == 2; }));
}

TEST_P(CachePages, AreGivenToHeadRangesAndConditions) {
  serve_pages();
  const std::string body = pattern(150'000);
  const Fields fields = fresh_for(600, {{"etag", "\"v1\""},
                                        {"last-modified", "Sat, 01 Jan 2022 00:00:00 GMT"},
                                        {"content-type", "application/x-data"}});
  expect_page("/p", body, fields);
  EXPECT_TRUE(ask(get("/up/p")).body == body);

  const Response head = ask(of_method("HEAD", get("/up/p")));
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.complete) << head.failure;
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(value_of(head.headers, "content-length"), "150000");
  EXPECT_TRUE(is_hit(head));

  const Response part = ask(get("/up/p", {{"range", "bytes=40000-120000"}}));
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(value_of(part.headers, "content-range"), "bytes 40000-120000/150000");
  EXPECT_TRUE(part.body == body.substr(40'000, 80'001));
  EXPECT_TRUE(is_hit(part));
  const Response last = ask(get("/up/p", {{"range", "bytes=-5"}, {"if-range", "\"v1\""}}));
  EXPECT_EQ(last.body, body.substr(149'995));
  EXPECT_EQ(ask(get("/up/p", {{"range", "bytes=0-4"}, {"if-range", "\"v0\""}})).status, 200);
  const Response none = ask(get("/up/p", {{"range", "bytes=150000-"}}));
  EXPECT_EQ(none.status, 416);
  EXPECT_EQ(value_of(none.headers, "content-range"), "bytes */150000");
  EXPECT_TRUE(none.complete) << none.failure;
  const Response parts = ask(get("/up/p", {{"range", "bytes=0-9,100000-100009"}}));
  EXPECT_EQ(parts.status, 206);
  EXPECT_TRUE(value_of(parts.headers, "content-type").starts_with("multipart/byteranges"));
  EXPECT_TRUE(parts.complete) << parts.failure;
  EXPECT_NE(parts.body.find(body.substr(100'000, 10)), std::string::npos);

  for (const Fields& condition :
       {Fields{{"if-none-match", "\"v0\", W/\"v1\""}}, Fields{{"if-none-match", "*"}},
        Fields{{"if-modified-since", "Sat, 01 Jan 2022 00:00:00 GMT"}}}) {
    for (const char* method : {"GET", "HEAD"}) {
      const Response known = ask(of_method(method, get("/up/p", condition)));
      EXPECT_EQ(known.status, 304);
      EXPECT_TRUE(known.complete) << known.failure;
      EXPECT_EQ(known.body, "");
      EXPECT_EQ(value_of(known.headers, "etag"), "\"v1\"");
      EXPECT_TRUE(is_hit(known));
    }
  }
  EXPECT_TRUE(ask(get("/up/p", {{"if-none-match", "\"v2\""}})).body == body);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(CachePages, AClientsOwnConditionsAndRangesOnAColdUrlGoThrough) {
  serve_pages();
  upstream.expect("GET /p").reply(304, {}, fresh_for(600, {{"etag", "\"v1\""}}));
  EXPECT_EQ(ask(get("/up/p", {{"if-none-match", "\"v1\""}})).status, 304);
  EXPECT_EQ(sent(0, "if-none-match"), "\"v1\"");
  upstream.expect("GET /p").reply(206, "ag", fresh_for(600, {{"content-range", "bytes 1-2/4"}}));
  EXPECT_EQ(ask(get("/up/p", {{"range", "bytes=1-2"}})).body, "ag");
  EXPECT_EQ(sent(1, "range"), "bytes=1-2");
  upstream.expect("HEAD /p").reply(200, {}, fresh_for(600, {{"content-length", "4"}}));
  EXPECT_EQ(ask(of_method("HEAD", get("/up/p"))).status, 200);
  expect_page("/p", "page", fresh_for(600));
  const Response whole = ask(get("/up/p"));
  EXPECT_EQ(whole.body, "page") << "none of these is the page";
  expect_stored(ask(get("/up/p")), whole);
}

TEST_P(CachePages, AStaleOneIsAskedAfterByItsValidator) {
  serve_pages();
  expect_page("/p", "one", stale({{"etag", "\"v1\""}}));
  ask(get("/up/p"));
  upstream.expect("GET /p").reply(304, {}, stale({{"etag", "\"v1\""}, {"x-turn", "2"}}));
  const Response known = ask(get("/up/p"));
  EXPECT_EQ(known.status, 200);
  EXPECT_EQ(known.body, "one");
  EXPECT_EQ(value_of(known.headers, "x-turn"), "2");
  EXPECT_EQ(sent(1, "if-none-match"), "\"v1\"");
  EXPECT_EQ(cache_status(known), "outrigger; fwd=stale; fwd-status=304");
  expect_page("/p", "two", fresh_for(600, {{"etag", "\"v2\""}}));
  const Response changed = ask(get("/up/p"));
  EXPECT_EQ(changed.body, "two");
  EXPECT_EQ(cache_status(changed), "outrigger; fwd=stale; fwd-status=200");
  expect_stored(ask(get("/up/p")), changed);
  EXPECT_EQ(outcomes("revalidated"), 1);
}

TEST_P(CachePages, AStaleOneIsGivenWhileItIsAskedForAnew) {
  serve_pages();
  expect_page("/p", "one", stale({}, ", stale-while-revalidate=9000"));
  ask(get("/up/p"));
  upstream.expect("GET /p").manually();
  for (int i = 0; i < 3; ++i) {
    const Response old = ask(get("/up/p"));
    EXPECT_EQ(old.body, "one");
    EXPECT_EQ(source_of(old), "cache");
    EXPECT_NE(cache_status(old).find("; detail=revalidating"), std::string::npos)
        << cache_status(old);
  }
  Held served = upstream.accept();
  served->reply(response(200, "two", fresh_for(600)));
  served.release();
  EXPECT_TRUE(eventually([&] { return ask(get("/up/p")).body == "two"; }));
  EXPECT_EQ(hits(), 2u) << "one of them asked";
}

TEST_P(CachePages, AStaleOneIsBetterThanAnError) {
  serve_pages("stale_if_error: 1h");
  expect_page("/p", "one", stale({{"etag", "\"v1\""}}));
  expect_page("/strict", "one", stale({{"etag", "\"v1\""}}, ", must-revalidate"));
  ask(get("/up/p"));
  ask(get("/up/strict"));
  for (const int status : {500, 502, 503, 504}) {
    upstream.expect("GET /p").reply(status, "sorry");
    const Response old = ask(get("/up/p"));
    EXPECT_EQ(old.status, 200);
    EXPECT_EQ(old.body, "one");
    EXPECT_EQ(source_of(old), "cache");
    EXPECT_GE(std::stoi(value_of(old.headers, "age")), 100);
  }
  upstream.expect("GET /p").reply(404, "gone");
  EXPECT_EQ(ask(get("/up/p")).status, 404) << "that is an answer";
  upstream.expect("GET /strict").reply(503, "sorry");
  EXPECT_EQ(ask(get("/up/strict")).status, 503);
}

TEST_P(CachePages, AStaleOneServesWhileTheUpstreamIsDead) {
  expect_page("/p", "one", stale({}, ", stale-if-error=9000"));
  serve_pages();
  ask(get("/up/p"));
  upstream.stop();
  upstream.drop_connections();
  for (int i = 0; i < 2; ++i) {
    const Response old = ask(get("/up/p"));
    EXPECT_EQ(old.body, "one");
    EXPECT_NE(cache_status(old).find("detail=upstream-failed"), std::string::npos)
        << cache_status(old);
  }
  EXPECT_EQ(ask(get("/up/p", {{"cache-control", "no-cache"}})).status, 502)
      << "the client wanted to know for sure";
  EXPECT_EQ(ask(get("/up/other")).status, 502);
}

TEST_P(CachePages, AStaleOneServesWhileTheBreakerIsOpen) {
  expect_page("/p", "one", stale({}, ", stale-if-error=9000"));
  serve_pages("", std::string(kOpensAtOnce) + ", retry: none");
  ask(get("/up/p"));
  upstream.expect("GET /other").reply(500);
  EXPECT_EQ(ask(get("/up/other")).status, 500);
  const Response old = ask(get("/up/p"));
  EXPECT_EQ(old.status, 200);
  EXPECT_EQ(old.body, "one");
  EXPECT_NE(cache_status(old).find("detail=breaker-open"), std::string::npos) << cache_status(old);
  EXPECT_EQ(source_of(old), "cache");
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CachePages, ASecondWayGivesWhatIsOutOfDate) {
  expect_page("/tagged", "one", stale({{"etag", "\"v1\""}}));
  expect_page("/plain", "one", stale());
  expect_page("/strict", "one", stale({{"etag", "\"v1\""}}, ", must-revalidate"));
  serve_pages("", "fallback: [{stale: 1h}]");
  for (const char* path : {"/up/tagged", "/up/plain", "/up/strict"}) ask(get(path));
  for (const char* path : {"/tagged", "/plain", "/strict"}) {
    upstream.expect(std::string("GET ") + path).always().reply(503, "sorry");
  }
  for (const char* path : {"/up/tagged", "/up/plain"}) {
    SCOPED_TRACE(path);
    const Response old = ask(get(path));
    EXPECT_EQ(old.status, 200) << old.body;
    EXPECT_EQ(old.body, "one");
    EXPECT_EQ(source_of(old), "cache");
    EXPECT_EQ(value_of(old.headers, "outrigger-degraded"), "true");
    EXPECT_EQ(values_of(old.headers, "age").size(), 1u) << "RFC 9111 5.1";
    EXPECT_EQ(cache_status(old).find("fwd-status=200"), std::string::npos) << cache_status(old);
  }
  EXPECT_EQ(ask(get("/up/strict")).status, 503) << "RFC 9111 4.2.4";
}

TEST_P(CachePages, CodedOnesAreForWhoTakesThem) {
  serve_pages();
  const auto page = [&](const std::string& body, const std::string& coding) {
    Fields fields = fresh_for(600, {{"vary", "Accept-Encoding"}});
    if (!coding.empty()) fields.emplace_back("content-encoding", coding);
    expect_page("/p", body, fields);
  };
  const Request zipped = get("/up/p", {{"accept-encoding", "gzip, br"}});
  page("\x1f\x8bzipped", "gzip");
  const Response gzip = ask(zipped);
  EXPECT_EQ(value_of(gzip.headers, "content-encoding"), "gzip");
  page("plain", "");
  const Response plain = ask(get("/up/p"));
  EXPECT_EQ(plain.body, "plain");
  EXPECT_EQ(cache_status(plain), "outrigger; fwd=vary-miss; fwd-status=200");
  for (int i = 0; i < 2; ++i) {
    expect_stored(ask(zipped), gzip);
    expect_stored(ask(get("/up/p", {{"accept-encoding", "br,GZIP"}})), gzip);
    expect_stored(ask(get("/up/p")), plain);
  }
  EXPECT_EQ(hits(), 2u);
}

TEST_P(CachePages, AWriteMakesThemStale) {
  serve_pages();
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    SCOPED_TRACE(method);
    expect_page("/p?x=1", "old", fresh_for(600));
    expect_page("/made", "old", fresh_for(600));
    expect_page("/other", "stays", fresh_for(600));
    for (const char* path : {"/up/p?x=1", "/up/made"}) {
      EXPECT_EQ(ask(get(path, {{"cache-control", "no-cache"}})).body, "old");
      EXPECT_EQ(source_of(ask(get(path))), "cache");
    }
    EXPECT_EQ(ask(get("/up/other", {{"cache-control", "no-cache"}})).body, "stays");
    const std::string write = std::string(method) + " /p?x=1";
    upstream.expect(write).reply(409, "no");
    EXPECT_EQ(ask(of_method(method, post("/up/p?x=1", "{}"))).status, 409);
    EXPECT_EQ(ask(get("/up/p?x=1")).body, "old") << "nothing changed";
    upstream.expect(write).reply(201, "done", {{"location", upstream.url() + "/made"}});
    EXPECT_EQ(ask(of_method(method, post("/up/p?x=1", "{}"))).status, 201);
    expect_page("/p?x=1", "new", fresh_for(600));
    expect_page("/made", "new", fresh_for(600));
    EXPECT_EQ(ask(get("/up/p?x=1")).body, "new");
    EXPECT_EQ(ask(get("/up/made")).body, "new");
    EXPECT_EQ(source_of(ask(get("/up/other"))), "cache");
  }
}

TEST_P(CachePages, AreNotKeptWhereTheyAreHalfOrErrors) {
  serve_pages();
  const Fields told = fresh_for(600, {{"content-length", "100"}});
  const std::vector<Script::Step> failures = {
      [&](Exchange& exchange) {
        exchange.start(200, told);
        exchange.send("half");
        die(exchange);
      },
      [](Exchange& exchange) {
        exchange.start(200, fresh_for(600));
        exchange.send("half");
        die(exchange);
      },
      [](Exchange& exchange) { exchange.reply(response(429, "half", fresh_for(600))); },
      [](Exchange& exchange) { exchange.reply(response(500, "half", fresh_for(600))); },
      [](Exchange& exchange) { exchange.reply(response(401, "half", fresh_for(600))); },
      [](Exchange& exchange) { exchange.reply(response(200, "half", {{"vary", "*"}})); },
      [](Exchange& exchange) {
        exchange.reply(response(200, "half", {{"cache-control", "no-store, max-age=600"}}));
      }};
  for (std::size_t i = 0; i < failures.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string path = fmt::format("/{}", i);
    upstream.expect("GET " + path).run(failures[i]);
    ask(get("/up" + path));
    upstream.expect("GET " + path).always().reply(200, "whole", fresh_for(600));
    Response whole;
    for (int again = 0; again < 3; ++again) {
      whole = ask(get("/up" + path));
      EXPECT_EQ(whole.body, "whole");
      EXPECT_TRUE(whole.complete) << whole.failure;
    }
    EXPECT_TRUE(is_hit(whole)) << cache_status(whole);
  }
}

TEST_P(CachePages, LongerThanTheMostPassAndAreNotKept) {
  serve("cache: {max_answer: 100KiB, http: {}}");
  const std::string body = pattern(3 << 20);
  upstream.expect("GET /p").times(2).reply(200, body, fresh_for(600));
  for (int i = 0; i < 2; ++i) {
    const Response whole = ask(get("/up/p"));
    EXPECT_TRUE(whole.complete) << whole.failure;
    EXPECT_TRUE(whole.body == body);
    EXPECT_EQ(source_of(whole), "upstream");
  }
}

TEST_P(CachePages, TheClientsWishesCount) {
  serve_pages();
  expect_problem(ask(get("/up/p", {{"cache-control", "only-if-cached"}})), 504, "not_cached");
  expect_page("/p", "one", fresh_for(600));
  const Response first = ask(get("/up/p"));
  expect_stored(ask(get("/up/p", {{"cache-control", "only-if-cached"}})), first);
  expect_page("/p", "two", fresh_for(600));
  EXPECT_EQ(ask(get("/up/p", {{"cache-control", "no-store"}})).body, "two");
  expect_stored(ask(get("/up/p")), first);
  expect_page("/p", "three", fresh_for(600));
  EXPECT_EQ(ask(get("/up/p", {{"pragma", "no-cache"}})).body, "three") << "RFC 9111 5.4";
  EXPECT_EQ(ask(get("/up/p")).body, "three");
}

TEST_P(CachePages, AReloadMayTakeThemAwayAndBringThemBack) {
  serve_pages();
  expect_page("/p", "one", fresh_for(600));
  const Response first = ask(get("/up/p"));
  proxy().reload(with("cache: {http: none, ttl: 1h}"));
  expect_page("/p", "two", fresh_for(600));
  EXPECT_EQ(ask(get("/up/p")).body, "two");
  proxy().reload(with(pages("stale_if_error: 1h")));
  expect_stored(ask(get("/up/p")), first);
  proxy().reload(with(pages("mode: private")));
  expect_page("/p", "three", fresh_for(600));
  EXPECT_EQ(ask(get("/up/p")).body, "three") << "an owner's own";
}

}  // namespace
}  // namespace outrigger::test
