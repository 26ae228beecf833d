#include "config/fallback_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/suggest.h"
#include "config/units.h"
#include "config/words.h"

namespace outrigger::config {
namespace {

const Upstream* find_upstream(const std::vector<Upstream>& upstreams, const std::string& name) {
  const auto found = std::ranges::find(upstreams, name, &Upstream::name);
  return found == upstreams.end() ? nullptr : &*found;
}

void refuse_unknown(const Fallback& fallback, const std::string& path,
                    const std::vector<Upstream>& upstreams, Checker& checker) {
  std::vector<std::string_view> known;
  for (const Upstream& upstream : upstreams) known.push_back(upstream.name);
  const std::string_view near = nearest(fallback.upstream, known);
  checker.error(
      Code::kUnknownUpstream, path + ".upstream",
      fmt::format("there is no upstream \"{}\"", fallback.upstream),
      near.empty() ? "name one of `upstreams`" : fmt::format("did you mean \"{}\"?", near));
}

bool asks_nobody(const Fallback& fallback) {
  return fallback.answer || fallback.stale;
}

void check_conflicts(const Fallback& fallback, const std::string& path, Checker& checker) {
  if (!fallback.model.empty() && !fallback.map_model.empty()) {
    checker.error(Code::kConflict, path + ".map_model", "model and map_model both choose the model",
                  "keep one of them");
  }
  if (!asks_nobody(fallback)) return;
  const std::string_view instead = fallback.answer ? "answer" : "stale";
  const std::pair<bool, std::string_view> others[] = {{fallback.answer && fallback.stale, "stale"},
                                                      {!fallback.upstream.empty(), "upstream"},
                                                      {!fallback.model.empty(), "model"},
                                                      {!fallback.map_model.empty(), "map_model"},
                                                      {!fallback.path.empty(), "path"},
                                                      {!fallback.set.empty(), "set"}};
  for (const auto& [there, name] : others) {
    if (!there) continue;
    checker.error(Code::kConflict, fmt::format("{}.{}", path, name),
                  fmt::format("with {} nobody is asked: {} has no meaning", instead, name),
                  "keep one of them");
  }
}

bool differs(const Fallback& fallback, const Upstream& from) {
  return (!fallback.upstream.empty() && fallback.upstream != from.name) ||
         !fallback.model.empty() || !fallback.map_model.empty() || !fallback.path.empty() ||
         !fallback.set.empty() || asks_nobody(fallback);
}

bool speaks_for_itself(Dialect dialect) {
  return has_streams(dialect) && dialect != Dialect::kAuto;
}

void check_dialect(const Level& level, const Upstream& to, const std::string& path,
                   Checker& checker) {
  const Dialect ours = level.policies.dialect;
  const Dialect theirs = to.policies.dialect;
  if (!speaks_for_itself(ours) || !speaks_for_itself(theirs) || ours == theirs) return;
  checker.warning(Code::kSuspicious, path + ".upstream",
                  fmt::format("\"{}\" speaks {}, this upstream {}: bodies are not translated",
                              to.name, to_string(theirs), to_string(ours)),
                  fmt::format("choose an upstream with dialect: {}", to_string(ours)));
}

bool covers(const Fallback& wide, const Fallback& narrow) {
  return std::ranges::all_of(
      narrow.on, [&](FallbackOn on) { return std::ranges::find(wide.on, on) != wide.on.end(); });
}

// Where there is no stored answer that is older at most so much, there is none that is less.
bool finds_as_much(const Fallback& wide, const Fallback& narrow) {
  return wide.stale && narrow.stale && *wide.stale >= *narrow.stale;
}

// A fixed answer never fails, so nothing comes behind it.
void check_reached(const Level& level, std::size_t i, const std::string& path, Checker& checker) {
  const std::vector<Fallback>& all = level.policies.fallback;
  for (std::size_t before = 0; before < i; ++before) {
    const bool finds = finds_as_much(all[before], all[i]);
    if ((!all[before].answer && !finds) || !covers(all[before], all[i])) continue;
    checker.error(Code::kUnreachableFallback, path,
                  fmt::format("fallback[{}] is never taken: fallback[{}] {} whenever it would be",
                              i, before, finds ? "finds the same" : "answers"),
                  fmt::format("move it before fallback[{}], or narrow the `if` of that", before));
    return;
  }
}

// The routes below count, which inherit the list.
bool keeps_answers(const Level& level) {
  return some_route(
      level, [](const Policies& policies, const Route*) { return policies.cache.has_value(); });
}

void check_stale(const Level& level, Duration stale, const std::string& path, Checker& checker) {
  if (!keeps_answers(level)) {
    checker.error(Code::kConflict, path,
                  "nothing is stored that could be out of date: there is no cache",
                  "add cache: {ttl: 10m, stale: 24h}, or remove the entry");
    return;
  }
  const auto& cache = level.policies.cache;
  if (!cache || !cache->ttl || cache->stale >= stale || level.policies.replay != Replay::kSafe)
    return;
  checker.warning(Code::kSuspicious, path,
                  fmt::format("no answer to a POST is kept that long: stale is {}, cache.stale {}",
                              print_duration(stale), print_duration(cache->stale)),
                  fmt::format("write cache: {{stale: {}}}", print_duration(stale)));
}

}  // namespace

void check_fallbacks(const Level& level, const std::vector<Upstream>& upstreams, Checker& checker) {
  for (std::size_t i = 0; i < level.policies.fallback.size(); ++i) {
    const Fallback& fallback = level.policies.fallback[i];
    const std::string path = fmt::format("{}.fallback[{}]", level.path, i);
    check_conflicts(fallback, path, checker);
    check_reached(level, i, path, checker);
    if (!differs(fallback, level.upstream) && level.whole) {
      checker.error(
          Code::kInconsistent, path, "the same request would go to the same upstream",
          "add another upstream, model, map_model, path, set, answer or stale; retry repeats");
    }
    if (fallback.stale) check_stale(level, *fallback.stale, path + ".stale", checker);
    if (fallback.upstream.empty() || asks_nobody(fallback)) continue;
    const Upstream* to = find_upstream(upstreams, fallback.upstream);
    if (to == nullptr) {
      refuse_unknown(fallback, path, upstreams, checker);
    } else {
      check_dialect(level, *to, path, checker);
    }
  }
}

}  // namespace outrigger::config
