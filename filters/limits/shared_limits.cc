#include "filters/limits/shared_limits.h"

#include <string>

#include "filters/route_policies.h"

namespace outrigger::filters {

std::shared_ptr<UpstreamLimits> SharedLimits::of(const config::Upstream& upstream,
                                                 const config::Route* route, LimitKind kind,
                                                 TimePoint now) {
  const config::Policies& policies = policies_of(upstream, route);
  const std::string_view owner = kind == LimitKind::kRate
                                     ? owner_of(upstream, route, &config::Policies::rate_limit)
                                     : owner_of(upstream, route, &config::Policies::concurrency);
  std::shared_ptr<UpstreamLimits> found;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& known : upstreams_) {
      const bool same = known->upstream() == upstream.name && known->route() == owner;
      if (same && known->kind() == kind) found = known;
    }
    if (found == nullptr) {
      if (upstreams_.size() >= kMostUpstreams) {
        // Names that reloads took away are kept, because they may come back, while they are few.
        std::erase_if(upstreams_, [](const auto& known) { return known.use_count() == 1; });
      }
      found = std::make_shared<UpstreamLimits>(
          UpstreamLimits::Setup{
              .upstream = upstream.name, .route = std::string(owner), .kind = kind, .keys = keys_},
          policies);
      upstreams_.push_back(found);
    }
  }
  found->adopt(policies, now);
  return found;
}

std::vector<std::shared_ptr<UpstreamLimits>> SharedLimits::all() const {
  std::vector<std::shared_ptr<UpstreamLimits>> used;
  const std::scoped_lock lock(mutex_);
  for (const auto& known : upstreams_) {
    if (known.use_count() > 1) used.push_back(known);
  }
  return used;
}

}  // namespace outrigger::filters
