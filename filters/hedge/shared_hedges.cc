#include "filters/hedge/shared_hedges.h"

#include <algorithm>

namespace outrigger::filters {

std::optional<Duration> SharedHedge::begin(const config::Hedge& policy, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  balance_ = std::min(balance_ + policy.budget, kMost);
  if (policy.after) return policy.after;
  const std::optional<Duration> late = window_.quantile(policy.quantile, now);
  if (!late) return std::nullopt;
  return std::max(*late, policy.min);
}

bool SharedHedge::spend() {
  const std::scoped_lock lock(mutex_);
  // Parts that add up to one are not quite one in binary.
  if (balance_ < 1 - 1e-9) return false;
  balance_ -= 1;
  return true;
}

void SharedHedge::learn(Duration latency, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  window_.add(latency, now);
}

SharedHedge& SharedHedges::of(const std::string& route, std::string_view model) {
  const std::scoped_lock lock(mutex_);
  auto& models = routes_[route];
  auto found = models.find(model);
  if (found == models.end() && models.size() >= kMostModels) found = models.find("");
  if (found == models.end()) {
    const std::string name(models.size() + 1 < kMostModels ? model : std::string_view());
    found = models.emplace(name, std::make_unique<SharedHedge>()).first;
  }
  return *found->second;
}

}  // namespace outrigger::filters
