#include "config/checker.h"

namespace outrigger::config {

void Checker::error(Code code, const std::string& path, std::string message, std::string hint) {
  const Written at = written(path);
  reporter_.error(code, at.place, std::move(message), {std::move(hint), at.width});
}

void Checker::warning(Code code, const std::string& path, std::string message, std::string hint) {
  const Written at = written(path);
  reporter_.warning(code, at.place, std::move(message), {std::move(hint), at.width});
}

bool Checker::has_below(const std::string& path) const {
  if (has(path)) return true;
  const auto next = places_.lower_bound(path + ".");
  return next != places_.end() && next->first.starts_with(path + ".");
}

bool Checker::wrote(const std::string& path) const {
  const auto found = places_.find(path);
  if (found == places_.end()) return false;
  const Source* source = found->second.place.source;
  return source != nullptr && !source->name().starts_with("<profile ");
}

bool Checker::wrote_below(const std::string& path) const {
  for (auto it = places_.lower_bound(path); it != places_.end() && it->first.starts_with(path);
       ++it) {
    const char next = it->first.size() == path.size() ? '.' : it->first[path.size()];
    if ((next == '.' || next == '[') && wrote(it->first)) return true;
  }
  return false;
}

Written Checker::written(std::string path) const {
  while (true) {
    const auto found = places_.find(path);
    if (found != places_.end()) return found->second;
    const std::size_t end = path.find_last_of(".[");
    if (end == std::string::npos) return {};
    path.resize(end);
  }
}

}  // namespace outrigger::config
