#include "filters/json/json_set.h"

#include <charconv>

#include "filters/json/json_text.h"

namespace outrigger::filters {
namespace {

// One part of a pointer, unescaped.
std::string take_part(std::string_view& pointer) {
  pointer.remove_prefix(1);
  const std::string_view raw = pointer.substr(0, pointer.find('/'));
  pointer.remove_prefix(raw.size());
  std::string part;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape = raw[i] == '~' && i + 1 < raw.size();
    part += escape ? (raw[++i] == '0' ? '~' : '/') : raw[i];
  }
  return part;
}

std::optional<std::size_t> index_of(const std::string& part) {
  std::size_t index = 0;
  const char* end = part.data() + part.size();
  const auto [at, error] = std::from_chars(part.data(), end, index);
  const bool zero_first = part.size() > 1 && part.front() == '0';
  if (part.empty() || error != std::errc() || at != end || zero_first) return std::nullopt;
  return index;
}

// The name of a member may be written with escapes.
JsonText member_of(JsonText object, const std::string& part) {
  JsonText found;
  object.each_member([&](std::string_view name, JsonText value) {
    const JsonText quoted(std::string_view(name.data() - 1, name.size() + 2));
    const bool same = name.contains('\\') ? quoted.string() == part : name == part;
    if (same) found = value;
  });
  return found;
}

JsonText child_of(JsonText parent, const std::string& part) {
  if (!parent.is_array()) return member_of(parent, part);
  const auto wanted = index_of(part);
  JsonText found;
  std::size_t at = 0;
  parent.each([&](JsonText value) {
    if (wanted && at++ == *wanted) found = value;
  });
  return found;
}

// The one value that the text is.
JsonText whole_of(std::string_view text) {
  JsonCursor cursor(text);
  const std::string_view value = cursor.skip();
  return cursor.at_end() ? JsonText(value) : JsonText();
}

// A new last child; false where the parent can have none of that name.
bool append(JsonEdits& edits, JsonText parent, const std::string& part, std::string_view value) {
  if (parent.is_object()) {
    edits.append(parent, json_quoted(part) + ":" + std::string(value));
  } else if (parent.is_array() && part == "-") {
    edits.append(parent, value);
  } else {
    return false;
  }
  return true;
}

// The value below objects that are not there yet.
std::string nested(std::string_view pointer, std::string_view value) {
  if (pointer.empty()) return std::string(value);
  const std::string name = json_quoted(take_part(pointer));
  return "{" + name + ":" + nested(pointer, value) + "}";
}

}  // namespace

std::optional<std::string> json_set(std::string_view text, std::string_view pointer,
                                    std::string_view value) {
  JsonEdits edits(text);
  JsonText at = whole_of(text);
  while (at.there() && !pointer.empty()) {
    const std::string part = take_part(pointer);
    const JsonText child = child_of(at, part);
    if (!child.there()) {
      if (!append(edits, at, part, nested(pointer, value))) return std::nullopt;
      return edits.apply();
    }
    at = child;
  }
  if (!at.there()) return std::nullopt;
  edits.replace(at, std::string(value));
  return edits.apply();
}

}  // namespace outrigger::filters
