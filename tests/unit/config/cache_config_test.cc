// `cache`, `store.cache` and `fallback: [{stale: …}]`: what they mean, over their layers and back.
#include <algorithm>
#include <string_view>

#include <gtest/gtest.h>

#include "config/policy_values.h"
#include "config/show.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

Policies policies(const std::string& keys) {
  const Loaded loaded = load(upstream(keys));
  EXPECT_TRUE(loaded.config) << keys << render(loaded.diagnostics, false);
  return loaded.config ? loaded.config->upstreams.at(0).policies : Policies{};
}

std::string codes(const std::string& keys) {
  return codes_of(load(upstream(keys)));
}

// ---- what it means ----

constexpr std::string_view kEverything = R"(version: 1
store: {cache: {memory: 2MiB, disk: none}}
upstreams:
  a:
    url: https://a.example.com
    replay: safe
    cache:
      ttl: 10m
      stale: 24h
      if: {json: {/temperature: 0.5, /n: {at_most: 1}}}
      ignore: [/user, /metadata/trace]
      headers: [X-Tenant, x-team]
      tool_calls: true
      streams: recorded
      samples: 4
      owner: header
      owner_header: X-Agent-Id
      collapse: false
      max_answer: 1MiB
      http: {mode: private, obey_cdn: true, heuristic: 10m, stale_if_error: 1h, stale_while_revalidate: 30s}
    fallback: [{stale: 24h, if: [overloaded]}]
)";

Cache everything() {
  Cache cache;
  cache.ttl = 10min;
  cache.stale = 24h;
  cache.if_json = {{.pointer = "/temperature", .text = "0.5"},
                   {.pointer = "/n", .test = JsonMatch::Test::kAtMost, .number = 1}};
  cache.ignore = {"/user", "/metadata/trace"};
  cache.headers = {"x-tenant", "x-team"};
  cache.tool_calls = true;
  cache.streams = ReplayPace::kRecorded;
  cache.samples = 4;
  cache.owner = KeyOwner::kHeader;
  cache.owner_header = "x-agent-id";
  cache.collapse = false;
  cache.max_answer = 1024 * 1024;
  cache.http = PageCache{.mode = PageCache::Mode::kPrivate,
                         .obey_cdn = true,
                         .heuristic = 10min,
                         .stale_if_error = 1h,
                         .stale_while_revalidate = 30s};
  return cache;
}

TEST(CacheConfig, EveryKeyMeansItsMember) {
  const Loaded loaded = load(std::string(kEverything));
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(render(loaded.diagnostics, false), "");
  const Policies& read = loaded.config->upstreams.at(0).policies;
  ASSERT_TRUE(read.cache);
  EXPECT_EQ(*read.cache, everything());
  ASSERT_EQ(read.fallback.size(), 1u);
  EXPECT_EQ(read.fallback[0].stale, 24h);
  EXPECT_EQ(loaded.config->store.cache, (CacheStore{2 * 1024 * 1024, std::nullopt}));
}

TEST(CacheConfig, ShownMeansTheSameAgain) {
  const Loaded first = load(std::string(kEverything));
  ASSERT_TRUE(first.config);
  for (const ShowDefaults defaults : {ShowDefaults::kHidden, ShowDefaults::kShown}) {
    const std::string shown = show(first, {ShowOrigins::kHidden, defaults});
    const Loaded second = load(shown);
    ASSERT_TRUE(second.config) << shown << render(second.diagnostics, false);
    EXPECT_EQ(second.config->upstreams.at(0).policies, first.config->upstreams.at(0).policies);
    EXPECT_EQ(second.config->store, first.config->store);
  }
}

TEST(CacheConfig, IsOffUntilItIsAskedFor) {
  EXPECT_FALSE(policies("use: openai").cache);
  EXPECT_FALSE(policies("cache: none").cache);
  for (const Upstream& provider : built_in(environment()).config->upstreams) {
    EXPECT_FALSE(provider.policies.cache) << provider.name;
  }
  EXPECT_EQ(load("version: 1\n").config->store.cache,
            (CacheStore{64u * 1024 * 1024, 1024u * 1024 * 1024}));
}

TEST(CacheConfig, APlainValueIsTheTime) {
  EXPECT_EQ(policies("replay: safe, cache: 10m"), policies("replay: safe, cache: {ttl: 10m}"));
  EXPECT_EQ(policies("cache: {http: private}"), policies("cache: {http: {mode: private}}"));
  EXPECT_EQ(policies("cache: {}").cache, Cache{});
}

TEST(CacheConfig, PartsAreTurnedOffByNone) {
  const Cache cache = *policies("cache: {ttl: none}").cache;
  EXPECT_FALSE(cache.ttl);
  EXPECT_TRUE(cache.http);
  EXPECT_FALSE(policies("cache: {http: none}").cache->http);
  EXPECT_FALSE(policies("cache: {http: {heuristic: none}}").cache->http->heuristic);
}

