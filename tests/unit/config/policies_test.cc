// The policies of one configuration, from YAML to structs, through their layers and back.
#include "config/policies.h"

#include <gtest/gtest.h>

#include "config/show.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

const Upstream& only(const Loaded& loaded) {
  return loaded.config->upstreams.at(0);
}

// The policies of an upstream whose block holds `keys`.
Policies policies(const std::string& keys) {
  const Loaded loaded = load(upstream(keys));
  EXPECT_TRUE(loaded.config) << keys << render(loaded.diagnostics, false);
  return loaded.config ? only(loaded).policies : Policies{};
}

std::string codes(const std::string& keys) {
  return codes_of(load(upstream(keys)));
}

// Every key with a value that is not its default.
constexpr std::string_view kEverything = R"(version: 1
upstreams:
  a:
    url: https://a.example.com
    deadline: 2m
    replay: verify
    dialect: bedrock
    timeouts: {headers: 90s, first_event: 1m, first_event_per_mib: 30s, progress: {events: 3, per: 20s}}
    error_fields: [/a~1b/c~0d]
    message_fields: [/m, "/n o"]
    classify:
      - status: [429, 5xx, 500-504]
        error: [E, "0"]
        message: ["too large", "with: colon"]
        header: {X-RateLimit-Remaining: "0", retry-after: "*"}
        json: {/policyName: DAILY, /total: {at_least: 1, at_most: 2.5}, /m: {contains: "a b"}, /t: 0.5,
               /n: null, /b: true, "/x y": "*", /q: "no"}
        failure: [connection_timeout]
        in_stream: false
        verdict: quota_exhausted
        wait: 60s
        until: next_day_pacific
        scope: credential
      - {in_stream: true, verdict: ok}
    retry:
      max_attempts: 7
      if: [throttled, client_error]
      backoff: {base: 1s, factor: 1.5, max: 20s, jitter: decorrelated}
      backoff_for: {throttled: {base: 5s}, client_error: {jitter: none}}
      hints: {honour: false, max_wait: 61s, spread: 12.5%}
      budget: {ratio: 7%, floor: 0, window: 11s, cost: {throttled: 0, overloaded: 3}}
      timeout_factor: 2.5
      buffer: 1MiB
      give_up_status: 424
    circuit_breaker:
      failures_in_a_row: none
      failure_rate: 33.3%
      window: 31s
      window_calls: 100
      min_calls: 11
      slow: {first_event: 30s, rate: 70%}
      open: {first: 6s, factor: 3, max: 3m, jitter: 0%}
      half_open: {probes: 2, lease: 3m, successes: 1}
      ramp: none
      key: [credential, model, endpoint]
      failure: [timeout]
      rate_only: []
      upstream_opens_at: 2
    verify:
      get: "/i?k={idempotency-key}&n={/invoice/number}"
      found: {status: [200, 404], json: {/total: {at_least: 1}}}
      settle: 3s
      negatives: 3
      timeout: 11s
    commit: {until: on_complete, max_bytes: 1KiB, max_answer: 2KiB, keep_alive: 16s}
)";

