#include "config/rule_cover.h"

#include <algorithm>
#include <string_view>

namespace outrigger::config {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool same_letter(char a, char b) noexcept {
  return lower(a) == lower(b);
}
bool same_text(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, same_letter);
}
bool contains(std::string_view text, std::string_view part) noexcept {
  return part.empty() || !std::ranges::search(text, part, same_letter).empty();
}

// A list of alternatives: none is no condition.
template <class Item, class Implied>
bool covers_list(const std::vector<Item>& wide, const std::vector<Item>& narrow, Implied implied) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::ranges::all_of(narrow, [&](const Item& item) {
    return std::ranges::any_of(wide, [&](const Item& other) { return implied(other, item); });
  });
}

// All of a map must hold.
template <class Item, class Implied>
bool covers_map(const std::vector<Item>& wide, const std::vector<Item>& narrow, Implied implied) {
  return std::ranges::all_of(wide, [&](const Item& item) {
    return std::ranges::any_of(narrow, [&](const Item& other) { return implied(item, other); });
  });
}

bool covers_header(const HeaderMatch& wide, const HeaderMatch& narrow) {
  return wide.name == narrow.name && (wide.value == "*" || same_text(wide.value, narrow.value));
}

bool covers_json(const JsonMatch& wide, const JsonMatch& narrow) {
  if (wide.pointer != narrow.pointer) return false;
  return wide.test == JsonMatch::Test::kPresent || wide == narrow;
}

// What a rule that names neither a status nor a failure is asked of (ClassifyRule).
bool is_for_errors(const ClassifyRule& rule) {
  if (rule.status.empty()) return rule.failure.empty();
  return std::ranges::all_of(rule.status, [](StatusRange range) { return range.first >= 400; });
}

}  // namespace

bool has_condition(const ClassifyRule& rule) noexcept {
  return !rule.status.empty() || !rule.error.empty() || !rule.message.empty() ||
         !rule.header.empty() || !rule.json.empty() || !rule.failure.empty() ||
         rule.in_stream.has_value();
}

bool covers(const ClassifyRule& wide, const ClassifyRule& narrow) {
  if (wide.in_stream && wide.in_stream != narrow.in_stream) return false;
  if (wide.status.empty() && wide.failure.empty() && !is_for_errors(narrow)) return false;
  return covers_list(wide.status, narrow.status,
                     [](const StatusRange& a, const StatusRange& b) {
                       return a.first <= b.first && b.last <= a.last;
                     }) &&
         covers_list(wide.error, narrow.error, same_text) &&
         covers_list(wide.message, narrow.message,
                     [](const std::string& a, const std::string& b) { return contains(b, a); }) &&
         covers_list(wide.failure, narrow.failure, same_text) &&
         covers_map(wide.header, narrow.header, covers_header) &&
         covers_map(wide.json, narrow.json, covers_json);
}

}  // namespace outrigger::config
