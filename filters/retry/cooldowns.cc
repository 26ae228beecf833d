#include "filters/retry/cooldowns.h"

#include <algorithm>

namespace outrigger::filters {

bool begins_cooldown(Verdict verdict) noexcept {
  return verdict == Verdict::kThrottled || verdict == Verdict::kOverloaded ||
         verdict == Verdict::kQuotaExhausted;
}

std::optional<Duration> unhinted_pause(Verdict verdict) noexcept {
  if (verdict == Verdict::kQuotaExhausted) return 1min;
  return std::nullopt;
}

std::optional<CooldownKey> cooldown_key(std::string_view upstream, std::string_view model,
                                        std::uint64_t credential, config::Scope scope,
                                        Verdict verdict) {
  if (scope == config::Scope::kEndpoint) return std::nullopt;
  const bool of_credential =
      scope == config::Scope::kCredential ||
      (scope == config::Scope::kDefault && verdict == Verdict::kQuotaExhausted);
  return CooldownKey{std::string(upstream), std::string(of_credential ? "" : model), credential};
}

std::optional<SharedCooldowns::Running> SharedCooldowns::longest(std::string_view upstream,
                                                                 std::string_view model,
                                                                 std::uint64_t credential,
                                                                 TimePoint now, Passing passing) {
  if (now.since_start.count() >= latest_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  CooldownKey key{std::string(upstream), "", credential};
  const std::optional<Running> whole = look(key, now, passing);
  if (model.empty()) return whole;
  key.model = model;
  const std::optional<Running> of_model = look(key, now, passing);
  if (!whole || !of_model) return whole ? whole : of_model;
  if (whole->passes != of_model->passes) return whole->passes ? of_model : whole;
  return of_model->left > whole->left ? of_model : whole;
}

std::optional<SharedCooldowns::Running> SharedCooldowns::look(const CooldownKey& key, TimePoint now,
                                                              Passing passing) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  if (entry.until <= now) {
    entries_.erase(found);
    return std::nullopt;
  }
  Running running{entry.until - now, entry.verdict, false};
  if (passing == Passing::kProbes && entry.next_probe <= now) {
    entry.next_probe = now + kProbeEvery;
    running.passes = true;
  }
  return running;
}

void SharedCooldowns::extend(const CooldownKey& key, Verdict verdict, Duration wait,
                             TimePoint now) {
  if (wait <= Duration{0}) return;
  const TimePoint until = now + std::min(wait, kLongest);
  const std::scoped_lock lock(mutex_);
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (!make_room(now)) return;
    found = entries_.emplace(key, Entry{}).first;
  }
  Entry& entry = found->second;
  if (entry.until >= until && entry.until > now) return;
  entry.until = until;
  entry.verdict = verdict;
  entry.next_probe = now + kProbeEvery;
  if (until.since_start.count() > latest_.load(std::memory_order_relaxed)) {
    latest_.store(until.since_start.count(), std::memory_order_relaxed);
  }
}

bool SharedCooldowns::make_room(TimePoint now) {
  if (entries_.size() < most_) return true;
  std::erase_if(entries_, [now](const auto& entry) { return entry.second.until <= now; });
  return entries_.size() < most_;
}

void SharedCooldowns::lift(std::string_view upstream, std::string_view model,
                           std::uint64_t credential) {
  const std::scoped_lock lock(mutex_);
  for (const std::string_view part : {std::string_view{}, model}) {
    entries_.erase({std::string(upstream), std::string(part), credential});
  }
}

std::vector<SavedCooldown> SharedCooldowns::snapshot(TimePoint now, std::int64_t now_ms) const {
  std::vector<SavedCooldown> saved;
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, entry] : entries_) {
    const Duration left = entry.until - now;
    const bool worth =
        entry.verdict == Verdict::kQuotaExhausted ? left > Duration{0} : left > kWorthKeeping;
    if (!worth) continue;
    saved.push_back(
        {key, entry.verdict, now_ms + std::chrono::ceil<std::chrono::milliseconds>(left).count()});
  }
  return saved;
}

void SharedCooldowns::restore(const std::vector<SavedCooldown>& saved, TimePoint now,
                              std::int64_t now_ms) {
  constexpr std::int64_t kMost = kLongest / 1ms;
  for (const SavedCooldown& one : saved) {
    if (one.until_ms <= now_ms) continue;
    const auto left = static_cast<std::int64_t>(
        std::min(static_cast<std::uint64_t>(one.until_ms) - static_cast<std::uint64_t>(now_ms),
                 static_cast<std::uint64_t>(kMost)));
    extend(one.key, one.verdict, std::chrono::milliseconds(left), now);
  }
}

std::size_t SharedCooldowns::size() const {
  const std::scoped_lock lock(mutex_);
  return entries_.size();
}

}  // namespace outrigger::filters
