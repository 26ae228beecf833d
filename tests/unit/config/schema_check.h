// A validator for the part of JSON Schema (draft 2020-12) that our schema uses: it tells whether an
// editor would accept a file. An unknown keyword fails, so that the schema cannot use what is not
// checked here.
#pragma once

#include <regex>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "config/source.h"
#include "config/units.h"

namespace outrigger::config::test {

using Json = nlohmann::json;

// What an editor's YAML parser would see.
inline Json to_json(const Node& node) {
  if (node.is_map()) {
    Json map = Json::object();
    for (const Member& member : node.members) map[member.key] = to_json(member.value);
    return map;
  }
  if (node.is_list()) {
    Json list = Json::array();
    for (const Member& member : node.members) list.push_back(to_json(member.value));
    return list;
  }
  if (node.kind == Node::Kind::kNull) return nullptr;
  if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text == "true";
  const bool digits =
      !node.text.empty() && node.text.find_first_not_of("0123456789") == std::string::npos;
  if (!node.quoted && digits && node.text.size() < 19) return std::stoull(node.text);
  if (!node.quoted && parse_decimal(node.text)) return std::stod(node.text);
  return node.text;
}

class SchemaCheck {
 public:
  explicit SchemaCheck(Json schema) : root_(std::move(schema)) {}

  // Empty when `value` is valid, else the first problem.
  std::string problem(const Json& value) const { return check(root_, value, "$"); }

 private:
  std::string check(const Json& schema, const Json& value, const std::string& at) const {
    for (const auto& [keyword, rule] : schema.items()) {
      const std::string found = one(schema, keyword, rule, value, at);
      if (!found.empty()) return found;
    }
    return {};
  }

  std::string one(const Json& schema, const std::string& keyword, const Json& rule,
                  const Json& value, const std::string& at) const {
    static const std::set<std::string> kAnnotations = {"$schema", "title", "description", "$defs"};
    if (kAnnotations.contains(keyword)) return {};
    if (keyword == "$ref")
      return check(root_.at("$defs").at(rule.get<std::string>().substr(8)), value, at);
    if (keyword == "anyOf") return any_of(rule, value, at);
    if (keyword == "const") return value == rule ? "" : at + " is not " + rule.dump();
    if (keyword == "enum") {
      return std::ranges::find(rule, value) != rule.end() ? "" : at + " is not in " + rule.dump();
    }
    if (keyword == "type")
      return is_type(rule, value) ? "" : at + " is no " + rule.get<std::string>();
    if (keyword == "pattern") {
      return !value.is_string() || std::regex_search(value.get<std::string>(),
                                                     std::regex(rule.get<std::string>()))
                 ? ""
                 : at + " does not match " + rule.dump();
    }
    if (keyword == "minLength") return value.is_string() && value.empty() ? at + " is empty" : "";
    if (keyword == "minimum") return value.is_number() && value < rule ? at + " is too small" : "";
    if (keyword == "maximum") return value.is_number() && value > rule ? at + " is too large" : "";
    if (keyword == "items") return items(rule, value, at);
    if (keyword == "required") {
      for (const Json& key : rule) {
        if (!value.contains(key)) return at + " lacks " + key.dump();
      }
      return {};
    }
    if (keyword == "properties") return properties(rule, value, at);
    if (keyword == "propertyNames") {
      for (const auto& [key, member] : value.items()) {
        if (auto found = check(rule, key, at + "." + key); !found.empty()) return found;
      }
      return {};
    }
    if (keyword == "additionalProperties") return additional(schema, rule, value, at);
    return "the schema uses " + keyword;
  }

  std::string any_of(const Json& rules, const Json& value, const std::string& at) const {
    std::string first;
    for (const Json& rule : rules) {
      const std::string found = check(rule, value, at);
      if (found.empty()) return {};
      if (first.empty()) first = found;
    }
    return first;
  }

  static bool is_type(const std::string& type, const Json& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "number") return value.is_number();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_number_integer();
    return type == "boolean" && value.is_boolean();
  }

  std::string items(const Json& rule, const Json& value, const std::string& at) const {
    for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
      if (auto found = check(rule, value[i], at + "[" + std::to_string(i) + "]"); !found.empty())
        return found;
    }
    return {};
  }

  std::string properties(const Json& rules, const Json& value, const std::string& at) const {
    for (const auto& [key, rule] : rules.items()) {
      if (!value.is_object() || !value.contains(key)) continue;
      if (auto found = check(rule, value.at(key), at + "." + key); !found.empty()) return found;
    }
    return {};
  }

  std::string additional(const Json& schema, const Json& rule, const Json& value,
                         const std::string& at) const {
    if (!value.is_object()) return {};
    for (const auto& [key, member] : value.items()) {
      if (schema.contains("properties") && schema.at("properties").contains(key)) continue;
      if (rule == false) return at + " has unknown " + key;
      if (auto found = check(rule, member, at + "." + key); !found.empty()) return found;
    }
    return {};
  }

  const Json root_;
};

}  // namespace outrigger::config::test
