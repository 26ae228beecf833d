#include "proxy/admin/cache_pages.h"

#include <expected>
#include <string>
#include <utility>

#include "proxy/admin/answers.h"
#include "proxy/admin/purge_order.h"
#include "proxy/base/json_writer.h"

namespace outrigger::admin {
namespace {

void write_tier(JsonWriter& json, std::string_view name, const filters::TierFigures& tier,
                std::uint64_t limit) {
  json.key(name);
  json.begin_object();
  json.member("entries", tier.entries);
  json.member("bytes", tier.bytes);
  json.member("max_bytes", limit);
  json.member("hits", tier.hits);
  json.member("misses", tier.misses);
  json.key("evictions");
  json.begin_object();
  json.member("full", tier.full);
  json.member("expired", tier.expired);
  json.end_object();
  json.end_object();
}

http::Response show(const CacheState& state) {
  const filters::CacheFigures& figures = state.figures;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_tier(json, "memory", figures.memory, state.memory_limit);
  write_tier(json, "disk", figures.disk, state.disk_limit);
  json.member("disk_serves", figures.disk_serves);
  json.member("purged", figures.purged);
  json.member("dropped", figures.dropped);
  json.member("begun_anew", figures.begun_anew);
  json.member("waiting", figures.waiting);
  json.member("waiting_bytes", figures.waiting_bytes);
  json.end_object();
  return json_answer(text);
}

std::expected<PurgeMode, std::string> mode_of(const Query& query) {
  const std::string_view word = query.get("dry_run").value_or("false");
  if (word == "true") return PurgeMode::kCount;
  if (word == "false") return PurgeMode::kPurge;
  return std::unexpected("The parameter dry_run is true or false.");
}

http::Response purged(std::uint64_t count, PurgeMode mode) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("purged", count);
  if (mode == PurgeMode::kCount) json.member("dry_run", true);
  json.end_object();
  return json_answer(text);
}

http::Response purge(CacheAdmin& cache, Logger& log, std::int64_t now_us, const Call& call) {
  const auto mode = mode_of(call.query);
  if (!mode) return problem_answer("admin_bad_request", mode.error());
  const auto order = read_purge_order(call.body, now_us);
  if (!order) return problem_answer("admin_bad_request", order.error());
  const Result<std::uint64_t> count = cache.purge(*order, *mode);
  if (*mode == PurgeMode::kPurge && count) {
    log.info("admin", "purged the cache",
             {{"what", describe(*order)}, {"by", call.peer}, {"purged", *count}});
  } else if (*mode == PurgeMode::kPurge) {
    log.error(
        "admin", "the cache was not purged, or not wholly",
        {{"what", describe(*order)}, {"by", call.peer}, {"why", count.error().detail.view()}});
  }
  return count ? purged(*count, *mode) : problem_answer(count.error());
}

}  // namespace

std::vector<Route> cache_routes(CacheAdmin& cache, Logger& log, WallClock::Read clock) {
  return {
      {http::Method::kGet,
       "/api/v1/cache",
       {},
       [&cache](const Call&) { return show(cache.state()); }},
      {http::Method::kPost,
       "/api/v1/cache/purge",
       {"dry_run"},
       [&cache, &log, clock](const Call& call) { return purge(cache, log, clock(), call); }},
  };
}

}  // namespace outrigger::admin
