#include "filters/limits/upstream_limits.h"

#include <algorithm>
#include <functional>

#include "filters/concurrency/aimd.h"
#include "filters/rate_limit/allowances.h"

namespace outrigger::filters {
namespace {

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
      overflow_({}, core_of(setup_.kind, policies, {}), queue_of(policies)),
      keys_(setup_.keys) {
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
  const auto make = [&](auto& entries, std::size_t) {
    const auto policies = this->policies();
    entries.emplace_front(key, core_of(setup_.kind, *policies, now), queue_of(*policies));
  };
  return keys_.with(key, now, make, [&](SharedLimit* limit) {
    if (limit != nullptr) return PinnedLimit(*limit);
    overflowed_.store(true, std::memory_order_relaxed);
    return PinnedLimit(overflow_);
  });
}

std::vector<PinnedLimit> UpstreamLimits::all() {
  std::vector<PinnedLimit> pinned;
  if (overflowed_.load(std::memory_order_relaxed)) pinned.emplace_back(overflow_);
  keys_.each([&](SharedLimit& limit) { pinned.emplace_back(limit); });
  return pinned;
}

std::size_t UpstreamLimits::keys() {
  return keys_.size();
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