Policies everything() {
  Policies wanted;
  wanted.deadline = 2min;
  wanted.replay = Replay::kVerify;
  wanted.dialect = Dialect::kBedrock;
  wanted.timeouts.headers = 90s;
  wanted.timeouts.first_event = 1min;
  wanted.timeouts.first_event_per_mib = 30s;
  wanted.timeouts.progress = Progress{3, 20s};
  wanted.error_fields = {"/a~1b/c~0d"};
  wanted.message_fields = {"/m", "/n o"};
  using Test = JsonMatch::Test;
  ClassifyRule first;
  first.status = {{429, 429}, {500, 599}, {500, 504}};
  first.error = {"E", "0"};
  first.message = {"too large", "with: colon"};
  first.header = {{"x-ratelimit-remaining", "0"}, {"retry-after", "*"}};
  first.json = {{"/policyName", Test::kEquals, "DAILY", 0},
                {"/total", Test::kAtLeast, "", 1},
                {"/total", Test::kAtMost, "", 2.5},
                {"/m", Test::kContains, "a b", 0},
                {"/t", Test::kEquals, "0.5", 0},
                {"/n", Test::kEquals, "null", 0},
                {"/b", Test::kEquals, "true", 0},
                {"/x y", Test::kPresent, "", 0},
                {"/q", Test::kEquals, "no", 0}};
  first.failure = {"connection_timeout"};
  first.in_stream = false;
  first.verdict = Verdict::kQuotaExhausted;
  first.wait = 60s;
  first.until = Until::kNextDayPacific;
  first.scope = Scope::kCredential;
  ClassifyRule second;
  second.in_stream = true;
  second.verdict = Verdict::kOk;
  wanted.classify = {first, second};
  wanted.retry->max_attempts = 7;
  wanted.retry->on_verdicts = {Verdict::kThrottled, Verdict::kClientError};
  wanted.retry->backoff = {1s, 1.5, 20s, Jitter::kDecorrelated};
  wanted.retry->backoff_for = {{Verdict::kThrottled, {5s, 1.5, 20s, Jitter::kDecorrelated}},
                               {Verdict::kClientError, {1s, 1.5, 20s, Jitter::kNone}}};
  wanted.retry->hints = {false, 61s, 0.125};
  wanted.retry->budget = RetryBudget{0.07,
                                     0,
                                     11s,
                                     {{Verdict::kThrottled, 0},
                                      {Verdict::kTransient, 2},
                                      {Verdict::kTimeout, 5},
                                      {Verdict::kOverloaded, 3}}};
  wanted.retry->timeout_factor = 2.5;
  wanted.retry->buffer = 1 << 20;
  wanted.retry->give_up_status = 424;
  CircuitBreaker& breaker = *wanted.circuit_breaker;
  breaker.failures_in_a_row.reset();
  breaker.failure_rate = 33.3 / 100;
  breaker.window = 31s;
  breaker.window_calls = 100;
  breaker.min_calls = 11;
  breaker.slow = SlowCalls{30s, 0.7};
  breaker.open = {6s, 3, 3min, 0};
  breaker.half_open = {2, 3min, 1};
  breaker.ramp.reset();
  breaker.key = {BreakerKey::kCredential, BreakerKey::kModel, BreakerKey::kEndpoint};
  breaker.failure = {Verdict::kTimeout};
  breaker.rate_only = {};
  breaker.upstream_opens_at = 2;
  Verify& verify = wanted.verify.emplace();
  verify.get = "/i?k={idempotency-key}&n={/invoice/number}";
  verify.found_status = {{200, 200}, {404, 404}};
  verify.found_json = {{"/total", Test::kAtLeast, "", 1}};
  verify.settle = 3s;
  verify.negatives = 3;
  verify.timeout = 11s;
  wanted.commit = {CommitUntil::kOnComplete, 1024, 2048, 16s};
  return wanted;
}

TEST(Policies, EveryKeyReachesItsMember) {
  const Loaded loaded = load(std::string(kEverything));
  ASSERT_TRUE(loaded.config && loaded.diagnostics.empty()) << render(loaded.diagnostics, false);
  const Policies& got = only(loaded).policies;
  const Policies wanted = everything();
  EXPECT_EQ(got.timeouts, wanted.timeouts);
  EXPECT_EQ(got.classify, wanted.classify);
  EXPECT_EQ(got.retry, wanted.retry);
  EXPECT_EQ(got.circuit_breaker, wanted.circuit_breaker);
  EXPECT_EQ(got.verify, wanted.verify);
  EXPECT_EQ(got.commit, wanted.commit);
  EXPECT_EQ(got, wanted);
}

TEST(Policies, ShownLoadAgainToTheSame) {
  const Loaded first = load(std::string(kEverything));
  ASSERT_TRUE(first.config);
  for (const ShowOrigins origins : {ShowOrigins::kHidden, ShowOrigins::kShown}) {
    for (const ShowDefaults defaults : {ShowDefaults::kHidden, ShowDefaults::kShown}) {
      const std::string shown = show(first, {origins, defaults});
      const Loaded second = load(shown);
      ASSERT_TRUE(second.config) << shown << render(second.diagnostics, false);
      EXPECT_EQ(only(second).policies, only(first).policies) << shown;
      EXPECT_EQ(second.config->hash, first.config->hash) << shown;
    }
  }
}

