// Reads and writes maps from texts to texts and from JSON pointers to values.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/codecs.h"
#include "config/json_pointer.h"
#include "config/match_codecs.h"

namespace outrigger::config {
namespace {

// A quoted value is a text; a plain one is what JSON says of it, else a text.
std::string json_of(const Node& node) {
  const bool nested = node.text.starts_with('{') || node.text.starts_with('[');
  if (!node.quoted && !nested && nlohmann::json::accept(node.text)) return node.text;
  return nlohmann::json(node.text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_value(Decoder& decoder, const Member& member) {
  const Node& value = member.value;
  if (value.is_scalar() || value.kind == Node::Kind::kNull) return true;
  return refuse(decoder, Code::kWrongShape, value,
                fmt::format("{} must be a single value, not {}", decoder.path(), value.quote()));
}

}  // namespace

bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<TextPair>& out) {
  if (!is_block(decoder, field, node)) return false;
  for (const Member& member : node.members) {
    const Decoder::Scope scope(decoder, member.key);
    if (!is_value(decoder, member)) continue;
    if (member.value.text.empty()) {
      (void)refuse(decoder, Code::kText, member.value, fmt::format("{} is empty", decoder.path()));
      continue;
    }
    std::erase_if(out, [&](const TextPair& other) { return other.from == member.key; });
    out.push_back({member.key, member.value.text});
  }
  return true;
}

bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<JsonValue>& out) {
  if (!is_block(decoder, field, node)) return false;
  for (const Member& member : node.members) {
    const Decoder::Scope scope(decoder, member.key);
    if (!is_json_pointer(member.key)) {
      const Node key = Node::scalar(member.key);
      decoder.reporter().error(Code::kPointer, member.key_place,
                               fmt::format("{} is not a JSON pointer", key.quote()),
                               {"each part begins with a slash, for example \"/stream\"",
                                std::max<std::size_t>(1, characters(member.key))});
      continue;
    }
    if (!is_value(decoder, member)) continue;
    const bool null = member.value.kind == Node::Kind::kNull;
    std::erase_if(out, [&](const JsonValue& other) { return other.pointer == member.key; });
    out.push_back({member.key, null ? "null" : json_of(member.value)});
  }
  return true;
}

Node dump_matches(const std::vector<TextPair>& pairs) {
  Node map = Node::map();
  map.whole = true;
  for (const TextPair& pair : pairs) {
    map.add(pair.from, Node::scalar(pair.to, !is_safe_plain(pair.to)));
  }
  return map;
}

Node dump_matches(const std::vector<JsonValue>& values) {
  Node map = Node::map();
  map.whole = true;
  for (const JsonValue& value : values) {
    const auto json = nlohmann::json::parse(value.text, nullptr, false);
    map.add(value.pointer, json.is_string() ? Node::scalar(json.get<std::string>(), true)
                                            : Node::scalar(value.text));
  }
  return map;
}

}  // namespace outrigger::config