TEST(CacheConfig, TheExampleOfTheDesignLoads) {
  const Loaded loaded = load(
      "version: 1\nupstreams: {anthropic: {use: anthropic, cache: {ttl: 10m, if: {json: "
      "{/temperature: 0}}}}}\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(render(loaded.diagnostics, false), "");
  const Cache& cache = *loaded.config->upstreams.at(0).policies.cache;
  EXPECT_EQ(cache.ttl, 10min);
  ASSERT_EQ(cache.if_json.size(), 1u);
  EXPECT_EQ(cache.if_json[0], (JsonMatch{.pointer = "/temperature", .text = "0"}));
}

// ---- layers ----

constexpr std::string_view kLayers =
    "version: 1\n"
    "defaults: {cache: {ttl: 1h, ignore: [/user], headers: [x-a], if: {json: {/n: 1, /t: 0}},\n"
    "                   http: {heuristic: 1m, obey_cdn: true}}}\n"
    "upstreams:\n"
    "  a:\n"
    "    url: https://a.example.com\n"
    "    replay: safe\n"
    "    cache: {ignore: [/id], if: {json: {/t: 1}}, http: {heuristic: 2m}}\n"
    "    routes:\n"
    "      - {match: {path: /r}, cache: 5m}\n"
    "      - {match: {path: /s}, cache: none}\n"
    "      - {match: {path: /t}, cache: {if: none, http: none}}\n"
    "      - {match: {path: /u}, replay: unsent}\n";

TEST(CacheConfig, BlocksMergeAndListsReplaceOverTheLevels) {
  const Loaded loaded = load(std::string(kLayers));
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(render(loaded.diagnostics, false), "");
  const Upstream& a = loaded.config->upstreams.at(0);
  const Cache& own = *a.policies.cache;
  EXPECT_EQ(own.ttl, 1h);
  EXPECT_EQ(own.ignore, std::vector<std::string>{"/id"});
  EXPECT_EQ(own.headers, std::vector<std::string>{"x-a"});
  EXPECT_EQ(own.if_json, (std::vector<JsonMatch>{{.pointer = "/n", .text = "1"},
                                                 {.pointer = "/t", .text = "1"}}));
  EXPECT_EQ(own.http->heuristic, 2min);
  EXPECT_TRUE(own.http->obey_cdn);
  Cache shorter = own;
  shorter.ttl = 5min;
  EXPECT_EQ(a.routes.at(0).policies.cache, shorter);
  EXPECT_FALSE(a.routes.at(1).policies.cache);
  Cache all = own;
  all.if_json.clear();
  all.http.reset();
  EXPECT_EQ(a.routes.at(2).policies.cache, all);
  EXPECT_EQ(a.routes.at(3).policies.cache, own);
}

// `if: none` hides what is below it, for `show` as well.
TEST(CacheConfig, ShownRoutesMeanTheSameAgain) {
  const Loaded first = load(std::string(kLayers));
  ASSERT_TRUE(first.config);
  const Loaded second = load(show(first));
  ASSERT_TRUE(second.config) << show(first) << render(second.diagnostics, false);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(second.config->upstreams.at(0).routes.at(i).policies,
              first.config->upstreams.at(0).routes.at(i).policies)
        << i << show(first);
  }
}

TEST(CacheConfig, AProfileMayTurnItOnAndAnUpstreamOffAgain) {
  const Loaded loaded = load(
      "version: 1\nprofiles: {p: {use: llm, cache: {ttl: 2m, headers: [X-Org]}}}\nupstreams:\n"
      "  a: {use: p, url: https://a.example.com}\n"
      "  b: {use: p, url: https://b.example.com, cache: none}\n"
      "  c: {use: p, url: https://c.example.com, cache: {samples: 2}}\n");
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(loaded.config->upstreams.at(0).policies.cache->ttl, 2min);
  EXPECT_FALSE(loaded.config->upstreams.at(1).policies.cache);
  EXPECT_EQ(loaded.config->upstreams.at(2).policies.cache->ttl, 2min);
  EXPECT_EQ(loaded.config->upstreams.at(2).policies.cache->headers,
            std::vector<std::string>{"x-org"});
}