TEST(Policies, HaveShortForms) {
  EXPECT_EQ(policies("retry: 5").retry->max_attempts, 5u);
  EXPECT_EQ(policies("retry: none").retry, std::nullopt);
  EXPECT_EQ(policies("commit: on_complete").commit.until, CommitUntil::kOnComplete);
  EXPECT_EQ(policies("circuit_breaker: none").circuit_breaker, std::nullopt);
  EXPECT_EQ(policies("replay: by_method").replay, std::nullopt);
  EXPECT_EQ(policies("deadline: none").deadline, std::nullopt);
  EXPECT_EQ(policies("retry: {if: timeout}").retry->on_verdicts, VerdictSet{Verdict::kTimeout});
  EXPECT_EQ(policies("retry: {give_up_status: upstream}").retry->give_up_status, 0);
  EXPECT_EQ(codes("retry: 0"), "OUT-127");
  EXPECT_EQ(codes("retry: 21"), "OUT-127");
  EXPECT_EQ(codes("commit: none"), "OUT-125");
}

TEST(Policies, MergeByKeyOverTheirLayers) {
  const Loaded loaded = load(
      "version: 1\n"
      "defaults: {retry: {max_attempts: 4, backoff: {base: 1s, max: 9s}}, circuit_breaker: none}\n"
      "upstreams:\n"
      "  a:\n"
      "    url: https://a.example.com\n"
      "    retry: {backoff: {base: 2s}, budget: {cost: {timeout: 7}}}\n"
      "    routes:\n"
      "      - {match: {path: /r}, retry: 2, circuit_breaker: {min_calls: 3}}\n"
      "      - {match: {path: /s}, retry: none}\n");
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  const Policies& upstream = only(loaded).policies;
  EXPECT_EQ(upstream.retry->max_attempts, 4u);
  EXPECT_EQ(upstream.retry->backoff.base, 2s);
  EXPECT_EQ(upstream.retry->backoff.max, 9s);
  EXPECT_EQ(upstream.retry->budget->cost.size(), 3u);
  EXPECT_EQ(upstream.retry->budget->cost.at(2).cost, 7u);
  EXPECT_FALSE(upstream.circuit_breaker);
  const Policies& route = only(loaded).routes.at(0).policies;
  EXPECT_EQ(route.retry->max_attempts, 2u);
  EXPECT_EQ(route.retry->backoff.base, 2s);
  EXPECT_EQ(route.circuit_breaker->min_calls, 3u) << "from the built-in values";
  EXPECT_FALSE(only(loaded).routes.at(1).policies.retry);
}

// ---- classify ----

std::string verdicts(const Policies& policies) {
  std::string text;
  for (const ClassifyRule& rule : policies.classify)
    text += std::string(to_string(rule.verdict)) + " ";
  return text;
}

constexpr std::string_view kRules =
    "version: 1\n"
    "defaults: {classify: [{status: 400, verdict: auth}]}\n"
    "profiles: {p: {classify: [{status: 401, verdict: timeout}, {status: 402, verdict: ok}]}}\n"
    "upstreams:\n"
    "  a:\n"
    "    use: p\n"
    "    url: https://a.example.com\n"
    "    classify: [{status: 403, verdict: throttled}]\n"
    "    routes:\n"
    "      - {match: {path: /r}, classify: [{status: 404, verdict: transient}]}\n"
    "      - {match: {path: /s}, retry: 2}\n";

TEST(Classify, RulesOfANearerLevelComeFirst) {
  const Loaded loaded = load(std::string(kRules));
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  EXPECT_EQ(verdicts(only(loaded).policies), "throttled timeout ok auth ");
  EXPECT_EQ(verdicts(only(loaded).routes[0].policies), "transient throttled timeout ok auth ");
  EXPECT_EQ(verdicts(only(loaded).routes[1].policies), "throttled timeout ok auth ");
}

TEST(Classify, TheOriginOfARuleMovesWithIt) {
  const Loaded loaded = load(std::string(kRules));
  ASSERT_TRUE(loaded.config);
  const auto line = [&](const std::string& path) {
    const auto found = loaded.origins.find("upstreams.a." + path);
    return found == loaded.origins.end() ? 0 : found->second.position.line;
  };
  EXPECT_EQ(line("classify[0]"), 8);
  EXPECT_EQ(line("classify[1]"), 3);
  EXPECT_EQ(line("classify[2].verdict"), 3);
  EXPECT_EQ(line("classify[3]"), 2);
  EXPECT_EQ(line("routes[0].classify[0]"), 10);
  EXPECT_EQ(line("routes[0].classify[1]"), 8);
  EXPECT_EQ(line("routes[0].classify[4].status"), 2);
}

