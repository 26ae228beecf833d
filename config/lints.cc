#include "config/lints.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "config/backoff_range.h"
#include "config/units.h"
#include "config/words.h"

namespace outrigger::config {
namespace {

// How many attempts begin before the deadline at the earliest: each at once when the one before has
// failed at once, after the shortest wait.
struct Fit {
  std::uint32_t attempts = 1;
  Duration next{0};  // when the one after them would begin
};

Fit attempts_that_fit(const Retry& retry, const Backoff& backoff, Duration deadline) {
  Fit fit;
  Duration previous{0};
  while (fit.attempts < retry.max_attempts) {
    previous = backoff_range(backoff, fit.attempts, previous).low;
    fit.next += std::min(previous, Duration::max() - fit.next);
    if (fit.next >= deadline) return fit;
    ++fit.attempts;
  }
  return fit;
}

void lint_attempts(const Level& level, const Backoff& backoff, std::string_view name,
                   Checker& checker) {
  const Retry& retry = *level.policies.retry;
  const Fit fit = attempts_that_fit(retry, backoff, *level.policies.deadline);
  if (fit.attempts >= retry.max_attempts) return;
  const std::string path = fmt::format("{}.retry.{}", level.path, name);
  checker.warning(
      Code::kSuspicious, path,
      fmt::format("attempt {} never begins: with the shortest waits of {} it would come after {}, "
                  "and the deadline is {}",
                  fit.attempts + 1, name, print_duration(fit.next),
                  print_duration(*level.policies.deadline)),
      fmt::format("make max_attempts {}, the waits shorter, or the deadline longer", fit.attempts));
}

void lint_deadline(const Level& level, Checker& checker) {
  const Retry& retry = *level.policies.retry;
  const Duration deadline = *level.policies.deadline;
  if (checker.wrote_below(level.path + ".retry") || checker.wrote(level.path + ".deadline")) {
    lint_attempts(level, retry.backoff, "backoff", checker);
    for (const VerdictBackoff& own : retry.backoff_for) {
      if (!retry.on_verdicts.contains(own.verdict)) continue;  // told elsewhere
      lint_attempts(level, own.backoff, fmt::format("backoff_for.{}", to_string(own.verdict)),
                    checker);
    }
  }
  const std::string path = level.path + ".retry.hints.max_wait";
  if (!retry.hints.honour || retry.hints.max_wait <= deadline || !checker.wrote(path)) return;
  checker.warning(Code::kSuspicious, path,
                  fmt::format("hints.max_wait ({}) is longer than the deadline ({}): a hint beyond "
                              "that is not waited for",
                              print_duration(retry.hints.max_wait), print_duration(deadline)),
                  "make it at most as long as deadline");
}

bool only_writes(const Route* route) {
  return route != nullptr && !route->match.methods.empty() &&
         std::ranges::all_of(route->match.methods, [](const std::string& method) {
           return method == "POST" || method == "PATCH";
         });
}

// Without a class it goes by the method.
bool may_be_safe(const Policies& policies, const Route* route) {
  if (policies.replay) return *policies.replay == Replay::kSafe;
  return !only_writes(route);
}

struct Limit {
  std::string_view name;
  Duration time = Duration::max();
};

Limit least(std::initializer_list<std::pair<std::string_view, std::optional<Duration>>> limits) {
  Limit found;
  for (const auto& [name, time] : limits) {
    if (time && *time < found.time) found = {name, *time};
  }
  return found;
}

}  // namespace

void lint_retry(const Level& level, Checker& checker) {
  if (!level.policies.retry) return;
  if (level.policies.deadline && level.policies.retry->max_attempts > 1) {
    lint_deadline(level, checker);
  }
  const auto repeats = [](const Policies& policies, const Route*) {
    return policies.retry && policies.replay != Replay::kNever;
  };
  const std::string path = level.path + ".replay";
  if (some_route(level, repeats) || !checker.wrote(path) ||
      !checker.wrote_below(level.path + ".retry")) {
    return;
  }
  checker.warning(Code::kSuspicious, path,
                  "replay: never forbids every retry: retry beside it has no effect",
                  "choose another class, or write retry: none");
}

void lint_timers(const Level& level, Checker& checker) {
  const Timeouts& timeouts = level.policies.timeouts;
  const auto ends_before = [&](std::string_view name, const std::optional<Duration>& timer,
                               std::string_view limit_name, const std::optional<Duration>& limit) {
    const std::string path = fmt::format("{}.timeouts.{}", level.path, name);
    if (!timer || !limit || *timer <= *limit || !checker.wrote(path)) return false;
    checker.warning(Code::kSuspicious, path,
                    fmt::format("timeouts.{} ({}) never ends: {} ({}) comes before it", name,
                                print_duration(*timer), limit_name, print_duration(*limit)),
                    fmt::format("make it shorter than {}", limit_name));
    return true;
  };
  for (const auto& [name, timer] :
       {std::pair{"connect", timeouts.connect}, std::pair{"tls", timeouts.tls}}) {
    if (ends_before(name, timer, "timeouts.total", timeouts.total)) continue;
    ends_before(name, timer, "deadline", level.policies.deadline);
  }
  ends_before("headers", timeouts.headers, "timeouts.total", timeouts.total);
}

void lint_hedge(const Level& level, Checker& checker) {
  if (!level.policies.hedge) return;
  const Hedge& hedge = *level.policies.hedge;
  const std::string path = level.path + ".hedge";
  const auto hedges = [](const Policies& policies, const Route* route) {
    return policies.hedge && may_be_safe(policies, route);
  };
  if (!some_route(level, hedges)) {
    checker.warning(Code::kSuspicious, path,
                    "no second request is ever sent: only those with replay: safe may be",
                    "write replay: safe where repeating is harmless, or remove hedge");
  }
  const std::string at = path + (hedge.after ? ".after" : ".min");
  if (!checker.wrote(at)) return;
  const auto warn = [&](std::string_view what, const Limit& limit) {
    checker.warning(Code::kSuspicious, at,
                    fmt::format("{}: {} ({}) ends the first one before", what, limit.name,
                                print_duration(limit.time)),
                    fmt::format("make it shorter than {}", limit.name));
  };
  const Duration earliest = hedge.after.value_or(hedge.min);
  const Policies& policies = level.policies;
  const Limit whole = least({{"deadline", policies.deadline}});
  const Limit answer = least({{"timeouts.headers", policies.timeouts.headers},
                              {"timeouts.total", policies.timeouts.total}});
  // A stream that has begun may be silent for as long as first_event.
  const bool streams = has_streams(policies.dialect) &&
                       earliest < policies.timeouts.first_event.value_or(Duration::max());
  if (earliest >= whole.time) {
    warn("no second request is ever sent", whole);
  } else if (earliest >= answer.time) {
    warn(streams ? "a second request is only sent for streams" : "no second request is ever sent",
         answer);
  }
}

// The built-in rules know every verdict but this one.
void lint_verdicts(const Level& level, Checker& checker) {
  constexpr Verdict kByRuleOnly = Verdict::kContentPolicy;
  const Policies& policies = level.policies;
  const bool given = std::ranges::find(policies.classify, kByRuleOnly, &ClassifyRule::verdict) !=
                     policies.classify.end();
  if (given) return;
  const auto warn = [&](bool named, const std::string& key) {
    const std::string path = level.path + "." + key;
    if (!named || !checker.wrote_below(path)) return;
    checker.warning(Code::kSuspicious, path,
                    fmt::format("no attempt is ever \"{}\": no rule of classify says so",
                                to_string(kByRuleOnly)),
                    "add a rule, use a provider's profile, or remove the verdict");
  };
  if (policies.circuit_breaker) {
    warn(policies.circuit_breaker->failure.contains(kByRuleOnly), "circuit_breaker.failure");
    warn(policies.circuit_breaker->rate_only.contains(kByRuleOnly), "circuit_breaker.rate_only");
  }
  if (policies.concurrency) {
    warn(policies.concurrency->signal.contains(kByRuleOnly), "concurrency.signal");
  }
  for (std::size_t i = 0; i < policies.fallback.size(); ++i) {
    const auto& on = policies.fallback[i].on;
    warn(std::ranges::find(on, fallback_on(kByRuleOnly)) != on.end(),
         fmt::format("fallback[{}].if", i));
  }
}

namespace {

bool in_force(const Policies& policies, Shadowed policy) {
  switch (policy) {
    case Shadowed::kRetry:
      return policies.retry.has_value();
    case Shadowed::kCircuitBreaker:
      return policies.circuit_breaker.has_value();
    case Shadowed::kRateLimit:
      return policies.rate_limit.has_value();
    case Shadowed::kConcurrency:
      return policies.concurrency.has_value();
    case Shadowed::kHedge:
      return policies.hedge.has_value();
    case Shadowed::kFallback:
      return !policies.fallback.empty();
    case Shadowed::kValidate:
      return policies.validate.has_value();
    case Shadowed::kLoopGuard:
      return policies.loop_guard.has_value();
    case Shadowed::kCache:
      return policies.cache.has_value();
  }
  return false;
}

}  // namespace

void lint_shadow(const Level& level, Checker& checker) {
  std::vector<Shadowed> seen;
  const std::string path = level.path + ".shadow";
  for (const Shadowed policy : level.policies.shadow) {
    if (std::ranges::find(seen, policy) != seen.end()) {
      checker.warning(Code::kSuspicious, path,
                      fmt::format("\"{}\" is named twice", to_string(policy)), "remove one");
    }
    seen.push_back(policy);
    const auto there = [&](const Policies& policies, const Route*) {
      return policies.shadowed(policy) && in_force(policies, policy);
    };
    if (some_route(level, there)) continue;
    checker.warning(
        Code::kSuspicious, path,
        fmt::format("\"{0}\" in shadow has no effect: there is no {0}", to_string(policy)),
        fmt::format("add {}, or remove it from shadow", to_string(policy)));
  }
}

void lint_replay_buffers(const Level& level, const ReplayBuffers& buffers, Checker& checker) {
  const auto& retry = level.policies.retry;
  if (!retry || retry->max_attempts == 1) return;
  const ByteCount room = buffers.memory + std::min(buffers.disk, ~ByteCount{0} - buffers.memory);
  const std::string path = level.path + ".retry.buffer";
  const bool written = checker.wrote(path);
  if (retry->buffer <= room || (level.inherits() && !written)) return;
  if (!written && !checker.wrote_below("server.overload.replay_buffers")) return;
  checker.warning(
      Code::kSuspicious, written ? path : "server.overload.replay_buffers",
      fmt::format("no request of retry.buffer ({}) can be kept: replay_buffers hold {}",
                  print_size(retry->buffer), print_size(room)),
      fmt::format("make retry.buffer at most {}, or replay_buffers larger", print_size(room)));
}

}  // namespace outrigger::config
