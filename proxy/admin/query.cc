#include "proxy/admin/query.h"

#include <algorithm>

#include "proxy/base/percent.h"

namespace outrigger::admin {
namespace {

// As forms write it: a plus is a space.
std::string decoded(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decoded(spaced);
}

}  // namespace

Query::Query(std::string_view target) {
  std::size_t mark = target.find('?');
  while (mark != std::string_view::npos) {
    target.remove_prefix(mark + 1);
    mark = target.find('&');
    const std::string_view part = target.substr(0, mark);
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::size_t value = std::min(equals + 1, part.size());
    parameters_.emplace_back(decoded(part.substr(0, equals)), decoded(part.substr(value)));
  }
}

std::optional<std::string_view> Query::get(std::string_view name) const noexcept {
  for (const auto& [known, value] : parameters_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Query::stray(
    const std::vector<std::string_view>& known) const noexcept {
  for (auto at = parameters_.begin(); at != parameters_.end(); ++at) {
    const auto same = [&](const auto& other) { return other.first == at->first; };
    const bool twice = std::any_of(parameters_.begin(), at, same);
    if (twice || std::ranges::find(known, at->first) == known.end()) return at->first;
  }
  return std::nullopt;
}

}  // namespace outrigger::admin
