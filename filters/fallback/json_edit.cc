#include "filters/fallback/json_edit.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "proxy/base/json_cursor.h"

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

// Names of members may be written with escapes.
bool is_name(std::string_view raw, const std::string& wanted) {
  if (!raw.contains('\\')) return raw == wanted;
  const auto name = nlohmann::json::parse("\"" + std::string(raw) + "\"", nullptr, false);
  return name.is_string() && name.get_ref<const std::string&>() == wanted;
}

std::optional<std::size_t> index_of(const std::string& part) {
  std::size_t index = 0;
  const char* end = part.data() + part.size();
  const auto [at, error] = std::from_chars(part.data(), end, index);
  const bool zero_first = part.size() > 1 && part.front() == '0';
  if (part.empty() || error != std::errc() || at != end || zero_first) return std::nullopt;
  return index;
}

std::optional<std::string_view> child_of(std::string_view parent, const std::string& part) {
  std::optional<std::string_view> found;
  JsonCursor cursor(parent);
  bool well_formed = true;
  if (cursor.peek() == '{') {
    well_formed = cursor.members([&](std::string_view name) {
      const std::string_view value = cursor.skip();
      if (is_name(name, part)) found = value;
    });
  } else if (const auto wanted = index_of(part); wanted && cursor.peek() == '[') {
    std::size_t at = 0;
    well_formed = cursor.elements([&] {
      const std::string_view value = cursor.skip();
      if (at++ == *wanted) found = value;
    });
  }
  return well_formed ? found : std::nullopt;
}

// The value itself, without the white space around it.
std::optional<std::string_view> trimmed(std::string_view text) {
  JsonCursor cursor(text);
  const std::string_view value = cursor.skip();
  if (value.empty() || !cursor.at_end()) return std::nullopt;
  return value;
}

// `text` with `put` where `part`, a view into it, stands.
std::string spliced(std::string_view text, std::string_view part, std::string_view put) {
  const auto at = static_cast<std::size_t>(part.data() - text.data());
  std::string out;
  out.reserve(text.size() - part.size() + put.size());
  out.append(text.substr(0, at)).append(put).append(text.substr(at + part.size()));
  return out;
}

// `text` with a new last child of `parent`, a container in it.
std::optional<std::string> appended(std::string_view text, std::string_view parent,
                                    const std::string& part, std::string_view value) {
  const bool object = parent.starts_with('{');
  if (!object && !(parent.starts_with('[') && part == "-")) return std::nullopt;
  const std::string_view inside = parent.substr(1, parent.size() - 2);
  const bool empty = inside.find_first_not_of(" \t\r\n") == std::string_view::npos;
  std::string put = empty ? "" : ",";
  if (object) put += json_quoted(part) + ":";
  put += value;
  return spliced(text, parent.substr(parent.size() - 1, 0), put);
}

}  // namespace

std::optional<std::string_view> json_get(std::string_view text, std::string_view pointer) {
  std::optional<std::string_view> value = trimmed(text);
  while (value && !pointer.empty()) value = child_of(*value, take_part(pointer));
  return value;
}

std::optional<std::string> json_set(std::string_view text, std::string_view pointer,
                                    std::string_view value) {
  std::optional<std::string_view> parent = trimmed(text);
  if (parent && pointer.empty()) return spliced(text, *parent, value);
  while (parent) {
    const std::string part = take_part(pointer);
    const std::optional<std::string_view> child = child_of(*parent, part);
    if (child && pointer.empty()) return spliced(text, *child, value);
    if (!child) return pointer.empty() ? appended(text, *parent, part, value) : std::nullopt;
    parent = child;
  }
  return std::nullopt;
}

std::string json_quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace outrigger::filters
