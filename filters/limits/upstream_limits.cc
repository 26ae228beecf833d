#include "filters/limits/upstream_limits.h"

#include <algorithm>
#include <functional>

#include "filters/concurrency/aimd.h"
#include "filters/rate_limit/allowances.h"

namespace outrigger::filters {
namespace {

// How many of the oldest keys are looked at for one that may go: what a new key may cost.
constexpr int kLooks = 16;

std::unique_ptr<LimitCore> core_of(LimitKind kind, const config::Policies& policies,
                                   TimePoint now) {
  if (kind == LimitKind::kRate) return std::make_unique<Allowances>(policies, now);
  return std::make_unique<Aimd>(policies, now);
}

}  // namespace

std::size_t UpstreamLimits::KeyHash::operator()(const LimitKeyView& key) const noexcept {
  const std::size_t hash =
      (std::hash<std::string_view>()(key.model) ^ key.credential) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 32;
}

UpstreamLimits::UpstreamLimits(Setup setup, const config::Policies& policies)
    : setup_(std::move(setup)),
      policies_(std::make_shared<const config::Policies>(policies)),
      overflow_({}, core_of(setup_.kind, policies, {}), queue_of(policies)) {
  note_configured(policies);
}

void UpstreamLimits::note(Learnt learnt) noexcept {
  limits_.store(true, std::memory_order_relaxed);
  if (learnt == Learnt::kTokens) tokens_.store(true, std::memory_order_relaxed);
}

// What is limited once stays so: asking is cheap, and a key may still wait.
void UpstreamLimits::note_configured(const config::Policies& policies) noexcept {
  if (setup_.kind == LimitKind::kConcurrency) return note(Learnt::kRequests);
  if (policies.rate_limit->requests) note(Learnt::kRequests);
  if (policies.rate_limit->tokens) note(Learnt::kTokens);
}

const config::LimitQueue& UpstreamLimits::queue_of(
    const config::Policies& policies) const noexcept {
  return setup_.kind == LimitKind::kRate ? policies.rate_limit->queue : policies.concurrency->queue;
}

std::shared_ptr<const config::Policies> UpstreamLimits::policies() {
  const std::scoped_lock lock(mutex_);
  return policies_;
}

PinnedLimit UpstreamLimits::of(const LimitKeyView& key, TimePoint now) {
  Shard& shard = shards_[(KeyHash()(key) >> 8) % kShards];
  const std::scoped_lock lock(shard.mutex);
  return PinnedLimit(find(shard, key, now));
}

SharedLimit& UpstreamLimits::find(Shard& shard, const LimitKeyView& key, TimePoint now) {
  if (const auto known = shard.index.find(key); known != shard.index.end()) {
    shard.recent.splice(shard.recent.begin(), shard.recent, known->second);
    return known->second->limit;
  }
  const std::size_t most = std::max<std::size_t>(setup_.keys / kShards, 1);
  if (shard.index.size() >= most && !make_room(shard, now)) {
    overflowed_.store(true, std::memory_order_relaxed);
    return overflow_;
  }
  const auto policies = this->policies();
  Entry& entry =
      shard.recent.emplace_front(key, core_of(setup_.kind, *policies, now), queue_of(*policies));
  shard.index.emplace(entry.limit.key(), shard.recent.begin());
  return entry.limit;
}

bool UpstreamLimits::make_room(Shard& shard, TimePoint now) {
  auto entry = shard.recent.end();
  for (int looks = 0; looks < kLooks && entry != shard.recent.begin(); ++looks) {
    --entry;
    if (!entry->limit.may_go(now)) continue;
    shard.index.erase(entry->limit.key());
    shard.recent.erase(entry);
    return true;
  }
  return false;
}

std::vector<PinnedLimit> UpstreamLimits::all() {
  std::vector<PinnedLimit> pinned;
  if (overflowed_.load(std::memory_order_relaxed)) pinned.emplace_back(overflow_);
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (Entry& entry : shard.recent) pinned.emplace_back(entry.limit);
  }
  return pinned;
}

std::size_t UpstreamLimits::keys() {
  std::size_t count = 0;
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    count += shard.index.size();
  }
  return count;
}

void UpstreamLimits::adopt(const config::Policies& policies, TimePoint now) {
  const auto own = std::make_shared<const config::Policies>(policies);
  {
    const std::scoped_lock lock(mutex_);
    const bool same = setup_.kind == LimitKind::kRate
                          ? policies_->rate_limit == policies.rate_limit
                          : policies_->concurrency == policies.concurrency;
    if (same) return;
    policies_ = own;
  }
  note_configured(policies);
  overflow_.adopt(*own, queue_of(*own), now);  // used or not
  for (const PinnedLimit& limit : all()) limit->adopt(*own, queue_of(*own), now);
}

}  // namespace outrigger::filters
