#include "proxy/mock/script.h"

#include <algorithm>

namespace outrigger::mock {
namespace {

bool matches_path(const std::string& pattern, std::string_view path) {
  if (pattern.ends_with('*'))
    return path.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  return pattern.empty() || pattern == path;
}

bool matches(const Match& match, std::string_view method, std::string_view path,
             const FindHeader& header) {
  if (!match.method.empty() && match.method != method) return false;
  if (!matches_path(match.path, path)) return false;
  return std::ranges::all_of(
      match.headers, [&](const auto& wanted) { return header(wanted.first) == wanted.second; });
}

}  // namespace

const Fault* Script::next(std::string_view method, std::string_view path,
                          const FindHeader& header) {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (step.times && used_[i] >= *step.times) continue;
    if (!matches(step.match, method, path, header)) continue;
    ++used_[i];
    return &step.fault;
  }
  return nullptr;
}

void Script::rewind() {
  std::ranges::fill(used_, 0);
}

}  // namespace outrigger::mock
