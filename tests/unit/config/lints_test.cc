// Policies that are legal each and cannot work together: what is said, and what is left alone.
#include <span>
#include <string_view>

#include <gtest/gtest.h>

#include "config/backoff_range.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

struct Row {
  std::string_view keys;  // of the upstream `a`
  std::string_view says;  // empty: nothing is found
};

void expect_rows(std::span<const Row> rows, std::string_view rest = "") {
  for (const Row& row : rows) {
    const std::string text = upstream(std::string(row.keys)) + std::string(rest);
    const std::string found = render(load(text).diagnostics, false);
    if (row.says.empty()) {
      EXPECT_EQ(found, "") << row.keys;
    } else {
      EXPECT_NE(found.find(row.says), std::string::npos) << row.keys << "\n" << found;
    }
  }
}

TEST(Lints, SayWhatIsWrongWithKeysAndNothingThatIsNot) {
  constexpr Row kRows[] = {
      {"credentials: {keys: [literal]}", "the key stands in the file"},
      {"credentials: {keys: []}", "the list of keys is empty"},
      {"credentials: {keys: []}", "name a key, or write credentials: none"},
      {"credentials: none", ""},
      {"credentials: {header: x-key}", ""},
      {"routes: [{match: {path: /r}, credentials: {keys: []}}]", "the list of keys is empty"},
  };
  expect_rows(kRows);
  const auto found = load(upstream("credentials: {keys: [\"${MISSING}\"]}")).diagnostics;
  ASSERT_EQ(found.size(), 1u) << render(found, false);
  EXPECT_EQ(found[0].message, "the environment has no variable MISSING");
}

TEST(Lints, NameTheAttemptThatNeverBegins) {
  constexpr Row kRows[] = {
      {"deadline: 10s, retry: {max_attempts: 6, backoff: {base: 1s, jitter: none}}",
       "attempt 5 never begins: with the shortest waits of backoff it would come after 15s, and "
       "the deadline is 10s"},
      {"deadline: 10s, retry: {max_attempts: 6, backoff: {base: 1s, jitter: none}}",
       "make max_attempts 4, the waits shorter, or the deadline longer"},
      {"deadline: 16s, retry: {max_attempts: 5, backoff: {base: 1s, jitter: none}}", ""},
      {"deadline: 15s, retry: {max_attempts: 5, backoff: {base: 1s, jitter: none}}",
       "attempt 5 never begins"},
      {"deadline: 8s, retry: {max_attempts: 5, backoff: {base: 1s, jitter: equal}}", ""},
      {"deadline: 7s, retry: {max_attempts: 5, backoff: {base: 1s, jitter: equal}}",
       "attempt 5 never begins: with the shortest waits of backoff it would come after 7s500ms"},
      {"deadline: 1s, retry: {max_attempts: 20, backoff: {base: 30s, jitter: full}}", ""},
      {"deadline: 10s, retry: {max_attempts: 3, backoff: {base: 5s, jitter: decorrelated}}",
       "attempt 3 never begins"},
      {"deadline: 10s, retry: {max_attempts: 3, backoff_for: {throttled: {base: 20s, jitter: "
       "none}}}",
       "attempt 2 never begins: with the shortest waits of backoff_for.throttled"},
      {"retry: {max_attempts: 9, backoff: {base: 9s, jitter: none}}", ""},
      {"deadline: 1s, retry: {max_attempts: 1, backoff: {base: 9s, jitter: none}}", ""},
  };
  expect_rows(kRows);
}

TEST(Lints, SayWhereWaitsAndTimersDoNotFitTheDeadline) {
  constexpr Row kRows[] = {
      {"deadline: 30s, retry: {hints: {max_wait: 2m}}",
       "hints.max_wait (2m) is longer than the deadline (30s)"},
      {"deadline: 30s, retry: {hints: {max_wait: 30s}}", ""},
      {"deadline: 30s, retry: {hints: {max_wait: 2m, honour: false}}", ""},
      {"deadline: 30s", ""},  // max_wait is built in
      {"deadline: 5s, timeouts: {connect: 6s}",
       "timeouts.connect (6s) never ends: deadline (5s) comes before it"},
      {"timeouts: {tls: 6s, total: 5s}",
       "timeouts.tls (6s) never ends: timeouts.total (5s) comes before it"},
      {"timeouts: {headers: 1m, total: 5s}",
       "timeouts.headers (1m) never ends: timeouts.total (5s) comes before it"},
      {"timeouts: {total: 5s}", ""},
      {"timeouts: {total: 20s}, deadline: 10s", ""},  // which ends with the answer's head
      {"timeouts: {headers: 5s, total: 5s}", ""},
  };
  expect_rows(kRows);
}

