#include "config/cache_checks.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "config/units.h"

namespace outrigger::config {
namespace {

// The blocks of one level, and where it wrote them.
struct Here {
  const Level& level;
  const Cache& cache;
  std::string path;  // of `cache`
  Checker& checker;

  [[nodiscard]] std::string at(std::string_view key) const {
    return fmt::format("{}.{}", path, key);
  }
  [[nodiscard]] bool wrote(std::string_view key) const { return checker.wrote_below(at(key)); }
  void warn(std::string_view key, std::string message, std::string hint) const {
    checker.warning(Code::kSuspicious, at(key), std::move(message), std::move(hint));
  }
};

void check_owner(const Here& here) {
  const bool by_header = here.cache.owner == KeyOwner::kHeader;
  if (by_header && here.cache.owner_header.empty() && here.level.whole) {
    here.checker.error(Code::kMissingKey, here.at("owner"), "owner: header does not say which",
                       "add owner_header: X-Agent-Id");
  }
  if (!by_header && here.wrote("owner_header")) {
    here.warn("owner_header", "owner_header has no effect without owner: header",
              "write owner: header");
  }
}

// With keys of the proxy's own all callers are one for the upstream.
bool callers_bring_credentials(const Policies& policies) {
  const auto& keys = policies.credentials;
  return !keys || (keys->keys.empty() && !keys->aws) || keys->keep_client;
}

void check_anyone(const Here& here) {
  if (here.cache.owner != KeyOwner::kAnyone || !here.wrote("owner")) return;
  if (!callers_bring_credentials(here.level.policies)) return;
  here.warn("owner", "owner: anyone gives what one caller's credential may see to all callers",
            "write owner: credential, or let the proxy hold the keys (credentials)");
}

bool may_keep_posts(const Policies& policies, const Route*) {
  return policies.cache && policies.cache->ttl && policies.replay == Replay::kSafe;
}

void check_ttl(const Here& here) {
  if (!here.cache.ttl && !here.cache.http) {
    here.warn(here.wrote("http") ? "http" : "ttl", "nothing is kept: ttl and http are both none",
              "write cache: none");
    return;
  }
  if (!here.cache.ttl) {
    for (const std::string_view key :
         {"stale", "if", "ignore", "headers", "tool_calls", "streams", "samples"}) {
      if (!here.wrote(key)) continue;
      here.warn(key,
                fmt::format("{} has no effect: it is for answers to POST, and ttl is none", key),
                "set ttl, or remove it");
    }
    return;
  }
  if (!here.wrote("ttl") || some_route(here.level, may_keep_posts)) return;
  here.warn("ttl",
            "ttl has no effect: it is for answers to POST, of which only those with replay: safe "
            "are kept",
            "write replay: safe where a POST changes nothing; http: {heuristic: 10m} is for GET");
}

bool is_frozen(const JsonMatch& match) {
  return match.pointer.ends_with("/temperature") && match.test == JsonMatch::Test::kEquals &&
         parse_decimal(match.text) == 0.0;
}

void check_samples(const Here& here) {
  if (here.cache.samples == 1 || std::ranges::none_of(here.cache.if_json, is_frozen)) return;
  if (!here.wrote("samples") && !here.wrote("if")) return;
  here.warn(here.wrote("samples") ? "samples" : "if",
            fmt::format("{} answers are paid for that hardly differ: `if` asks for temperature 0",
                        here.cache.samples),
            "remove samples, or the temperature from `if`");
}

// What an answer hangs on, in the dialects of all providers.
constexpr std::array<std::string_view, 12> kSubstance = {"/messages",
                                                         "/input",
                                                         "/prompt",
                                                         "/contents",
                                                         "/model",
                                                         "/system",
                                                         "/message",
                                                         "/query",
                                                         "/instructions",
                                                         "/tools",
                                                         "/systemInstruction",
                                                         "/documents"};

void check_ignore(const Here& here) {
  for (std::size_t i = 0; i < here.cache.ignore.size(); ++i) {
    const std::string& pointer = here.cache.ignore[i];
    if (std::ranges::find(kSubstance, pointer) == kSubstance.end() || !here.wrote("ignore"))
      continue;
    here.warn("ignore", fmt::format("requests with different {} would get one answer", pointer),
              "ignore what says nothing of the answer only");
  }
}

}  // namespace

void check_cache(const Level& level, Checker& checker) {
  if (!level.policies.cache) return;
  const Here here{level, *level.policies.cache, level.path + ".cache", checker};
  check_owner(here);
  check_anyone(here);
  check_ttl(here);
  check_samples(here);
  check_ignore(here);
}

void check_cache_room(const Level& level, const CacheStore& store, Checker& checker) {
  if (!level.policies.cache) return;
  const Cache& cache = *level.policies.cache;
  const std::string path = level.path + ".cache.max_answer";
  const ByteCount room = std::max(store.memory, store.disk.value_or(0));
  if (cache.max_answer <= room || !(checker.wrote(path) || !level.inherits())) return;
  checker.warning(
      Code::kSuspicious, checker.wrote(path) ? path : "store.cache",
      fmt::format("no answer of cache.max_answer ({}) can be kept: store.cache holds {}",
                  print_size(cache.max_answer), print_size(room)),
      fmt::format("make max_answer at most {}, or store.cache larger", print_size(room)));
}

}  // namespace outrigger::config
