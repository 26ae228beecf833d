#include "filters/loop_guard/failure_memory.h"

#include <algorithm>

namespace outrigger::filters {

bool FailureMemory::guards(std::uint64_t outline, TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  const auto found = outlines_.find(outline);
  return found != outlines_.end() && found->second.guarded_until > now;
}

bool FailureMemory::knows(std::uint64_t outline) const {
  const std::scoped_lock lock(mutex_);
  return outlines_.contains(outline);
}

std::optional<FailureMemory::Guarded> FailureMemory::find(const FailurePrint& print,
                                                          TimePoint now) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(print.whole);
  if (found == entries_.end() || found->second.guarded_until <= now) return std::nullopt;
  const Entry& entry = found->second;
  order_.splice(order_.end(), order_, entry.place);
  return Guarded{entry.answer, entry.in_a_row, entry.guarded_until - now};
}

void FailureMemory::note(const FailurePrint& print, Answer answer, const config::LoopGuard& policy,
                         TimePoint now) {
  const std::scoped_lock lock(mutex_);
  auto found = entries_.find(print.whole);
  if (found == entries_.end()) {
    found = entries_.emplace(print.whole, Entry{}).first;
    found->second.outline = print.outline;
    found->second.place = order_.insert(order_.end(), print.whole);
    ++outlines_[print.outline].entries;
  } else {
    order_.splice(order_.end(), order_, found->second.place);
  }
  Entry& entry = found->second;
  bytes_ += size_of(*answer);
  if (entry.answer != nullptr) {
    bytes_ -= size_of(*entry.answer);
    if (entry.answer->status != answer->status || entry.answer->verdict != answer->verdict) {
      entry.failures.clear();
      entry.in_a_row = 0;
    }
  }
  entry.answer = std::move(answer);
  std::erase_if(entry.failures, [&](TimePoint at) { return now - at > policy.window; });
  if (entry.failures.empty()) entry.in_a_row = 0;
  if (entry.failures.size() >= policy.failures) entry.failures.erase(entry.failures.begin());
  entry.failures.push_back(now);
  ++entry.in_a_row;
  if (entry.failures.size() >= policy.failures) {
    entry.guarded_until = now + policy.answer_for;
    Outline& outline = outlines_[print.outline];
    outline.guarded_until = std::max(outline.guarded_until, entry.guarded_until);
  }
  extend_latest(std::max(now + policy.window, entry.guarded_until));
  make_room();
}

void FailureMemory::forget(const FailurePrint& print) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(print.whole);
  if (found != entries_.end()) drop(found);
}

std::size_t FailureMemory::size() const {
  const std::scoped_lock lock(mutex_);
  return entries_.size();
}

std::size_t FailureMemory::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

std::size_t FailureMemory::size_of(const FailedAnswer& answer) noexcept {
  std::size_t size = answer.body.size();
  for (const auto& [name, value] : answer.fields) size += name.size() + value.size();
  return size;
}

void FailureMemory::drop(Entries::iterator entry) {
  bytes_ -= size_of(*entry->second.answer);
  order_.erase(entry->second.place);
  const auto outline = outlines_.find(entry->second.outline);
  if (--outline->second.entries == 0) outlines_.erase(outline);
  entries_.erase(entry);
}

void FailureMemory::make_room() {
  while (entries_.size() > most_ || bytes_ > most_bytes_) drop(entries_.find(order_.front()));
}

void FailureMemory::extend_latest(TimePoint until) noexcept {
  if (until.since_start.count() > latest_.load(std::memory_order_relaxed)) {
    latest_.store(until.since_start.count(), std::memory_order_relaxed);
  }
}

}  // namespace outrigger::filters
