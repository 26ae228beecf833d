#include "config/schema_source.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace outrigger::config {
namespace {

using Json = nlohmann::json;
using namespace std::string_view_literals;

constexpr int kMostLevels = 96;  // of schemas within schemas, along references

// Keywords whose values are data, not schemas.
bool is_data(std::string_view keyword) noexcept {
  constexpr std::array kData = {"const"sv, "enum"sv, "default"sv, "examples"sv, "example"sv};
  return std::ranges::find(kData, keyword) != kData.end();
}

// Calls `visit` for every object that may be a schema: of those that hold names (`properties`) too,
// where the keywords are found with other types. Recursion is bounded by the parsed text's depth.
template <class Node, class Visit>
void for_each_object(Node& node, const Visit& visit) {
  if (node.is_object()) {
    visit(node);
    for (auto it = node.begin(); it != node.end(); ++it) {
      if (!is_data(it.key())) for_each_object(it.value(), visit);
    }
  } else if (node.is_array()) {
    for (auto& element : node) for_each_object(element, visit);
  }
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

void lower_types(Json& schema) {
  const auto type = schema.find("type");
  if (type == schema.end()) return;
  if (type->is_string()) *type = lower(type->get<std::string>());
  if (!type->is_array()) return;
  for (Json& each : *type) {
    if (each.is_string()) each = lower(each.get<std::string>());
  }
}

void spell_nullable(Json& schema) {
  const auto nullable = schema.find("nullable");
  if (nullable == schema.end() || !nullable->is_boolean()) return;
  const bool null_too = nullable->get<bool>();
  schema.erase(nullable);
  if (!null_too) return;
  if (const auto type = schema.find("type"); type != schema.end() && type->is_string()) {
    *type = Json::array({*type, "null"});
  }
  if (const auto words = schema.find("enum"); words != schema.end() && words->is_array()) {
    words->push_back(nullptr);
  }
  if (const auto any = schema.find("anyOf"); any != schema.end() && any->is_array()) {
    any->push_back({{"type", "null"}});
  }
}

// RFC 3339; nothing for other formats, which are notes (JSON Schema 2020-12, format-annotation).
std::string_view pattern_for(std::string_view format) noexcept {
  if (format == "date") return "^[0-9]{4}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])$";
  if (format == "time") {
    return "^([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?"
           "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
  }
  if (format == "date-time") {
    return "^[0-9]{4}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])[Tt]"
           "([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?"
           "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
  }
  return {};
}

void spell_format(Json& schema) {
  const auto format = schema.find("format");
  if (format == schema.end() || !format->is_string()) return;
  const std::string_view pattern = pattern_for(format->get_ref<const std::string&>());
  schema.erase(format);
  if (!pattern.empty() && !schema.contains("pattern")) schema["pattern"] = pattern;
}

void erase_text(Json& schema, const char* keyword) {
  const auto found = schema.find(keyword);
  if (found != schema.end() && found->is_string()) schema.erase(found);
}

// Schemas that the same value must fit, besides `$ref`.
template <class Visit>
bool each_of_same_value(const Json& schema, const Visit& visit) {
  for (const char* list : {"allOf", "anyOf", "oneOf"}) {
    const auto found = schema.find(list);
    if (found == schema.end() || !found->is_array()) continue;
    if (!std::ranges::all_of(*found, visit)) return false;
  }
  for (const char* one : {"not", "if", "then", "else"}) {
    const auto found = schema.find(one);
    if (found != schema.end() && !visit(*found)) return false;
  }
  const auto found = schema.find("dependencies");
  return found == schema.end() || !found->is_object() || std::ranges::all_of(*found, visit);
}

// Schemas of its parts.
template <class Visit>
bool each_of_parts(const Json& schema, const Visit& visit) {
  for (const char* members : {"properties", "patternProperties"}) {
    const auto found = schema.find(members);
    if (found == schema.end() || !found->is_object()) continue;
    if (!std::ranges::all_of(*found, visit)) return false;
  }
  for (const char* one :
       {"items", "additionalItems", "additionalProperties", "contains", "propertyNames"}) {
    const auto found = schema.find(one);
    if (found == schema.end()) continue;
    if (found->is_array() ? !std::ranges::all_of(*found, visit) : !visit(*found)) return false;
  }
  return true;
}

std::string unescaped(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool escape = part[i] == '~' && i + 1 < part.size();
    out += escape ? (part[++i] == '1' ? '/' : '~') : part[i];
  }
  return out;
}

const Json* child(const Json& of, const std::string& part) {
  if (of.is_object()) {
    const auto found = of.find(part);
    return found == of.end() ? nullptr : &*found;
  }
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  const bool is_index = error == std::errc() && end == part.data() + part.size();
  return of.is_array() && is_index && index < of.size() ? &of[index] : nullptr;
}

// By a JSON Pointer (RFC 6901).
const Json* find(const Json& root, std::string_view pointer) {
  const Json* at = &root;
  while (at != nullptr && !pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    at = child(*at, unescaped(pointer.substr(0, end)));
    pointer.remove_prefix(end);
  }
  return at;
}

// Follows every schema from the root, in a validator's way.
class Walk {
 public:
  explicit Walk(const Json& root) : root_(root) {}