TEST(Lints, SayWhereReplayForbidsEveryRetry) {
  constexpr Row kRows[] = {
      {"replay: never, retry: {max_attempts: 4}", "replay: never forbids every retry"},
      {"replay: never", ""},
      {"replay: never, retry: none", ""},
      {"replay: never, retry: {max_attempts: 4}, routes: [{match: {path: /r}, replay: safe}]", ""},
      {"retry: {max_attempts: 4}, routes: [{match: {path: /w}, replay: never}]", ""},
      {"routes: [{match: {path: /w}, replay: never, retry: 4}]",
       "replay: never forbids every retry"},
  };
  expect_rows(kRows);
}

TEST(Lints, SayWhereNoSecondRequestIsEverSent) {
  constexpr Row kRows[] = {
      {"replay: unsent, hedge: {after: 1s}", "only those with replay: safe may be"},
      {"replay: keyed, hedge: {after: 1s}", "only those with replay: safe may be"},
      {"replay: safe, hedge: {after: 1s}", ""},
      {"hedge: {after: 1s}", ""},
      {"replay: unsent, hedge: {after: 1s}, routes: [{match: {path: /r}, replay: safe}]", ""},
      {"routes: [{match: {method: [POST, PATCH]}, hedge: {after: 1s}}]",
       "only those with replay: safe may be"},
      {"routes: [{match: {method: [POST, GET]}, hedge: {after: 1s}}]", ""},
      {"hedge: {after: 10s}, timeouts: {headers: 10s}",
       "no second request is ever sent: timeouts.headers (10s) ends the first one before"},
      {"hedge: {after: 10s}, timeouts: {total: 9s}", "timeouts.total (9s) ends the first one"},
      {"hedge: {after: 10s}, dialect: openai, timeouts: {headers: 9s, first_event: 20s}",
       "a second request is only sent for streams: timeouts.headers (9s) ends the first one"},
      {"hedge: {after: 10s}, dialect: openai, timeouts: {headers: 9s, first_event: 10s}",
       "no second request is ever sent: timeouts.headers (9s)"},
      {"hedge: {after: 10s}, deadline: 8s", "deadline (8s) ends the first one before"},
      {"hedge: {after: 10s}, deadline: 11s", ""},
      {"hedge: {min: 10s}, deadline: 8s", "deadline (8s) ends the first one before"},
  };
  expect_rows(kRows);
}

TEST(Lints, KnowThatOnlyARuleGivesContentPolicy) {
  constexpr Row kRows[] = {
      {"circuit_breaker: {failure: [content_policy, transient]}",
       "no attempt is ever \"content_policy\": no rule of classify says so"},
      {"circuit_breaker: {rate_only: [content_policy]}", "no attempt is ever"},
      {"concurrency: {signal: [content_policy]}", "no attempt is ever"},
      {"fallback: [{model: m, if: [content_policy]}]", "no attempt is ever"},
      {"circuit_breaker: {failure: [quota_exhausted, auth]}", ""},
      {"use: openai, circuit_breaker: {failure: [content_policy]}", ""},
      {"classify: [{status: 451, verdict: content_policy}], circuit_breaker: {failure: "
       "[content_policy]}",
       ""},
  };
  expect_rows(kRows);
}

TEST(Lints, SayWhichShadowHasNothingToWatch) {
  constexpr Row kRows[] = {
      {"shadow: [hedge]", "\"hedge\" in shadow has no effect: there is no hedge"},
      {"shadow: [rate_limit]", "add rate_limit, or remove it from shadow"},
      {"shadow: [retry, circuit_breaker]", ""},
      {"shadow: [retry], retry: none", "there is no retry"},
      {"shadow: [retry, retry]", "\"retry\" is named twice"},
      {"shadow: [hedge], routes: [{match: {path: /r}, hedge: {after: 1s}}]", ""},
      {"shadow: [validate, loop_guard, concurrency], validate: {}, loop_guard: {}, concurrency: "
       "{}",
       ""},
      {"shadow: [fallback]", "there is no fallback"},
      {"shadow: [fallback], fallback: [{model: m}]", ""},
  };
  expect_rows(kRows);
}

TEST(Lints, ValidateHasSomethingToCheck) {
  constexpr Row kRows[] = {
      {"validate: {}", ""},
  };
  expect_rows(kRows);
}

TEST(Lints, SayWhereNoBodyOfThatSizeIsEverKept) {
  constexpr Row kRows[] = {
      {"retry: {buffer: 4MiB}",
       "no request of retry.buffer (4MiB) can be kept: replay_buffers hold 3MiB"},
      {"retry: {buffer: 3MiB}", ""},
      {"retry: none", ""},
      {"retry: {buffer: 4MiB, max_attempts: 1}", ""},
      {"timeouts: {total: 1m}", "no request of retry.buffer (64MiB) can be kept"},
  };
  expect_rows(kRows, "server: {overload: {replay_buffers: {memory: 1MiB, disk: 2MiB}}}\n");
}

