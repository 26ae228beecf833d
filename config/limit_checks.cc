#include "config/limit_checks.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "config/units.h"

namespace outrigger::config {
namespace {

void check_keys(const std::vector<LimitKey>& key, const std::string& path, Checker& checker) {
  auto keys = key;
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) == keys.end()) return;
  checker.warning(Code::kSuspicious, path + ".key", "a key is named twice", "remove one");
}

void check_queue(const LimitQueue& queue, const Policies& policies, const std::string& path,
                 std::string_view block, Checker& checker) {
  const std::string wait = path + ".queue.wait";
  if (policies.deadline && queue.wait > *policies.deadline && checker.wrote(wait)) {
    checker.warning(
        Code::kSuspicious, wait,
        fmt::format("{}.queue.wait ({}) is never reached: the deadline ({}) comes "
                    "before it",
                    block, print_duration(queue.wait), print_duration(*policies.deadline)),
        "make it shorter than deadline");
  }
  if (queue.size == 0 && checker.wrote(wait)) {
    checker.warning(Code::kSuspicious, wait, "queue.wait has no effect: with size 0 nobody waits",
                    "remove it, or give queue.size");
  }
  if (queue.size > 0 && queue.wait == Duration{0} && checker.wrote(path + ".queue.size")) {
    checker.warning(Code::kSuspicious, path + ".queue.size",
                    "queue.size has no effect: with wait 0s nobody waits",
                    "remove it, or give queue.wait");
  }
}

void check_waits(const RateLimit& policy, const std::string& path, Checker& checker) {
  if (!policy.requests || policy.queue.size == 0) return;
  const Duration each = policy.requests->per / static_cast<std::int64_t>(policy.requests->events);
  if (each <= policy.queue.wait) return;
  checker.warning(
      Code::kSuspicious, path + ".requests",
      fmt::format("nobody waits: the next request may go after {}, which is longer than "
                  "queue.wait ({})",
                  print_duration(each), print_duration(policy.queue.wait)),
      "make queue.wait longer, or write queue: {size: 0}");
}

void check_rate_limit(const Policies& policies, const std::string& path, Checker& checker) {
  const RateLimit& policy = *policies.rate_limit;
  if (!policy.requests && !policy.tokens && !policy.learn) {
    checker.error(Code::kInconsistent, path,
                  "rate_limit has no effect: it has no rate, and learns none",
                  "give requests or tokens, let it learn, or write rate_limit: none");
  }
  check_waits(policy, path, checker);
  if (!policy.requests && !policy.tokens && checker.wrote(path + ".burst")) {
    checker.warning(Code::kSuspicious, path + ".burst",
                    "burst has no effect: of rates that are learnt all that the provider has may "
                    "be used at once",
                    "give requests or tokens, or remove it");
  }
  check_keys(policy.key, path, checker);
  check_queue(policy.queue, policies, path, "rate_limit", checker);
}

// At the value that was written, else where the other one was.
void check_order(std::string_view less, std::uint32_t low, std::string_view more,
                 std::uint32_t high, const std::string& path, Checker& checker) {
  if (low <= high) return;
  const std::string at_less = fmt::format("{}.{}", path, less);
  const bool wrote_less = checker.has(at_less);
  checker.error(Code::kInconsistent, wrote_less ? at_less : fmt::format("{}.{}", path, more),
                fmt::format("concurrency.{} ({}) is more than {} ({})", less, low, more, high),
                fmt::format("make {} at least {}, or {} at most {}", more, low, less, high));
}

void check_concurrency(const Policies& policies, const std::string& path, Checker& checker) {
  const Concurrency& policy = *policies.concurrency;
  check_order("min", policy.min, "start", policy.start, path, checker);
  check_order("start", policy.start, "max", policy.max, path, checker);
  const bool fixed = policy.min == policy.max;
  if (!fixed && (policy.signal.empty() || policy.decrease >= 1)) {
    const bool at_signal = policy.signal.empty();
    checker.warning(Code::kSuspicious, path + (at_signal ? ".signal" : ".decrease"),
                    "nothing lowers the limit: it only grows up to max",
                    "set min, start and max to one number for a fixed limit");
  }
  for (const Verdict verdict : {Verdict::kOk, Verdict::kCancelled}) {
    if (!policy.signal.contains(verdict)) continue;
    checker.error(Code::kVerdict, path + ".signal",
                  fmt::format("\"{}\" does not say that there were too many", to_string(verdict)),
                  "remove it from the list");
  }
  check_keys(policy.key, path, checker);
  check_queue(policy.queue, policies, path, "concurrency", checker);
}

}  // namespace

void check_limits(const Policies& policies, const std::string& path, Checker& checker) {
  if (policies.rate_limit) check_rate_limit(policies, path + ".rate_limit", checker);
  if (policies.concurrency) check_concurrency(policies, path + ".concurrency", checker);
}

}  // namespace outrigger::config