TEST(CacheConfig, StaleIsASecondWayAtEveryLevel) {
  const Loaded loaded = load(
      "version: 1\n"
      "defaults: {cache: {stale: 2h}, fallback: [{stale: 1h}]}\n"
      "upstreams:\n"
      "  a: {url: https://a.example.com}\n"
      "  b: {url: https://b.example.com, fallback: [{model: m}, {stale: 2h, degraded: false}],\n"
      "      routes: [{match: {path: /r}, fallback: [{stale: 30m, if: [breaker_open]}]}]}\n");
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(render(loaded.diagnostics, false), "");
  const auto& upstreams = loaded.config->upstreams;
  EXPECT_EQ(upstreams.at(0).policies.fallback.at(0).stale, 1h);
  EXPECT_FALSE(upstreams.at(1).policies.fallback.at(0).stale);
  EXPECT_EQ(upstreams.at(1).policies.fallback.at(1).stale, 2h);
  const Fallback& narrow = upstreams.at(1).routes.at(0).policies.fallback.at(0);
  EXPECT_EQ(narrow.stale, 30min);
  EXPECT_EQ(narrow.on, std::vector<FallbackOn>{FallbackOn::kBreakerOpen});
}

TEST(CacheConfig, NoneHasItsOwnPlace) {
  const Loaded loaded = load(
      "version: 1\ndefaults: {cache: {if: {json: {/t: 0}}}}\n"
      "upstreams:\n  a:\n    url: https://a.example.com\n    cache: {if: none}\n");
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  const auto values = policy_values(loaded, 0, std::nullopt);
  const auto found = std::ranges::find_if(values, [](const PolicyValue& value) {
    return value.policy == "cache" && value.key == "if";
  });
  ASSERT_NE(found, values.end());
  EXPECT_EQ(found->value, "none");
  EXPECT_EQ(found->origin, "outrigger.yaml:6:17");
}

// ---- bounds ----

TEST(CacheConfig, ValuesOutOfBoundsAreRefused) {
  struct Row {
    const char* keys;
    const char* codes;
  };
  constexpr Row kRows[] = {
      {"cache: {samples: 0}", "OUT-127"},
      {"cache: {samples: 1}", ""},
      {"cache: {samples: 100}", ""},
      {"cache: {samples: 101}", "OUT-127"},
      {"cache: {ttl: 0s}", "OUT-127"},
      {"cache: {ttl: 999ms}", "OUT-127"},
      {"cache: {ttl: 10}", "OUT-121"},
      {"cache: {stale: 0s}", ""},
      {"cache: {max_answer: 1023B}", "OUT-127"},
      {"cache: {max_answer: 1KiB}", ""},
      {"cache: {max_answer: 1GiB}", ""},
      {"cache: {max_answer: 1025MiB}", "OUT-127"},
      {"cache: {http: {heuristic: 0s}}", "OUT-127"},
      {"cache: {http: {stale_if_error: 10ms}}", "OUT-127"},
      {"cache: {http: {stale_while_revalidate: 10ms}}", "OUT-127"},
      {"cache: {http: {mode: open}}", "OUT-125"},
      {"cache: {streams: slowly}", "OUT-125"},
      {"cache: {owner: anybody}", "OUT-125"},
      {"cache: {ignore: [user]}", "OUT-137"},
      {"cache: {ignore: [\"\"]}", "OUT-126"},
      {"cache: {if: {json: {temperature: 0}}}", "OUT-137"},
      {"cache: {if: {body: 1}}", "OUT-110"},
      {"cache: {headers: [\"a b\"]}", "OUT-126"},
      {"cache: {headers: [\"x:\"]}", "OUT-126"},
      {"cache: {headers: []}", ""},
      {"cache: {owner: header, owner_header: \"a b\"}", "OUT-126"},
      {"cache: {}, fallback: [{stale: 0s}]", "OUT-127"},
      {"cache: [10m]", "OUT-120"},
  };
  for (const Row& row : kRows) EXPECT_EQ(codes(row.keys), row.codes) << row.keys;
}

TEST(CacheConfig, TheStoreHasRoomForSomething) {
  const auto found = [](const std::string& keys) {
    return codes_of(load("version: 1\nstore: {cache: {" + keys + "}}\n"));
  };
  EXPECT_EQ(found("memory: 1MiB"), "");
  EXPECT_EQ(found("memory: 1023KiB"), "OUT-127");
  EXPECT_EQ(found("memory: none"), "OUT-122");
  EXPECT_EQ(found("disk: none"), "");
  EXPECT_EQ(found("disk: 1MiB"), "");
  EXPECT_EQ(found("disk: 1023KiB"), "OUT-127");
}

TEST(CacheConfig, MistakesAreToldAtTheirPlace) {
  const Loaded loaded = load(
      "version: 1\nupstreams:\n  a:\n    url: https://a.example.com\n    cache:\n"
      "      headers: [x-a, \"x b\"]\n      owner: header\n");
  ASSERT_FALSE(loaded.config);
  ASSERT_EQ(loaded.diagnostics.size(), 1u) << render(loaded.diagnostics, false);
  EXPECT_EQ(loaded.diagnostics[0].message, "\"x b\" is not the name of a header");
  EXPECT_EQ(loaded.diagnostics[0].position.line, 6);
  EXPECT_EQ(loaded.diagnostics[0].position.column, 22);
}

}  // namespace
}  // namespace outrigger::config::test
