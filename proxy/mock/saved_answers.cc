#include "proxy/mock/saved_answers.h"

namespace outrigger::mock {

SavedAnswers::Lookup SavedAnswers::begin(const std::string& key, std::uint64_t parameters) {
  if (const auto found = entries_.find(key); found != entries_.end()) {
    const Entry& entry = found->second;
    if (entry.parameters != parameters) return {Found::kChanged, nullptr};
    if (entry.open) return {Found::kInUse, nullptr};
    return {Found::kSaved, &entry.answer};
  }
  if (order_.size() >= kMostKeys) {
    entries_.erase(order_.front());
    order_.pop_front();
  }
  entries_[key].parameters = parameters;
  order_.push_back(key);
  return {};
}

void SavedAnswers::save(const std::string& key, const Answer& answer) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  found->second.answer = answer;
  found->second.saved = true;
}

void SavedAnswers::release(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  if (found->second.saved) {
    found->second.open = false;
    return;
  }
  entries_.erase(found);
  std::erase(order_, key);
}

void SavedAnswers::reset() {
  entries_.clear();
  order_.clear();
}

}  // namespace outrigger::mock
