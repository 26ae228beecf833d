#include "filters/cache/reuse.h"

#include <algorithm>
#include <optional>

#include "filters/cache/freshness.h"

namespace outrigger::filters {
namespace {

bool covers(const std::optional<Duration>& window, Duration stale_for) noexcept {
  return window && stale_for <= *window;
}

Reuse choose(const PageFacts& facts, const RequestDirectives& request,
             std::int64_t now_us) noexcept {
  if (facts.always_validate || request.no_cache) return Reuse::kValidate;
  if (request.max_age && current_age(facts, now_us) > *request.max_age) return Reuse::kValidate;
  const Duration ttl = time_to_live(facts, now_us);
  if (ttl > 0s && ttl >= request.min_fresh.value_or(0s)) return Reuse::kFresh;
  // Stale by the answer's own rules, not only too short for the client's.
  const bool may_be_stale = ttl <= 0s && !facts.must_revalidate && !request.min_fresh;
  if (may_be_stale && covers(request.max_stale, -ttl)) return Reuse::kStale;
  if (may_be_stale && covers(facts.while_revalidate, -ttl)) return Reuse::kStaleWhileRevalidate;
  return Reuse::kValidate;
}

}  // namespace

Duration current_age(const PageFacts& facts, std::int64_t now_us) noexcept {
  const Duration resident = std::max<Duration>(span_between(facts.received_us, now_us), 0s);
  return std::max<Duration>(facts.age_then, 0s) + resident;
}

Duration time_to_live(const PageFacts& facts, std::int64_t now_us) noexcept {
  return facts.lifetime - current_age(facts, now_us);
}

Reuse decide_reuse(const PageFacts& facts, const RequestDirectives& request,
                   std::int64_t now_us) noexcept {
  const Reuse reuse = choose(facts, request, now_us);
  return reuse == Reuse::kValidate && request.only_if_cached ? Reuse::kGatewayTimeout : reuse;
}

bool may_serve_on_error(const PageFacts& facts, const RequestDirectives& request,
                        std::int64_t now_us) noexcept {
  if (facts.always_validate || facts.must_revalidate || request.no_cache) return false;
  const std::optional<Duration>& window = request.if_error ? request.if_error : facts.if_error;
  return covers(window, -time_to_live(facts, now_us));
}

}  // namespace outrigger::filters