TEST(Classify, ShownRulesAreNotDoubledByWhatTheyAreReadOver) {
  const Loaded first = load(std::string(kRules));
  ASSERT_TRUE(first.config);
  // The shown upstream holds all rules; read over the same profile again they stay the same.
  const std::string shown = show(first);
  std::string again = shown;
  again.insert(again.find("    url:"), "    use: p\n");
  again +=
      "profiles: {p: {classify: [{status: 401, verdict: timeout}, {status: 402, verdict: ok}]}}\n";
  for (const std::string& text : {shown, again}) {
    const Loaded second = load(text);
    ASSERT_TRUE(second.config) << text << render(second.diagnostics, false);
    EXPECT_EQ(only(second).policies, only(first).policies) << text;
    EXPECT_EQ(only(second).routes[0].policies, only(first).routes[0].policies) << text;
  }
}

TEST(Classify, RefusesARuleThatSaysNothing) {
  EXPECT_EQ(codes("classify: [{verdict: ok}]"), "OUT-165");
  EXPECT_EQ(codes("classify: [{status: [], verdict: ok}]"), "OUT-165");
  EXPECT_EQ(codes("classify: [{status: 429}]"), "OUT-165");
  EXPECT_EQ(codes("classify: [{status: 429, verdict: cancelled}]"), "OUT-165");
  EXPECT_EQ(codes("classify: {status: 429, verdict: ok}"), "OUT-120");
  EXPECT_EQ(codes("classify: [{status: 429, verdict: slow}]"), "OUT-125") << "not missing too";
  EXPECT_EQ(codes("classify: []"), "");
}

TEST(Classify, WarnsOfARuleThatIsNeverAsked) {
  EXPECT_EQ(codes("classify: [{status: 5xx, verdict: ok}, {status: 503, verdict: auth}]"),
            "OUT-166");
  EXPECT_EQ(codes("classify: [{status: 503, verdict: auth}, {status: 5xx, verdict: ok}]"), "");
  const Loaded loaded = load(
      "version: 1\nprofiles: {p: {classify: [{status: 503, verdict: auth}]}}\n"
      "upstreams: {a: {use: p, url: https://a.example.com, classify: [{status: 5xx, verdict: "
      "ok}]}}\n");
  EXPECT_EQ(codes_of(loaded), "") << "to override a profile is what a rule is for";
}

// ---- values ----

struct ValueRow {
  const char* keys;
  const char* codes;
};

TEST(Policies, RefuseWhatIsNoValue) {
  const ValueRow rows[] = {
      {"classify: [{status: 99, verdict: ok}]", "OUT-138"},
      {"classify: [{status: 600, verdict: ok}]", "OUT-138"},
      {"classify: [{status: 6xx, verdict: ok}]", "OUT-138"},
      {"classify: [{status: 5XX, verdict: ok}]", "OUT-138"},
      {"classify: [{status: 504-500, verdict: ok}]", "OUT-138"},
      {"classify: [{status: 500-, verdict: ok}]", "OUT-138"},
      {"classify: [{status: 4290, verdict: ok}]", "OUT-138"},
      {"classify: [{header: {\"a b\": x}, verdict: ok}]", "OUT-139"},
      {"classify: [{header: {a: [x]}, verdict: ok}]", "OUT-139"},
      {"classify: [{header: {a: }, verdict: ok}]", "OUT-139"},
      {"classify: [{header: a, verdict: ok}]", "OUT-120"},
      {"classify: [{json: {a: 1}, verdict: ok}]", "OUT-137"},
      {"classify: [{json: {/a~2: 1}, verdict: ok}]", "OUT-137"},
      {"classify: [{json: {/a: [1]}, verdict: ok}]", "OUT-139"},
      {"classify: [{json: {/a: {}}, verdict: ok}]", "OUT-139"},
      {"classify: [{json: {/a: }, verdict: ok}]", "OUT-139"},
      {"classify: [{json: {/a: {atleast: 1}}, verdict: ok}]", "OUT-139"},
      {"classify: [{json: {/a: {at_least: x}}, verdict: ok}]", "OUT-129"},
      {"classify: [{json: {/a: {at_least: \"1\"}}, verdict: ok}]", "OUT-129"},
      {"classify: [{failure: [timeout], verdict: ok}]", "OUT-125"},
      {"error_fields: [code]", "OUT-137"},
      {"error_fields: [/a~]", "OUT-137"},
      {"retry: {backoff: {factor: 0.9}}", "OUT-127"},
      {"retry: {backoff: {factor: \"2\"}}", "OUT-123"},
      {"retry: {backoff: {factor: 2x}}", "OUT-129"},
      {"retry: {hints: {spread: 10}}", "OUT-128"},
      {"retry: {hints: {spread: 101%}}", "OUT-128"},
      {"retry: {if: [ok]}", "OUT-168"},
      {"retry: {if: [cancelled]}", "OUT-168"},
      {"retry: {if: []}", "OUT-182"},
      {"retry: {give_up_status: 200}", "OUT-127"},
      {"retry: {budget: {cost: {slow: 1}}}", "OUT-125"},
      {"retry: {budget: {cost: {timeout: }}}", "OUT-112"},
      {"retry: {budget: {cost: 1}}", "OUT-120"},
      {"retry: {budget: {window: 1ms}}", "OUT-127"},
      {"retry: {backoff_for: {overloaded: 5s}}", "OUT-120"},
      {"circuit_breaker: {failure_rate: 0%}", "OUT-127"},
      {"circuit_breaker: {window: 100ms}", "OUT-127"},
      {"circuit_breaker: {half_open: {lease: 1ms}}", "OUT-127"},
      {"circuit_breaker: {key: [host]}", "OUT-125"},
      {"replay: always", "OUT-125"},
      {"replay: none", "OUT-125"},
  };
  for (const ValueRow& row : rows) EXPECT_EQ(codes(row.keys), row.codes) << row.keys;
}

