#include "config/policy_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/cache_checks.h"
#include "config/credential_checks.h"
#include "config/fallback_checks.h"
#include "config/limit_checks.h"
#include "config/lints.h"
#include "config/loop_guard_checks.h"
#include "config/once_checks.h"
#include "config/policy_level.h"
#include "config/units.h"
#include "config/validate_checks.h"

namespace outrigger::config {
namespace {

void refuse_verdicts(VerdictSet verdicts, const std::string& path, Checker& checker) {
  if (verdicts.contains(Verdict::kOk)) {
    checker.error(Code::kVerdict, path, "\"ok\" is no failure", "remove it from the list");
  }
  if (verdicts.contains(Verdict::kCancelled)) {
    checker.error(Code::kVerdict, path, "nobody waits for an attempt that is \"cancelled\"",
                  "remove it from the list");
  }
}

void check_backoff(const Backoff& backoff, const std::string& path, std::string_view name,
                   Checker& checker) {
  if (backoff.base <= backoff.max) return;
  checker.error(Code::kInconsistent, path + ".base",
                fmt::format("{}.base ({}) is longer than max ({})", name,
                            print_duration(backoff.base), print_duration(backoff.max)),
                "make max at least as long");
}

void check_retry(const Level& level, Checker& checker) {
  const auto& retry = level.policies.retry;
  if (!retry) return;
  const std::string path = level.path + ".retry";
  refuse_verdicts(retry->on_verdicts, path + ".if", checker);
  if (retry->on_verdicts.empty() && level.whole) {
    checker.warning(Code::kSuspicious, path + ".if", "no verdict is retried",
                    "name some, or write retry: none");
  }
  check_backoff(retry->backoff, path + ".backoff", "backoff", checker);
  for (const VerdictBackoff& entry : retry->backoff_for) {
    const std::string name = fmt::format("backoff_for.{}", to_string(entry.verdict));
    check_backoff(entry.backoff, path + "." + name, name, checker);
    const bool written = checker.wrote(path + "." + name);  // a profile's is nobody's mistake
    if (written && !retry->on_verdicts.contains(entry.verdict)) {
      checker.warning(
          Code::kSuspicious, path + "." + name,
          fmt::format("{} has no effect: \"{}\" is not retried", name, to_string(entry.verdict)),
          "add the verdict to retry.if, or remove the entry");
    }
  }
}

void check_buffer(const Level& level, Checker& checker) {
  const auto& [path, policies] = std::tie(level.path, level.policies);
  const auto largest = policies.max_request_body;
  if (!policies.retry || policies.retry->max_attempts == 1 || !largest) return;
  if (policies.retry->buffer >= *largest) return;
  const bool buffer_written = checker.wrote(path + ".retry.buffer");
  if (!buffer_written && !checker.wrote(path + ".max_request_body")) return;
  checker.warning(Code::kSuspicious,
                  path + (buffer_written ? ".retry.buffer" : ".max_request_body"),
                  fmt::format("requests larger than retry.buffer ({}) are sent once",
                              print_size(policies.retry->buffer)),
                  fmt::format("make retry.buffer {}, or leave it so", print_size(*largest)));
}

void check_deadline(const Level& level, Checker& checker) {
  const auto deadline = level.policies.deadline;
  if (!deadline) return;
  const Timeouts& timeouts = level.policies.timeouts;
  const auto check = [&](std::string_view name, const std::optional<Duration>& timer) {
    const std::string path = fmt::format("{}.timeouts.{}", level.path, name);
    if (!timer || *timer <= *deadline || !checker.wrote(path)) return;
    checker.warning(Code::kSuspicious, path,
                    fmt::format("timeouts.{} ({}) never ends: the deadline ({}) comes before it",
                                name, print_duration(*timer), print_duration(*deadline)),
                    "make it shorter than deadline");
  };
  check("headers", timeouts.headers);
  check("first_event", timeouts.first_event);
}

void check_timeouts(const Level& level, Checker& checker) {
  const std::string path = level.path + ".timeouts.first_event_per_mib";
  const Timeouts& timeouts = level.policies.timeouts;
  if (timeouts.first_event || !timeouts.first_event_per_mib || !checker.wrote(path)) return;
  checker.warning(Code::kSuspicious, path, "first_event_per_mib has no effect: first_event is none",
                  "set first_event too");
}

void check_verify(const Level& level, Checker& checker) {
  const Policies& policies = level.policies;
  if (policies.replay == Replay::kVerify && !policies.verify && level.whole) {
    checker.error(Code::kConflict, level.path + ".replay", "replay: verify has no verify block",
                  "add verify: {get: ...}, or choose another class");
  }
  if (!policies.verify) return;
  const std::string path = level.path + ".verify";
  if (policies.verify->get.empty()) {
    if (level.whole) {
      checker.error(Code::kMissingKey, path, "verify has no get",
                    R"(add get: "/path?id={idempotency-key}")");
    }
  } else if (policies.verify->get.find('{') == std::string::npos) {
    checker.warning(Code::kSuspicious, path + ".get",
                    "verify asks the same for every request: it cannot tell them apart",
                    "put {idempotency-key} or {/json/pointer} in it");
  }
  if (policies.replay != Replay::kVerify && !level.routes_verify) {
    checker.warning(Code::kSuspicious, path, "verify has no effect without replay: verify",
                    "write replay: verify beside it");
  }
}

// Something runs on without its client.
bool has_orphans(const Level& level) {
  const auto runs_on = [](const Policies& policies) {
    return policies.idempotency || policies.cache;
  };
  const auto& routes = level.upstream.routes;
  return runs_on(level.policies) ||
         (level.route == nullptr &&
          std::ranges::any_of(routes, [&](const Route& route) { return runs_on(route.policies); }));
}

bool ever_opens(const CircuitBreaker& breaker) {
  const bool in_a_row = breaker.failures_in_a_row && !breaker.failure.empty();
  const bool rate = breaker.failure_rate && !(breaker.failure.empty() && breaker.rate_only.empty());
  return in_a_row || rate || breaker.slow;
}

void check_breaker_verdicts(const CircuitBreaker& breaker, const std::string& path,
                            Checker& checker) {
  refuse_verdicts(breaker.failure, path + ".failure", checker);
  refuse_verdicts(breaker.rate_only, path + ".rate_only", checker);
  for (std::size_t i = 0; i < kVerdictNames.size(); ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (!breaker.failure.contains(verdict) || !breaker.rate_only.contains(verdict)) continue;
    const bool at_failure = checker.has(path + ".failure");
    checker.error(Code::kInconsistent, path + (at_failure ? ".failure" : ".rate_only"),
                  fmt::format("\"{}\" is in failure and in rate_only", to_string(verdict)),
                  checker.has(path + ".rate_only")
                      ? "keep it in one of them"
                      : "write rate_only: [] beside it: by default it holds throttled");
  }
}

void check_breaker(const Level& level, Checker& checker) {
  if (!level.policies.circuit_breaker) return;
  const CircuitBreaker& breaker = *level.policies.circuit_breaker;
  const std::string path = level.path + ".circuit_breaker";
  if (!ever_opens(breaker) && level.whole) {
    checker.error(Code::kNeverOpens, path, "nothing opens this circuit breaker",
                  "set failures_in_a_row, failure_rate or slow, or write circuit_breaker: none");
  }
  check_breaker_verdicts(breaker, path, checker);
  if (breaker.window_calls && *breaker.window_calls < breaker.min_calls) {
    const bool at_calls = checker.has(path + ".window_calls");
    checker.error(
        Code::kInconsistent, path + (at_calls ? ".window_calls" : ".min_calls"),
        fmt::format("window_calls ({}) is less than min_calls ({}), which is never reached",
                    *breaker.window_calls, breaker.min_calls),
        "make window_calls at least min_calls");
  }
  if (breaker.open.first > breaker.open.max) {
    checker.error(Code::kInconsistent, path + ".open.first",
                  fmt::format("open.first ({}) is longer than open.max ({})",
                              print_duration(breaker.open.first), print_duration(breaker.open.max)),
                  "make max at least as long");
  }
  if (breaker.upstream_opens_at && breaker.key.empty()) {
    checker.warning(Code::kSuspicious, path + ".upstream_opens_at",
                    "upstream_opens_at has no effect: there are no keys",
                    "name some in circuit_breaker.key");
  }
  if (breaker.key.size() > 1) {
    auto keys = breaker.key;
    std::ranges::sort(keys);
    if (std::ranges::adjacent_find(keys) != keys.end()) {
      checker.warning(Code::kSuspicious, path + ".key", "a key is named twice", "remove one");
    }
  }
}

// Timers of a breaker beside those of an attempt.
void check_breaker_timers(const Level& level, Checker& checker) {
  if (!level.policies.circuit_breaker) return;
  const CircuitBreaker& breaker = *level.policies.circuit_breaker;
  const std::string path = level.path + ".circuit_breaker";
  const auto first_event = level.policies.timeouts.first_event;
  if (!first_event) return;
  if (breaker.slow && breaker.slow->first_event >= *first_event &&
      checker.wrote(path + ".slow.first_event")) {
    checker.warning(Code::kSuspicious, path + ".slow.first_event",
                    fmt::format("no call is slow: timeouts.first_event ({}) ends it before",
                                print_duration(*first_event)),
                    "make it shorter than timeouts.first_event");
  }
  if (breaker.half_open.lease < *first_event && checker.wrote(path + ".half_open.lease")) {
    checker.warning(Code::kSuspicious, path + ".half_open.lease",
                    fmt::format("a probe may still wait for its first event ({}) when its lease "
                                "ends, and then has failed",
                                print_duration(*first_event)),
                    "make it at least timeouts.first_event");
  }
}

void check_commit(const Level& level, Checker& checker) {
  const Commit& commit = level.policies.commit;
  if (commit.until != CommitUntil::kHead || !commit.keep_alive) return;
  checker.warning(Code::kSuspicious, level.path + ".commit.keep_alive",
                  "keep_alive has no effect: with until: head nothing is held", "remove it");
}

void check_level(const Level& level, Checker& checker) {
  const auto says = [&](std::initializer_list<std::string_view> keys) {
    return std::ranges::any_of(keys, [&](auto key) { return said(level, key, checker); });
  };
  if (says({"retry"})) check_retry(level, checker);
  if (says({"retry", "max_request_body"})) check_buffer(level, checker);
  if (says({"timeouts", "deadline"})) check_deadline(level, checker);
  if (says({"timeouts"})) check_timeouts(level, checker);
  if (says({"replay", "verify"})) check_verify(level, checker);
  if (says({"circuit_breaker"})) check_breaker(level, checker);
  if (says({"circuit_breaker", "timeouts"})) check_breaker_timers(level, checker);
  if (says({"commit"})) check_commit(level, checker);
  if (says({"rate_limit", "concurrency", "deadline"})) {
    check_limits(level.policies, level.path, checker);
  }
  if (says({"validate"})) check_schema(level.policies, level.path, level.whole, checker);
  if (says({"validate", "commit", "dialect"})) {
    check_validate_reach(level.policies, level.path, checker);
  }
  if (says({"idempotency", "replay"})) check_idempotency(level.policies, level.path, checker);
  if (says({"on_client_gone"})) {
    check_client_gone(level.policies, level.path, has_orphans(level), checker);
  }
  if (says({"cache"})) check_cache(level, checker);
  if (says({"loop_guard"})) check_loop_guard(level.policies, level.path, checker);
  if (says({"credentials"})) {
    check_credentials(level.upstream.endpoints, level.policies, level.path,
                      level.whole ? Decoded::kWhole : Decoded::kInPart, checker);
  }
  if (says({"retry", "deadline", "replay"})) lint_retry(level, checker);
  if (says({"timeouts", "deadline"})) lint_timers(level, checker);
  if (says({"hedge", "timeouts", "deadline", "replay"})) lint_hedge(level, checker);
  if (says({"classify", "circuit_breaker", "concurrency", "fallback"})) {
    lint_verdicts(level, checker);
  }
  if (says({"shadow"})) lint_shadow(level, checker);
}

// What needs more than the level itself.
void check_beside(const Level& level, const Config& config, Checker& checker) {
  if (said(level, "fallback", checker)) check_fallbacks(level, config.upstreams, checker);
  if (said(level, "cache", checker)) check_cache_room(level, config.store.cache, checker);
  if (said(level, "retry", checker)) {
    lint_replay_buffers(level, config.server.overload.replay_buffers, checker);
  }
}

}  // namespace

bool said(const Level& level, std::string_view policy, const Checker& checker) {
  return !level.inherits() || checker.has_below(fmt::format("{}.{}", level.path, policy));
}

void check_policies(const Upstream& upstream, const Config& config, Decoded decoded,
                    Checker& checker) {
  const std::string path = "upstreams." + upstream.name;
  const bool whole = decoded == Decoded::kWhole;
  const bool routes_verify = std::ranges::any_of(
      upstream.routes, [](const Route& route) { return route.policies.replay == Replay::kVerify; });
  const auto check = [&](const Level& level) {
    check_level(level, checker);
    check_beside(level, config, checker);
  };
  check({upstream.policies, path, upstream, nullptr, routes_verify, whole});
  for (std::size_t i = 0; i < upstream.routes.size(); ++i) {
    const Route& route = upstream.routes[i];
    check({route.policies, fmt::format("{}.routes[{}]", path, i), upstream, &route, false, whole});
  }
}

}  // namespace outrigger::config
