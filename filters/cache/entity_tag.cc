#include "filters/cache/entity_tag.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kWeak = "W/";  // case-sensitive, 8.8.3

std::string_view opaque_part(std::string_view tag) noexcept {
  return is_weak_tag(tag) ? tag.substr(kWeak.size()) : tag;
}

}  // namespace

bool is_weak_tag(std::string_view tag) noexcept {
  return tag.starts_with("W/\"");
}

bool same_tag_weakly(std::string_view a, std::string_view b) noexcept {
  return !a.empty() && opaque_part(a) == opaque_part(b);
}

bool same_tag_strongly(std::string_view a, std::string_view b) noexcept {
  return !a.empty() && !is_weak_tag(a) && a == b;
}

bool next_tag(std::string_view& rest, std::string_view& tag) noexcept {
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t,"), rest.size()));
  if (rest.empty()) return false;
  std::size_t end = 0;
  const std::size_t quote = is_weak_tag(rest) ? kWeak.size() : 0;
  if (rest[quote] == '"') {
    // No escapes: a backslash is a character of the tag.
    const std::size_t close = rest.find('"', quote + 1);
    end = close == std::string_view::npos ? rest.size() : close + 1;
  }
  end = std::min(rest.find(',', end), rest.size());
  tag = http::trim_whitespace(rest.substr(0, end));
  rest.remove_prefix(end);
  return true;
}

}  // namespace outrigger::filters
