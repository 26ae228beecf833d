#include "filters/cache/field_list.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

bool next_member(std::string_view& rest, std::string_view& member) noexcept {
  if (rest.data() == nullptr) return false;
  bool quoted = false;
  std::size_t at = 0;
  for (; at < rest.size() && (quoted || rest[at] != ','); ++at) {
    if (rest[at] == '"') quoted = !quoted;
    if (quoted && rest[at] == '\\' && at + 1 < rest.size()) ++at;
  }
  member = http::trim_whitespace(rest.substr(0, at));
  rest = at < rest.size() ? rest.substr(at + 1) : std::string_view{};
  return true;
}

const StoredField* find_field(const StoredHead& head, std::string_view name) noexcept {
  const auto found = std::ranges::find_if(head.fields, [&](const StoredField& field) {
    return http::equals_ignore_case(field.name, name);
  });
  return found == head.fields.end() ? nullptr : &*found;
}

std::string_view field_value(const StoredHead& head, std::string_view name) noexcept {
  const StoredField* field = find_field(head, name);
  return field == nullptr ? std::string_view{} : std::string_view(field->value);
}

}  // namespace outrigger::filters