TEST(Policies, RefuseATargetWhosePlaceholdersAreNone) {
  const auto get = [](const std::string& target) {
    return codes("replay: verify, verify: {get: \"" + target + "\"}");
  };
  EXPECT_EQ(get("/x?id={idempotency-key}&a={/a/0/b}"), "");
  for (const char* target : {"x/{idempotency-key}", "/{", "/}", "/{}", "/{key}", "/{/a~2}", "/{{}}",
                             "/a b/{/c}", "/a#{/c}"}) {
    EXPECT_EQ(get(target), "OUT-133") << target;
  }
  EXPECT_EQ(get("/same/for/all"), "OUT-182");
}

TEST(Policies, RefuseContradictions) {
  const ValueRow rows[] = {
      {"replay: verify", "OUT-113"},
      {"replay: verify, verify: {settle: 1s}", "OUT-112"},
      {"verify: {get: \"/{/id}\"}", "OUT-182"},
      {"verify: {get: \"/{/id}\"}, replay: keyed", "OUT-182"},
      {"verify: {get: \"/{/id}\"}, routes: [{match: {path: /x}, replay: verify}]", ""},
      {"routes: [{match: {path: /x}, replay: verify}]", "OUT-113"},
      {"routes: [{match: {path: /x}, verify: {get: \"/{/id}\"}}]", "OUT-182"},
      {"retry: {backoff: {base: 1m}}", "OUT-164"},
      {"retry: {backoff_for: {overloaded: {base: 1m}}}", "OUT-164"},
      {"retry: {backoff_for: {auth: {base: 1s}}}", "OUT-182"},
      {"circuit_breaker: {failures_in_a_row: none, failure_rate: none}", "OUT-167"},
      {"circuit_breaker: {failures_in_a_row: none, failure_rate: none, slow: {rate: 50%}}", ""},
      {"circuit_breaker: {failure: [], rate_only: []}", "OUT-167"},
      {"circuit_breaker: {failure: [ok]}", "OUT-168"},
      {"circuit_breaker: {failure: [throttled]}", "OUT-164"},
      {"circuit_breaker: {window_calls: 5}", "OUT-164"},
      {"circuit_breaker: {open: {first: 5m}}", "OUT-164"},
      {"circuit_breaker: {upstream_opens_at: 2}", "OUT-182"},
      {"circuit_breaker: {key: [model, model]}", "OUT-182"},
      {"deadline: 1m", ""},
      {"deadline: 1m, timeouts: {headers: 2m}", "OUT-182"},
      {"deadline: 1m, timeouts: {first_event: 2m}", "OUT-182"},
      {"timeouts: {headers: 2m}, routes: [{match: {path: /x}, deadline: 1m}]", ""},
      {"routes: [{match: {path: /x}, deadline: 1m, timeouts: {headers: 2m}}]", "OUT-182"},
      {"timeouts: {first_event_per_mib: 1s}", "OUT-182"},
      {"timeouts: {first_event: 1m}, circuit_breaker: {slow: {first_event: 2m}}", "OUT-182"},
      {"timeouts: {first_event: 1m}, circuit_breaker: {half_open: {lease: 30s}}", "OUT-182"},
      {"max_request_body: 65MiB", "OUT-182"},
      {"max_request_body: 64MiB", ""},
      {"max_request_body: 65MiB, retry: none", ""},
      {"max_request_body: 2MiB, retry: {buffer: 1MiB}", "OUT-182"},
      {"retry: {buffer: 1MiB}", ""},
      {"commit: {until: head, keep_alive: 15s}", "OUT-182"},
  };
  for (const ValueRow& row : rows) EXPECT_EQ(codes(row.keys), row.codes) << row.keys;
}

