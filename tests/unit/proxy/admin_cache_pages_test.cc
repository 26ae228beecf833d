#include "proxy/admin/cache_pages.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <tuple>

#include "proxy/admin/purge_order.h"
#include "tests/unit/proxy/admin_request.h"

namespace outrigger::admin {
namespace {

using filters::CachePurge;

constexpr std::int64_t kNow = 1'769'903'999'123'456;  // 2026-01-31T23:59:59.123456Z
constexpr const char* kHex = "000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1eff";

filters::CacheKey key() {
  filters::CacheKey made;
  for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::uint8_t>(i);
  made.back() = 0xff;
  return made;
}

bool same(const CachePurge& a, const CachePurge& b) {
  const auto all = [](const CachePurge& it) {
    return std::tie(it.key, it.tag, it.upstream, it.model, it.stored_before_us);
  };
  return all(a) == all(b);
}

TEST(PurgeOrder, HoldsWhatIsSaid) {
  struct Row {
    std::string json;
    CachePurge means;
  };
  const Row rows[] = {
      {R"({"all": true})", {}},
      {R"({"tag":"a \"b\" \u00e9"})", {.tag = "a \"b\" \xc3\xa9"}},
      {R"( {"upstream":"openai","model":"gpt"} )", {.upstream = "openai", .model = "gpt"}},
      {R"({"older_than":"1h"})", {.stored_before_us = kNow - 3'600'000'000}},
      {R"({"older_than":"0s"})", {.stored_before_us = kNow}},
      {std::string(R"({"key":")") + kHex + R"(","tag":"t"})", {.key = key(), .tag = "t"}},
  };
  for (const Row& row : rows) {
    const auto order = read_purge_order(row.json, kNow);
    ASSERT_TRUE(order) << row.json << order.error();
    EXPECT_TRUE(same(*order, row.means)) << row.json;
  }
}

TEST(PurgeOrder, WhatIsNotCertainIsRefusedAndSaysTheMend) {
  struct Row {
    std::string json, says;
  };
  const Row rows[] = {
      {"{}", "say \"all\": true"},
      {R"({"all":false})", "\"all\" can only be true"},
      {R"({"all":"true"})", "\"all\" can only be true"},
      {R"({"all":1})", "\"all\" can only be true"},
      {R"({"all":true,"tag":"a"})", "say it alone"},
      {R"({"tag":"a","all":true})", "say it alone"},
      {R"({"all":true,"all":true})", "\"all\" stands there twice"},
      {R"({"tag":"a","tag":"b"})", "\"tag\" stands there twice"},
      {R"({"tags":"a"})", "There is no \"tags\""},
      {R"({"Tag":"a"})", "There is no \"Tag\""},
      {R"({"t\u0061g":"a"})", "There is no"},
      {R"({"tag":"a","":1})", "There is no \"\""},
      {R"({"tag":""})", "\"tag\" must be a text"},
      {R"({"tag":null})", "\"tag\" must be a text"},
      {R"({"tag":["a"]})", "\"tag\" must be a text"},
      {R"({"upstream":7})", "\"upstream\" must be a text"},
      {R"({"model":{}})", "\"model\" must be a text"},
      {R"({"tag":")" + std::string(257, 'a') + R"("})", "\"tag\" must be a text"},
      {R"({"older_than":3600})", "\"older_than\" must be"},
      {R"({"older_than":"3600"})", "\"older_than\" must be a duration"},
      {R"({"older_than":"-1h"})", "\"older_than\" must be a duration"},
      {R"({"key":"00"})", "\"key\" must be 64"},
      {R"({"key":")" + std::string(64, 'g') + R"("})", "\"key\" must be 64"},
      {R"({"key":")" + std::string(66, '0') + R"("})", "\"key\" must be 64"},
      {"[]", "must be a JSON object"},
      {"", "must be a JSON object"},
      {"null", "must be a JSON object"},
      {R"({"all":true)", "must be a JSON object"},
      {R"({"all":true}x)", "must be a JSON object"},
  };
  for (const Row& row : rows) {
    const auto order = read_purge_order(row.json, kNow);
    ASSERT_FALSE(order) << row.json;
    EXPECT_TRUE(order.error().contains(row.says)) << row.json << ": " << order.error();
    EXPECT_LT(order.error().size(), 200u);
  }
  EXPECT_LT(read_purge_order("{\"" + std::string(100'000, 'x') + "\":1}", 0).error().size(), 200u);
}

TEST(PurgeOrder, ReadsInTheLogAsItWasMeant) {
  EXPECT_EQ(describe({}), "all");
  EXPECT_EQ(describe({.tag = "a", .upstream = "b", .model = "c", .stored_before_us = kNow}),
            "tag=\"a\" upstream=\"b\" model=\"c\" stored_before=2026-01-31T23:59:59.123456Z");
  EXPECT_EQ(describe({.key = key()}),
            "key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff");
}

class FakeCache final : public CacheAdmin {
 public:
  [[nodiscard]] CacheState state() const override { return shown; }
  Result<std::uint64_t> purge(const CachePurge& what, PurgeMode mode) override {
    asked.emplace_back(what, mode);
    return result;
  }

  CacheState shown;
  Result<std::uint64_t> result = 12;
  std::vector<std::pair<CachePurge, PurgeMode>> asked;
};

class CachePages : public testing::Test {
 protected:
  CachePages() {
    std::string pattern = (std::filesystem::temp_directory_path() / "admin-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    sink_ = std::move(*LogSink::open(folder_ + "/log"));
    log_ = std::make_unique<Logger>(*sink_, LogLevel::kInfo, LogStyle::kJson);
    router_ = std::make_unique<Router>(
        cache_routes(cache_, *log_, []() noexcept -> std::int64_t { return kNow; }));
  }
  ~CachePages() override {
    log_.reset();
    sink_.reset();
    std::filesystem::remove_all(folder_);
  }
  http::Response ask(const std::string& line, std::string_view body = {}) {
    const http::RequestHead asked =
        head(line, {"Host: localhost", "Content-Type: application/json"});
    auto found = router_->find(asked);
    if (!found) return std::move(found).error();
    return found->route.handle(
        {asked, std::move(found->parts), std::move(found->query), body, "127.0.0.1:5"});
  }
  http::Response purge(std::string_view body, const std::string& query = {}) {
    return ask("POST /api/v1/cache/purge" + query, body);
  }
  [[nodiscard]] std::string logged() const {
    log_->flush();
    std::ostringstream text;
    text << std::ifstream(folder_ + "/log").rdbuf();
    return text.str();
  }

  FakeCache cache_;
  std::string folder_;
  std::unique_ptr<LogSink> sink_;
  std::unique_ptr<Logger> log_;
  std::unique_ptr<Router> router_;
};

TEST_F(CachePages, ShowTheFiguresOfBothTiers) {
  cache_.shown.figures.memory = {
      .entries = 1, .bytes = 2, .hits = 4, .misses = 5, .full = 6, .expired = 7};
  cache_.shown.figures.disk = {
      .entries = 11, .bytes = 12, .hits = 14, .misses = 15, .full = 16, .expired = 17};
  cache_.shown.figures.purged = 21;
  cache_.shown.figures.dropped = 22;
  cache_.shown.figures.begun_anew = 23;
  cache_.shown.figures.waiting = 24;
  cache_.shown.figures.waiting_bytes = 25;
  cache_.shown.figures.disk_serves = true;
  cache_.shown.memory_limit = 3;
  cache_.shown.disk_limit = 13;
  const http::Response answer = ask("GET /api/v1/cache");
  EXPECT_EQ(answer.head.status, 200);
  EXPECT_EQ(field_of(answer, "Content-Type"), "application/json");
  EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
  EXPECT_EQ(field_of(answer, "Content-Length"), std::to_string(body_of(answer).size()));
  EXPECT_EQ(body_of(answer),
            R"({"memory":{"entries":1,"bytes":2,"max_bytes":3,"hits":4,"misses":5,)"
            R"("evictions":{"full":6,"expired":7}},)"
            R"("disk":{"entries":11,"bytes":12,"max_bytes":13,"hits":14,"misses":15,)"
            R"("evictions":{"full":16,"expired":17}},"disk_serves":true,"purged":21,"dropped":22,)"
            R"("begun_anew":23,"waiting":24,"waiting_bytes":25})"
            "\n");
}

TEST_F(CachePages, APurgeDoesWhatIsSaidAndTellsHowMany) {
  const http::Response answer = purge(R"({"tag":"t","older_than":"1s"})");
  EXPECT_EQ(answer.head.status, 200);
  EXPECT_EQ(body_of(answer), "{\"purged\":12}\n");
  ASSERT_EQ(cache_.asked.size(), 1u);
  EXPECT_TRUE(same(cache_.asked[0].first, {.tag = "t", .stored_before_us = kNow - 1'000'000}));
  EXPECT_EQ(cache_.asked[0].second, PurgeMode::kPurge);
}

TEST_F(CachePages, APurgeIsToldInTheLogWithWhoAsked) {
  purge(R"({"tag":"t"})");
  const std::string line = logged();
  EXPECT_TRUE(line.contains(R"("what":"tag=\"t\"")")) << line;
  EXPECT_TRUE(line.contains(R"("by":"127.0.0.1:5")")) << line;
  EXPECT_TRUE(line.contains(R"("purged":12)")) << line;
}

TEST_F(CachePages, ADryRunOnlyCounts) {
  const http::Response answer = purge(R"({"all":true})", "?dry_run=true");
  EXPECT_EQ(body_of(answer), "{\"purged\":12,\"dry_run\":true}\n");
  ASSERT_EQ(cache_.asked.size(), 1u);
  EXPECT_EQ(cache_.asked[0].second, PurgeMode::kCount);
  EXPECT_EQ(logged(), "");
  purge(R"({"all":true})", "?dry_run=false");
  EXPECT_EQ(cache_.asked.back().second, PurgeMode::kPurge);
}

TEST_F(CachePages, NothingIsPurgedOnAGuess) {
  for (const std::string query : {"?dry_run", "?dry_run=", "?dry_run=1", "?dry_run=TRUE",
                                  "?dryrun=true", "?dry_run=true&dry_run=false"}) {
    const http::Response answer = purge(R"({"all":true})", query);
    EXPECT_EQ(answer.head.status, 400) << query;
    EXPECT_EQ(code_of(answer), "admin_bad_request") << query;
  }
  for (const char* body : {"{}", "", R"({"tag":""})", R"({"tgas":"x"})"}) {
    const http::Response answer = purge(body);
    EXPECT_EQ(answer.head.status, 400) << body;
    EXPECT_EQ(code_of(answer), "admin_bad_request") << body;
  }
  EXPECT_TRUE(cache_.asked.empty());
  EXPECT_EQ(logged(), "");
}

TEST_F(CachePages, AFailedPurgeIsNoSuccess) {
  cache_.result = fail(Errc::kSystem, Origin::kProxy, "store_io", "the disk is full");
  const http::Response answer = purge(R"({"all":true})");
  EXPECT_EQ(answer.head.status, 503);
  EXPECT_EQ(code_of(answer), "store_io");
  EXPECT_TRUE(body_of(answer).contains("the disk is full"));
  EXPECT_TRUE(logged().contains("the disk is full")) << logged();
}

TEST_F(CachePages, ReadingPurgesNothing) {
  EXPECT_EQ(ask("GET /api/v1/cache/purge?dry_run=true").head.status, 405);
  EXPECT_EQ(ask("POST /api/v1/cache").head.status, 405);
  EXPECT_TRUE(cache_.asked.empty());
}

}  // namespace
}  // namespace outrigger::admin
