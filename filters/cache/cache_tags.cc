#include "filters/cache/cache_tags.h"

#include <algorithm>
#include <string_view>

namespace outrigger::filters {
namespace {

constexpr std::size_t kMost = 64;
constexpr std::size_t kLongest = 256;

void split(std::string_view list, std::string_view separators, std::vector<std::string>& tags) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(separators), list.size());
    std::string_view tag = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (tag.starts_with(' ')) tag.remove_prefix(1);
    while (tag.ends_with(' ')) tag.remove_suffix(1);
    if (!tag.empty() && tag.size() <= kLongest && tags.size() < kMost) tags.emplace_back(tag);
  }
}

}  // namespace

std::vector<std::string> tags_of(const http::Headers& answer) {
  std::vector<std::string> tags;
  for (const http::Field& field : answer) {
    if (http::equals_ignore_case(field.name, "cache-tag")) split(field.value, ",", tags);
    if (http::equals_ignore_case(field.name, "surrogate-key")) split(field.value, " ", tags);
  }
  std::ranges::sort(tags);
  tags.erase(std::ranges::unique(tags).begin(), tags.end());
  return tags;
}

}  // namespace outrigger::filters
