#include "proxy/mock/rate_limit.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "proxy/mock/identity.h"

namespace outrigger::mock {
namespace {

std::int64_t whole_seconds(Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

Fields anthropic_fields(const RateState& state, std::int64_t now) {
  return {{"anthropic-ratelimit-requests-limit", std::to_string(state.limit)},
          {"anthropic-ratelimit-requests-remaining", std::to_string(state.remaining)},
          {"anthropic-ratelimit-requests-reset", rfc3339(now + whole_seconds(state.until_full))}};
}

Fields openai_fields(const RateState& state) {
  return {{"x-ratelimit-limit-requests", std::to_string(state.limit)},
          {"x-ratelimit-remaining-requests", std::to_string(state.remaining)},
          {"x-ratelimit-reset-requests", go_duration(state.until_full)}};
}

Fields epoch_fields(const RateState& state, std::int64_t now) {
  return {{"x-ratelimit-limit", std::to_string(state.limit)},
          {"x-ratelimit-remaining", std::to_string(state.remaining)},
          {"x-ratelimit-reset", std::to_string(now + whole_seconds(state.until_next))}};
}

Fields hubspot_fields(const RateState& state) {
  return {{"x-hubspot-ratelimit-max", std::to_string(state.limit)},
          {"x-hubspot-ratelimit-remaining", std::to_string(state.remaining)},
          {"x-hubspot-ratelimit-interval-milliseconds", "10000"}};
}

}  // namespace

RateState RateLimits::take(std::string_view key, const config::Rate& rate, TimePoint now) {
  if (buckets_.size() >= kMostKeys) {
    std::erase_if(buckets_, [now](const auto& bucket) { return bucket.second <= now; });
    if (buckets_.size() >= kMostKeys) buckets_.clear();
  }
  const Duration each = rate.per / static_cast<std::int64_t>(rate.events);
  TimePoint& full_at = buckets_[std::string(key)];
  const Duration missing = std::max(full_at - now, Duration{0});
  RateState state;
  state.limit = rate.events;
  state.allowed = missing + each <= rate.per;
  const Duration then = state.allowed ? missing + each : missing;
  full_at = now + then;
  state.remaining = static_cast<std::uint64_t>((rate.per - then) / each);
  state.until_full = then;
  state.until_next = std::max(then + each - rate.per, Duration{0});
  return state;
}

Fields rate_fields(Dialect dialect, const RateState& state, std::int64_t wall_seconds) {
  switch (dialect) {
    case Dialect::kAnthropic:
      return anthropic_fields(state, wall_seconds);
    case Dialect::kGitHub:
    case Dialect::kCohere:
      return epoch_fields(state, wall_seconds);
    case Dialect::kHubSpot:
      return hubspot_fields(state);
    case Dialect::kGemini:
    case Dialect::kBedrockConverse:
    case Dialect::kBedrockInvoke:
    case Dialect::kStripe:
    case Dialect::kSlack:
    case Dialect::kSalesforce:
    case Dialect::kOllama:
      return {};
    default:
      return openai_fields(state);
  }
}

std::string go_duration(Duration duration) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const auto ms = duration_cast<milliseconds>(duration).count();
  if (ms < 1000) return fmt::format("{}ms", ms);
  const auto seconds = static_cast<double>(ms % 60'000) / 1000;
  if (ms < 60'000) return fmt::format("{}s", seconds);
  if (ms < 3'600'000) return fmt::format("{}m{}s", ms / 60'000, seconds);
  return fmt::format("{}h{}m{}s", ms / 3'600'000, ms / 60'000 % 60, seconds);
}

}  // namespace outrigger::mock
