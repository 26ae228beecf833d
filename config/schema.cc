#include "config/schema.h"

#include <nlohmann/json.hpp>

#include "config/declaration.h"
#include "proxy/base/verdict.h"

namespace outrigger::config {
namespace {

using Json = nlohmann::ordered_json;
using Kind = Type::Kind;

constexpr std::string_view kDuration = R"(^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h|d))+$)";
constexpr std::string_view kSize = R"(^[0-9]+(\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$)";
constexpr std::string_view kPercent = R"(^[0-9]+(\.[0-9]{1,4})?%$)";
constexpr std::string_view kRate = "^[1-9][0-9]*/(s|min|m|h|d)$";
constexpr std::string_view kStatuses = "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$";
constexpr std::string_view kPointer = "^(/([^~]|~[01])*)+$";
constexpr std::string_view kToken = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
constexpr std::string_view kVariable = R"(\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\})";

Json reference_to(std::string_view name) {
  return {{"$ref", std::string("#/$defs/") + std::string(name)}};
}

// The name of a block under $defs.
std::string definition_name(const Block& block) {
  std::string name;
  for (const char c : block.name) name += c == '.' || c == '[' ? '_' : c;
  std::erase_if(name, [](char c) { return c == '<' || c == '>' || c == ']'; });
  return name;
}

std::string_view pattern_of(Kind kind) {
  switch (kind) {
    case Kind::kDuration:
      return kDuration;
    case Kind::kSize:
      return kSize;
    case Kind::kUrl:
      return "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?$";
    case Kind::kListen:
      return R"(^(unix:/.+|.+:[0-9]+)$)";
    case Kind::kPath:
      return "^/[^?#*]+$";
    case Kind::kTarget:
      return "^/[^# ]*$";
    case Kind::kName:
      return "^[a-z0-9][a-z0-9._-]{0,63}$";
    case Kind::kMethod:
      return "^[A-Z0-9!#$%&'*+.^_`|~-]+$";
    case Kind::kPercent:
      return kPercent;
    case Kind::kRate:
      return kRate;
    case Kind::kPointer:
      return kPointer;
    case Kind::kTemplate:
      return "^/[^# ]*$";
    case Kind::kNetwork:
      return "^[0-9A-Fa-f.:]+/[0-9]+$";
    case Kind::kFieldName:
      return kToken;
    default:
      return {};
  }
}

// Any value may be a variable instead, which only the loader can check.
Json or_variable(Json schema) {
  return {{"anyOf", Json::array({std::move(schema), reference_to("variable")})}};
}

Json word_schema(std::span<const std::string_view> words) {
  Json all = Json::array();
  for (const std::string_view word : words) all.push_back(std::string(word));
  return {{"enum", std::move(all)}};
}

Json any_of(Json::array_t choices) {
  return {{"anyOf", std::move(choices)}};
}

Json plain_value_schema() {
  return any_of({{{"type", "string"}}, {{"type", "number"}}, {{"type", "boolean"}}});
}

Json json_value_schema() {
  Json values = plain_value_schema();
  values["anyOf"].push_back({{"type", "null"}});
  return values;
}

Json json_match_schema() {
  const Json number = or_variable({{"type", "number"}});
  const Json tests = {
      {"type", "object"},
      {"properties",
       {{"at_least", number}, {"at_most", number}, {"contains", plain_value_schema()}}},
      {"additionalProperties", false}};
  Json values = json_value_schema();
  values["anyOf"].push_back(tests);
  return values;
}

Json map_schema(Json keys, Json values) {
  return {{"type", "object"},
          {"propertyNames", std::move(keys)},
          {"additionalProperties", std::move(values)}};
}

Json schema_of(const Field& field, const Type& type);

// The block, or the plain value of the key that may stand for it.
Json block_reference(const Block& block) {
  Json reference = reference_to(definition_name(block));
  const Field* short_field = block.find(block.short_key);
  if (short_field == nullptr) return reference;
  return any_of({std::move(reference), schema_of(*short_field, short_field->type)});
}

Json plain_schema(const Field& field, const Type& type) {
  switch (type.kind) {
    case Kind::kInteger:
      return or_variable(
          {{"type", "integer"}, {"minimum", field.bounds.min}, {"maximum", field.bounds.max}});
    case Kind::kBoolean:
      return or_variable({{"type", "boolean"}});
    case Kind::kWord:
      return or_variable(word_schema(type.words));
    case Kind::kDuration:
      return or_variable(reference_to("duration"));
    case Kind::kSize:
      return or_variable(reference_to("size"));
    case Kind::kBlock:
      return block_reference(type.block());
    case Kind::kDecimal:
      return or_variable(
          {{"type", "number"}, {"minimum", field.bounds.min}, {"maximum", field.bounds.max}});
    case Kind::kStatus:
      return any_of({{{"type", "integer"}, {"minimum", 100}, {"maximum", 599}},
                     {{"type", "string"}, {"pattern", std::string(kStatuses)}},
                     reference_to("variable")});
    case Kind::kFailure:
      return or_variable(word_schema(type.words));
    case Kind::kByVerdict:
      return map_schema(word_schema(kVerdictNames), schema_of(field, *type.element));
    case Kind::kTexts:
      return map_schema({{"minLength", 1}}, {{"type", "string"}});
    case Kind::kJsonValues:
      return map_schema({{"pattern", std::string(kPointer)}}, json_value_schema());
    case Kind::kHeaderMatches:
      return map_schema({{"pattern", std::string(kToken)}}, plain_value_schema());
    case Kind::kJsonMatches:
      return map_schema({{"pattern", std::string(kPointer)}}, json_match_schema());
    case Kind::kList: {
      const Json item = schema_of(field, *type.element);
      const Json list = {{"type", "array"}, {"items", item}};
      if (type.element->kind == Kind::kBlock) return list;
      return {{"anyOf", Json::array({item, list})}};
    }
    case Kind::kNamed:
      return map_schema({{"pattern", std::string(pattern_of(Kind::kName))}},
                        schema_of(field, *type.element));
    default: {
      Json text = {{"type", "string"}, {"minLength", 1}};
      if (const auto pattern = pattern_of(type.kind); !pattern.empty()) {
        text["pattern"] = std::string(pattern);
        return or_variable(std::move(text));
      }
      return text;
    }
  }
}

Json schema_of(const Field& field, const Type& type) {
  Json schema = plain_schema(field, type);
  if (type.special.empty()) return schema;
  Json special = {{"const", std::string(type.special)}};
  return {{"anyOf", Json::array({std::move(schema), std::move(special)})}};
}

Json field_schema(const Field& field) {
  Json schema = schema_of(field, field.type);
  schema["description"] = std::string(field.description);
  return schema;
}

Json block_schema(const Block& block) {
  Json properties = Json::object();
  for (const Group& group : block.groups) {
    for (const Field& field : group.fields)
      properties[std::string(field.key)] = field_schema(field);
  }
  return {{"type", "object"},
          {"description", std::string(block.description)},
          {"properties", std::move(properties)},
          {"additionalProperties", false}};
}

}  // namespace

std::string json_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "Outrigger configuration, version 1"}};
  schema.update(block_schema(root_block()));
  schema["required"] = Json::array({"version"});
  schema["properties"]["version"] = {{"const", 1}, {"description", "The version of this format."}};
  Json definitions = Json::object();
  definitions["duration"] = {
      {"type", "string"},
      {"pattern", std::string(kDuration)},
      {"description", "A number and a unit: ns, us, ms, s, m, h, d; also 1m30s."}};
  definitions["size"] = {{"type", "string"},
                         {"pattern", std::string(kSize)},
                         {"description", "A number and a unit: B, KB, MB, GB, KiB, MiB, GiB."}};
  definitions["variable"] = {{"type", "string"},
                             {"pattern", std::string(kVariable)},
                             {"description",
                              "A value with an environment variable: ${NAME} or "
                              "${NAME:-default}."}};
  for (const Block* block : all_blocks()) {
    if (block != &root_block()) definitions[definition_name(*block)] = block_schema(*block);
  }
  schema["$defs"] = std::move(definitions);
  return schema.dump(2) + "\n";
}

}  // namespace outrigger::config
