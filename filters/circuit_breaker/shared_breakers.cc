#include "filters/circuit_breaker/shared_breakers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace outrigger::filters {

std::shared_ptr<UpstreamBreakers> SharedBreakers::of(std::string_view upstream,
                                                     std::string_view route,
                                                     const config::CircuitBreaker& policy,
                                                     TimePoint now) {
  const auto own = std::make_shared<const config::CircuitBreaker>(policy);
  std::shared_ptr<UpstreamBreakers> found;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& known : upstreams_) {
      if (known->upstream() == upstream && known->route() == route) found = known;
    }
    if (found == nullptr) {
      forget_unused();
      const std::uint64_t seed =
          setup_.seed ^ std::hash<std::string_view>()(upstream) ^ upstreams_.size() << 32;
      found = std::make_shared<UpstreamBreakers>(
          UpstreamBreakers::Setup{.upstream = std::string(upstream),
                                  .route = std::string(route),
                                  .policy = own,
                                  .keys = setup_.keys_per_upstream,
                                  .seed = seed,
                                  .listener = setup_.listener},
          now);
      upstreams_.push_back(found);
    }
  }
  found->adopt(own, now);
  return found;
}

// Names that reloads took away are kept, because they may come back, as long as they are few.
void SharedBreakers::forget_unused() {
  if (upstreams_.size() < kMostUpstreams) return;
  std::erase_if(upstreams_, [](const auto& known) { return known.use_count() == 1; });
}

std::vector<std::shared_ptr<UpstreamBreakers>> SharedBreakers::all() const {
  std::vector<std::shared_ptr<UpstreamBreakers>> used;
  const std::scoped_lock lock(mutex_);
  for (const auto& known : upstreams_) {
    if (known.use_count() > 1) used.push_back(known);
  }
  return used;
}

bool SharedBreakers::each_of(std::string_view upstream,
                             const std::function<void(UpstreamBreakers&)>& act) const {
  bool any = false;
  for (const auto& known : all()) {
    if (known->upstream() != upstream) continue;
    act(*known);
    any = true;
  }
  return any;
}

bool SharedBreakers::force_open(std::string_view upstream, TimePoint now,
                                std::optional<Duration> length) {
  return each_of(upstream, [&](UpstreamBreakers& it) { it.force_open(now, length); });
}
bool SharedBreakers::force_close(std::string_view upstream, TimePoint now) {
  return each_of(upstream, [&](UpstreamBreakers& it) { it.force_close(now); });
}
bool SharedBreakers::release(std::string_view upstream, TimePoint now) {
  return each_of(upstream, [&](UpstreamBreakers& it) { it.release(now); });
}
bool SharedBreakers::reset(std::string_view upstream, TimePoint now) {
  return each_of(upstream, [&](UpstreamBreakers& it) { it.reset(now); });
}

std::vector<BreakerReport> SharedBreakers::reports(TimePoint now) const {
  std::vector<BreakerReport> reports;
  for (const auto& known : all()) {
    for (const Pinned& breaker : known->all()) {
      const KeyView& key = breaker->key();
      reports.push_back({.upstream = known->upstream(),
                         .route = known->route(),
                         .kind = breaker->kind(),
                         .model = std::string(key.model),
                         .credential = short_hash(key.credential),
                         .endpoint = std::string(key.endpoint),
                         .status = breaker->status(now)});
    }
  }
  return reports;
}

std::string short_hash(std::uint64_t credential) {
  return credential == 0 ? std::string() : fmt::format("{:08x}", credential >> 32);
}

void log_transition(Logger& logger, const Transition& transition) {
  const LogLevel level = transition.change.to == BreakerState::kOpen ||
                                 transition.change.to == BreakerState::kForcedOpen
                             ? LogLevel::kWarn
                             : LogLevel::kInfo;
  if (!logger.enabled(level)) return;
  logger.log(level, "circuit", "circuit breaker changed",
             {{"upstream", transition.upstream},
              {"route", transition.route},
              {"breaker", to_string(transition.kind)},
              {"model", transition.key.model},
              {"key_hash", short_hash(transition.key.credential)},
              {"endpoint", transition.key.endpoint},
              {"from", to_string(transition.change.from)},
              {"to", to_string(transition.change.to)},
              {"because", transition.change.because},
              {"next_probe_ms", transition.wait.value_or(Duration{0})}});
}

}  // namespace outrigger::filters