TEST(Lints, TheSoftWatermarkIsNotAboveTheHardOne) {
  const auto found = [](const std::string& marks) {
    return render(load("version: 1\nserver: {overload: {" + marks + "}}\n").diagnostics, false);
  };
  EXPECT_NE(found("memory: {soft: 90%, hard: 80%}").find("soft (90%) is above hard (80%)"),
            std::string::npos);
  EXPECT_NE(found("descriptors: {hard: 50%}").find("soft (80%) is above hard (50%)"),
            std::string::npos);
  EXPECT_EQ(found("memory: {soft: 80%, hard: 80%}, descriptors: none"), "");
}

// ---- fallback ----

constexpr std::string_view kOthers =
    "  b: {use: openai, url: https://b.example.com}\n"
    "  anthropic: {use: anthropic}\n";

TEST(Lints, AFallbackLeadsSomewhereElse) {
  constexpr Row kRows[] = {
      {"fallback: [{upstream: antropic}]", "there is no upstream \"antropic\""},
      {"fallback: [{upstream: antropic}]", "did you mean \"anthropic\"?"},
      {"fallback: [{upstream: x-y-z}]", "name one of `upstreams`"},
      {"fallback: [{upstream: b}]", ""},
      {"fallback: [{if: [overloaded]}]", "the same request would go to the same upstream"},
      {"fallback: [{upstream: a}]", "the same request would go to the same upstream"},
      {"fallback: [{upstream: a, model: m}]", ""},
      {"fallback: [{set: {/stream: false}}]", ""},
      {"fallback: [{path: /v2}]", ""},
      {"fallback: [{model: m, map_model: {a: b}}]", "model and map_model both choose the model"},
      {"fallback: [{answer: {}, upstream: b}]",
       "with answer nobody is asked: upstream has no meaning"},
      {"fallback: [{answer: {}, set: {/a: 1}}]", "set has no meaning"},
      {"routes: [{match: {path: /r}, fallback: [{upstream: nobody}]}]",
       "there is no upstream \"nobody\""},
  };
  expect_rows(kRows, kOthers);
}

TEST(Lints, NothingComesBehindAFixedAnswer) {
  constexpr Row kRows[] = {
      {"fallback: [{answer: {}}, {model: m, if: [overloaded]}]",
       "fallback[1] is never taken: fallback[0] answers whenever it would be"},
      {"fallback: [{answer: {}, if: [overloaded]}, {model: m, if: [overloaded, timeout]}]", ""},
      {"fallback: [{model: m}, {answer: {}}]", ""},
      {"fallback: [{model: m}, {model: m2}]", ""},
  };
  expect_rows(kRows, kOthers);
}

TEST(Lints, BodiesAreNotTranslated) {
  constexpr Row kRows[] = {
      {"dialect: openai, fallback: [{upstream: anthropic}]",
       "\"anthropic\" speaks anthropic, this upstream openai: bodies are not translated"},
      {"dialect: auto, fallback: [{upstream: anthropic}]", ""},
      {"dialect: openai, fallback: [{upstream: b}]", ""},
  };
  expect_rows(kRows, kOthers);
}

// What an upstream falls back to does not fall back itself: there is no harm in it.
TEST(Lints, UpstreamsMayFallBackToEachOther) {
  const std::string text =
      "version: 1\nupstreams:\n"
      "  a: {url: https://a.example.com, fallback: [{upstream: b}]}\n"
      "  b: {url: https://b.example.com, fallback: [{upstream: a}]}\n";
  const Loaded loaded = load(text);
  EXPECT_TRUE(loaded.diagnostics.empty()) << render(loaded.diagnostics, false);
}

TEST(Lints, LeaveBuiltInProvidersAlone) {
  EXPECT_EQ(render(built_in(environment()).diagnostics, false), "");
}

TEST(BackoffRange, NeverLeavesItsBounds) {
  for (const Jitter jitter :
       {Jitter::kFull, Jitter::kEqual, Jitter::kDecorrelated, Jitter::kNone}) {
    const Backoff policy{.base = 1s, .factor = 1e300, .max = 20s, .jitter = jitter};
    for (const std::uint32_t retry : {1u, 2u, 20u}) {
      const WaitRange range = backoff_range(policy, retry, 19s);
      EXPECT_GE(range.low, 0s);
      EXPECT_LE(range.low, range.high);
      EXPECT_LE(range.high, 20s);
    }
  }
}

}  // namespace
}  // namespace outrigger::config::test