TEST(Policies, PointOldAndForeignNamesToTheirPlace) {
  const std::pair<const char*, const char*> rows[] = {
      {"retries: 3", "\"retry\""},         {"breaker: none", "\"circuit_breaker\""},
      {"classifiers: []", "\"classify\""}, {"budget: none", "`retry`"},
      {"max_attempts: 3", "`retry`"},      {"retry: {attempts: 3}", "\"max_attempts\""},
      {"backoff: {base: 1s}", "`retry`"},
  };
  for (const auto& [keys, place] : rows) {
    const Loaded loaded = load(upstream(keys));
    ASSERT_EQ(codes_of(loaded), "OUT-110") << keys;
    EXPECT_NE(loaded.diagnostics[0].hint.find(place), std::string::npos)
        << keys << ": " << loaded.diagnostics[0].hint;
  }
}

TEST(Policies, TellAnExplicitNullFromNoValue) {
  for (const char* pointer :
       {"/a", "\"/\xc3\xa4\"", "/\xf0\x9f\x98\x80", "/\xe2\x82\xac\xc3\xa4"}) {
    const std::string key(pointer);
    const Policies got = policies("classify: [{json: {" + key + ": null}, verdict: ok}]");
    ASSERT_EQ(got.classify.size(), 1u);
    EXPECT_EQ(got.classify[0].json.at(0).text, "null") << key;
    EXPECT_EQ(codes("classify: [{json: {" + key + ": }, verdict: ok}]"), "OUT-139") << key;
  }
}

TEST(Policies, TakeVariables) {
  const Loaded loaded =
      load(upstream("retry: \"${N}\", circuit_breaker: {failure_rate: \"${P}\"}, "
                    "classify: [{status: \"${S}\", header: {a: \"${N}\"}, verdict: \"${V}\"}]"),
           environment({{"N", "5"}, {"P", "40%"}, {"S", "5xx"}, {"V", "overloaded"}}));
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  const Policies& got = only(loaded).policies;
  EXPECT_EQ(got.retry->max_attempts, 5u);
  EXPECT_EQ(got.circuit_breaker->failure_rate, 0.4);
  EXPECT_EQ(got.classify.at(0).status.at(0), (StatusRange{500, 599}));
  EXPECT_EQ(got.classify.at(0).header.at(0).value, "5");
  EXPECT_EQ(got.classify.at(0).verdict, Verdict::kOverloaded);
}

TEST(Policies, ShowMarksWhatIsInShadow) {
  const Loaded loaded =
      load(upstream("shadow: [retry, hedge], retry: {max_attempts: 4}, routes: [{match: {path: "
                    "/r}, hedge: 2s}]"));
  ASSERT_TRUE(loaded.config) << render(loaded.diagnostics, false);
  for (const auto defaults : {ShowDefaults::kHidden, ShowDefaults::kShown}) {
    const std::string shown = show(loaded, {ShowOrigins::kShown, defaults});
    EXPECT_NE(shown.find("    retry:  # in shadow\n      max_attempts: 4"), std::string::npos)
        << shown;
    EXPECT_NE(shown.find("        hedge:  # in shadow\n"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("circuit_breaker:  # in shadow"), std::string::npos) << shown;
    EXPECT_EQ(load(shown).config->hash, loaded.config->hash) << "it loads again to the same";
  }
}

}  // namespace
}  // namespace outrigger::config::test
