#include "filters/circuit_breaker/upstream_breakers.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

namespace outrigger::filters {
namespace {

bool refuses_all(BreakerState state) noexcept {
  return state == BreakerState::kOpen || state == BreakerState::kForcedOpen;
}

}  // namespace

std::size_t UpstreamBreakers::KeyHash::operator()(const KeyView& key) const noexcept {
  std::size_t hash = std::hash<std::string_view>()(key.model);
  hash = (hash ^ key.credential) * 0x9e3779b97f4a7c15;
  if (!key.endpoint.empty()) hash ^= std::hash<std::string_view>()(key.endpoint) * 31;
  return hash ^ hash >> 32;
}

UpstreamBreakers::UpstreamBreakers(Setup setup, TimePoint now)
    : upstream_(std::move(setup.upstream)),
      route_(std::move(setup.route)),
      seed_(setup.seed),
      listener_(setup.listener),
      policy_(std::move(setup.policy)),
      host_(*this, BreakerKind::kHost, {}, policy_, seed_ + 1, now),
      whole_(*this, BreakerKind::kUpstream, {}, policy_, seed_ + 2, now),
      overflow_(*this, BreakerKind::kOverflow, {}, policy_, seed_ + 3, now),
      keys_(setup.keys) {}

BreakerPolicy UpstreamBreakers::policy() {
  const std::scoped_lock lock(mutex_);
  return policy_;
}

template <class Use>
auto UpstreamBreakers::with(KeyView key, TimePoint now, Use use) {
  key.model = key.model.substr(0, kLongestModel);
  const auto make = [&](auto& entries, std::size_t hash) {
    entries.emplace_front(*this, key, policy(), seed_ ^ hash, now);
  };
  return keys_.with(key, now, make, [&](Entry* entry) {
    if (entry == nullptr) return use(overflow_);
    entry->asked = now;
    return use(entry->breaker);
  });
}

std::expected<Permit, Refused> UpstreamBreakers::ask(const KeyView& key, TimePoint now) {
  Pinned breaker;
  const std::optional<Permit> permit = with(key, now, [&](SharedBreaker& found) {
    std::optional<Permit> quiet = found.ask_quietly();
    if (!quiet) breaker = Pinned(found);
    return quiet;
  });
  if (permit) return *permit;
  return breaker->ask(now);
}

Pinned UpstreamBreakers::of(const KeyView& key, TimePoint now) {
  return with(key, now, [](SharedBreaker& found) { return Pinned(found); });
}

bool UpstreamBreakers::Entry::may_go(TimePoint now) const noexcept {
  if (breaker.permits_out() != 0 || breaker.pins() != 0) return false;
  return breaker.quiet() ||
         (breaker.state() == BreakerState::kHalfOpen && now - asked >= kForgetAfter);
}

std::optional<Duration> UpstreamBreakers::opened_by_keys(TimePoint now) const noexcept {
  const TimePoint until{Duration{open_until_.load(std::memory_order_relaxed)}};
  return now < until ? std::optional(until - now) : std::nullopt;
}

// The upstream is open until fewer than upstream_opens_at different models are: until the time that
// the n-th latest of them ends. Under mutex_.
void UpstreamBreakers::derive() {
  open_until_.store(0, std::memory_order_relaxed);
  if (!policy_->upstream_opens_at || open_keys_.size() < *policy_->upstream_opens_at) return;
  const bool by_model = keyed_by(*policy_, config::BreakerKey::kModel);
  std::unordered_map<std::string_view, TimePoint> models;
  std::vector<TimePoint> ends;
  for (const OpenKey& key : open_keys_) {
    if (by_model) {
      TimePoint& end = models[key.breaker->key().model];
      end = std::max(end, key.until);
    } else {
      ends.push_back(key.until);
    }
  }
  for (const auto& [model, end] : models) ends.push_back(end);
  const std::size_t n = std::max<std::size_t>(*policy_->upstream_opens_at, 1);
  if (ends.size() < n) return;
  std::ranges::nth_element(ends, ends.begin() + static_cast<std::ptrdiff_t>(n - 1),
                           std::ranges::greater());
  open_until_.store(ends[n - 1].since_start.count(), std::memory_order_relaxed);
}

void UpstreamBreakers::note(const SharedBreaker& breaker, const BreakerChange& change,
                            TimePoint now, std::optional<Duration> wait) {
  const std::scoped_lock lock(mutex_);
  if (change.from != change.to) {
    ++transitions_[static_cast<std::size_t>(change.from)][static_cast<std::size_t>(change.to)];
  }
  if (refuses_all(change.from) && --shut_ == 0) {
    shut_time_ += std::max(now - shut_since_, Duration{0});
  }
  if (refuses_all(change.to) && ++shut_ == 1) shut_since_ = now;
  if (breaker.kind() != BreakerKind::kKey) return;
  std::erase_if(open_keys_, [&](const OpenKey& key) { return key.breaker == &breaker; });
  if (change.to == BreakerState::kOpen && wait) open_keys_.push_back({&breaker, now + *wait});
  derive();
}

void UpstreamBreakers::tell(const SharedBreaker& breaker, const BreakerChange& change,
                            std::optional<Duration> wait) const {
  if (!listener_ || change.from == change.to) return;
  listener_({.upstream = upstream_,
             .route = route_,
             .kind = breaker.kind(),
             .key = breaker.key(),
             .change = change,
             .wait = change.to == BreakerState::kOpen ? wait : std::nullopt});
}

std::vector<Pinned> UpstreamBreakers::all() {
  std::vector<Pinned> pinned;
  pinned.emplace_back(host_);
  pinned.emplace_back(whole_);
  pinned.emplace_back(overflow_);
  keys_.each([&](Entry& entry) { pinned.emplace_back(entry.breaker); });
  return pinned;
}

std::size_t UpstreamBreakers::keys() {
  return keys_.size();
}

void UpstreamBreakers::adopt(const BreakerPolicy& policy, TimePoint now) {
  {
    const std::scoped_lock lock(mutex_);
    if (*policy_ == *policy) return;
    policy_ = policy;
    derive();
  }
  for (const Pinned& breaker : all()) breaker->adopt(policy, now);
}

// The host's breaker stands before every call.
void UpstreamBreakers::force_open(TimePoint now, std::optional<Duration> length) {
  host_.force_open(now, length);
}

void UpstreamBreakers::force_close(TimePoint now) {
  disabled_.store(true, std::memory_order_relaxed);  // for keys to come
  for (const Pinned& breaker : all()) breaker->force_close(now);
}

void UpstreamBreakers::release(TimePoint now) {
  disabled_.store(false, std::memory_order_relaxed);
  for (const Pinned& breaker : all()) breaker->release(now);
}

void UpstreamBreakers::reset(TimePoint now) {
  disabled_.store(false, std::memory_order_relaxed);
  for (const Pinned& breaker : all()) breaker->reset(now);
}

void UpstreamBreakers::tick(TimePoint now) {
  for (const Pinned& breaker : all()) breaker->advance(now);
  keys_.erase_if([&](const Entry& entry) { return !entry.breaker.quiet() && entry.may_go(now); });
}

UpstreamBreakers::Counts UpstreamBreakers::counts(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  Counts counts{.transitions = transitions_, .open = shut_time_};
  if (shut_ > 0) counts.open += std::max(now - shut_since_, Duration{0});
  return counts;
}

}  // namespace outrigger::filters