  // Every object among them, once.
  [[nodiscard]] const std::vector<const Json*>& schemas() {
    if (order_.empty()) reach(root_, 0);
    return order_;
  }

  std::optional<std::string> defect() {
    if (!reach(root_, 0)) return std::move(wrong_);
    for (const Json* schema : order_) {
      if (!measure(*schema, 0)) return std::move(wrong_);
    }
    return std::nullopt;
  }

 private:
  bool fail(std::string why) {
    wrong_ = std::move(why);
    return false;
  }

  // As deep as compiling goes: each schema once.
  bool reach(const Json& schema, int level) {
    if (!schema.is_object() || !seen_.try_emplace(&schema, 0).second) return true;
    if (level > kMostLevels) return fail("schemas are nested too deeply");
    order_.push_back(&schema);
    const auto visit = [&](const Json& each) { return reach(each, level + 1); };
    if (const auto reference = schema.find("$ref"); reference != schema.end()) {
      const Json* target = follow(*reference);
      return target != nullptr && visit(*target);
    }
    return each_of_same_value(schema, visit) && each_of_parts(schema, visit);
  }

  // As deep as checking one value goes: nothing of the value is used up on that way, so it must not
  // come back. A schema's number is its height; kOpen while it is measured.
  bool measure(const Json& schema, int level) {
    if (!schema.is_object()) return true;
    int& height = seen_[&schema];
    if (height > 0) return true;
    if (height == kOpen) return fail("a reference leads in a circle");
    if (level > kMostLevels) return fail("schemas are nested too deeply");
    height = kOpen;
    int most = 0;
    const auto visit = [&](const Json& each) {
      if (!measure(each, level + 1)) return false;
      if (each.is_object()) most = std::max(most, seen_[&each]);
      return true;
    };
    const auto reference = schema.find("$ref");
    const bool ends =
        reference != schema.end() ? visit(*follow(*reference)) : each_of_same_value(schema, visit);
    if (!ends) return false;
    if (most >= kMostLevels) return fail("schemas are nested too deeply");
    height = most + 1;
    return true;
  }

  const Json* follow(const Json& reference) {
    const bool text = reference.is_string();
    const std::string_view to = text ? reference.get_ref<const std::string&>() : std::string_view();
    if (!to.starts_with('#')) {
      fail("$ref leads out of the schema: put its target into $defs");
      return nullptr;
    }
    const Json* target = find(root_, to.substr(1));
    if (target == nullptr) fail(fmt::format("$ref \"{}\" leads to nothing", to.substr(0, 100)));
    return target;
  }

  static constexpr int kOpen = -1;
  const Json& root_;
  std::unordered_map<const Json*, int> seen_;  // stable: a node's number stays where it is
  std::vector<const Json*> order_;
  std::optional<std::string> wrong_;
};

}  // namespace

void translate_open_api(Json& schema) {
  for_each_object(schema, [](Json& each) {
    lower_types(each);
    spell_nullable(each);
  });
}

void simplify_schema(Json& schema) {
  for_each_object(schema, [](Json& each) {
    erase_text(each, "$id");
    erase_text(each, "id");
    erase_text(each, "$schema");
    spell_format(each);
  });
}

std::vector<std::string> patterns_of(const Json& schema) {
  std::vector<std::string> patterns;
  for_each_object(schema, [&](const Json& each) {
    const auto pattern = each.find("pattern");
    if (pattern != each.end() && pattern->is_string()) patterns.push_back(*pattern);
  });
  return patterns;
}

std::vector<std::string> name_patterns_of(const Json& schema) {
  std::vector<std::string> patterns;
  for_each_object(schema, [&](const Json& each) {
    const auto names = each.find("patternProperties");
    if (names == each.end() || !names->is_object()) return;
    for (auto it = names->begin(); it != names->end(); ++it) patterns.push_back(it.key());
  });
  return patterns;
}

void remove_costly(Json& schema) {
  for_each_object(schema, [](Json& each) {
    erase_text(each, "pattern");
    if (const auto it = each.find("uniqueItems"); it != each.end() && it->is_boolean()) {
      each.erase(it);
    }
    const auto names = each.find("patternProperties");
    if (names == each.end()) return;
    each.erase(names);
    each.erase("additionalProperties");
  });
}

void add_to_each(Json& schema, const char* keyword) {
  // They are part of `schema`, which is ours to change.
  for (const Json* each : Walk(schema).schemas()) (*const_cast<Json*>(each))[keyword] = true;
}

std::optional<std::string> defect_of(const Json& schema) {
  if (!schema.is_object() && !schema.is_boolean()) return "a schema is an object, true or false";
  return Walk(schema).defect();
}

}  // namespace outrigger::config
