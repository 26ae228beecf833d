#include "config/match_codecs.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/codecs.h"
#include "config/field_name.h"
#include "config/json_pointer.h"
#include "config/suggest.h"
#include "config/units.h"

namespace outrigger::config {
namespace {

void refuse_key(Decoder& decoder, Code code, const Member& member, std::string_view problem,
                std::string hint) {
  const Node key = Node::scalar(member.key);
  decoder.reporter().error(code, member.key_place, fmt::format("{} {}", key.quote(), problem),
                           {std::move(hint), std::max<std::size_t>(1, characters(member.key))});
}

// ---- statuses ----

std::optional<std::uint16_t> parse_status(std::string_view text) {
  const auto number = parse_integer(text);
  if (!number || text.size() != 3 || *number < 100 || *number > 599) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<StatusRange> parse_statuses(std::string_view text) {
  if (text.size() == 3 && text.ends_with("xx") && text[0] >= '1' && text[0] <= '5') {
    const auto first = static_cast<std::uint16_t>((text[0] - '0') * 100);
    return StatusRange{first, static_cast<std::uint16_t>(first + 99)};
  }
  const std::size_t dash = text.find('-');
  const auto first = parse_status(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_status(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return StatusRange{*first, *last};
}

// ---- headers ----

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::optional<HeaderMatch> decode_header(Decoder& decoder, const Member& member) {
  if (!is_field_name(member.key)) {
    refuse_key(decoder, Code::kMatch, member, "is not the name of a header",
               "for example retry-after");
    return std::nullopt;
  }
  const Node& value = member.value;
  if (!value.is_scalar() || value.text.empty() || has_control(value.text)) {
    refuse(decoder, Code::kMatch, value,
           fmt::format("{} must be the value of a header, not {}", decoder.path(), value.quote()),
           R"(write the value, or "*" for any)");
    return std::nullopt;
  }
  return HeaderMatch{lower_case(member.key), value.text};
}

// ---- JSON values ----

constexpr std::string_view kJsonHint =
    R"(write a value, "*" for any, or {at_least: 1}, {at_most: 5}, {contains: word})";

// An explicit null; YAML does not tell it from no value at all.
bool is_written_null(const Node& node) {
  if (node.kind != Node::Kind::kNull || node.place.source == nullptr) return false;
  std::string_view rest = node.place.source->line(node.place.line);
  // Columns count characters: a byte that continues one does not count (RFC 3629).
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  for (std::uint32_t column = 1; column < node.place.column && !rest.empty(); ++column) {
    rest.remove_prefix(1);
    while (!rest.empty() && continues(rest.front())) rest.remove_prefix(1);
  }
  return rest.starts_with("null");
}

bool decode_test(Decoder& decoder, const std::string& pointer, const Member& member,
                 std::vector<JsonMatch>& out) {
  const Node& value = member.value;
  JsonMatch match{.pointer = pointer};
  if (member.key == "contains") {
    match.test = JsonMatch::Test::kContains;
    if (!value.is_scalar() || value.text.empty())
      return refuse(decoder, Code::kMatch, value, fmt::format("{} must be a text", decoder.path()));
    match.text = value.text;
  } else if (member.key == "at_least" || member.key == "at_most") {
    match.test = member.key == "at_least" ? JsonMatch::Test::kAtLeast : JsonMatch::Test::kAtMost;
    const auto number =
        value.is_scalar() && !value.quoted ? parse_decimal(value.text) : std::nullopt;
    if (!number) {
      return refuse(decoder, Code::kDecimal, value,
                    fmt::format("{} is not a number", value.quote()), "for example 1 or 0.5");
    }
    match.number = *number;
  } else {
    const std::string_view near = nearest(member.key, {"contains", "at_least", "at_most"});
    refuse_key(decoder, Code::kMatch, member, "is not a test of a JSON value",
               near.empty() ? std::string("the tests are at_least, at_most, contains")
                            : fmt::format("did you mean \"{}\"?", near));
    return false;
  }
  out.push_back(std::move(match));
  return true;
}

bool decode_json(Decoder& decoder, const Member& member, std::vector<JsonMatch>& out) {
  if (!is_json_pointer(member.key) || member.key.empty()) {
    refuse_key(decoder, Code::kPointer, member, "is not a JSON pointer",
               "each part begins with a slash, for example /error/code");
    return false;
  }
  const Node& value = member.value;
  if (value.is_map() && !value.members.empty()) {
    bool fine = true;
    for (const Member& test : value.members) {
      const Decoder::Scope scope(decoder, test.key);
      fine = decode_test(decoder, member.key, test, out) && fine;
    }
    return fine;
  }
  const bool null = is_written_null(value);
  if ((!value.is_scalar() && !null) || has_control(value.text)) {
    return refuse(
        decoder, Code::kMatch, value,
        fmt::format("{} must be a value or a test, not {}", decoder.path(), value.quote()),
        std::string(kJsonHint));
  }
  JsonMatch match{.pointer = member.key};
  if (value.text == "*") {
    match.test = JsonMatch::Test::kPresent;
  } else {
    match.text = null ? "null" : value.text;
  }
  out.push_back(std::move(match));
  return true;
}

Node text_node(const std::string& text) {
  return Node::scalar(text, !is_safe_plain(text));
}

// Plain where a person would write it plain; the tests compare as text, so both mean the same.
Node json_node(const std::string& text) {
  const bool plain = text == "true" || text == "false" || text == "null" || parse_decimal(text);
  return plain ? Node::scalar(text) : text_node(text);
}

std::string_view test_name(JsonMatch::Test test) {
  switch (test) {
    case JsonMatch::Test::kAtLeast:
      return "at_least";
    case JsonMatch::Test::kAtMost:
      return "at_most";
    case JsonMatch::Test::kContains:
      return "contains";
    case JsonMatch::Test::kEquals:
    case JsonMatch::Test::kPresent:
      break;
  }
  return {};
}

}  // namespace

bool is_block(Decoder& decoder, const Field& field, const Node& node) {
  if (node.is_map()) return true;
  return refuse(
      decoder, Code::kWrongShape, node,
      fmt::format("{} must be {}, not {}", decoder.path(), describe(field.type), node.quote()),
      fmt::format("for example {}", field.example));
}

std::optional<Verdict> verdict_key(Decoder& decoder, const Member& member) {
  const auto verdict = verdict_of(member.key);
  if (!verdict) {
    const std::string_view near = nearest(member.key, {kVerdictNames.begin(), kVerdictNames.end()});
    refuse_key(decoder, Code::kWord, member, "is not a verdict",
               near.empty() ? "for example throttled, overloaded, transient or timeout"
                            : fmt::format("did you mean \"{}\"?", near));
    return std::nullopt;
  }
  if (member.value.kind == Node::Kind::kNull) {
    decoder.reporter().error(Code::kMissingKey, member.key_place,
                             fmt::format("`{}` has no value", member.key),
                             {"write one, or remove the key", characters(member.key)});
    return std::nullopt;
  }
  return verdict;
}

bool decode_value(Decoder& decoder, const Field& field, const Type&, const Node& node,
                  StatusRange& out) {
  const auto text = decoder.scalar(field, node);
  if (!text) return false;
  const auto parsed = parse_statuses(*text);
  if (!parsed) {
    return refuse(decoder, Code::kStatus, node, fmt::format("{} is not a status", node.quote()),
                  "write a status from 100 to 599, a class as 5xx, or a range as 500-504");
  }
  out = *parsed;
  return true;
}

Node dump_value(const Type&, const StatusRange& value) {
  if (value.first == value.last) return Node::scalar(std::to_string(value.first));
  if (value.first % 100 == 0 && value.last == value.first + 99)
    return Node::scalar(fmt::format("{}xx", value.first / 100));
  return Node::scalar(fmt::format("{}-{}", value.first, value.last));
}

bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<HeaderMatch>& out) {
  if (!is_block(decoder, field, node)) return false;
  for (const Member& member : node.members) {
    const Decoder::Scope scope(decoder, member.key);
    auto match = decode_header(decoder, member);
    if (!match) continue;
    std::erase_if(out, [&](const HeaderMatch& other) { return other.name == match->name; });
    out.push_back(std::move(*match));
  }
  return true;
}

bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<JsonMatch>& out) {
  if (!is_block(decoder, field, node)) return false;
  for (const Member& member : node.members) {
    const Decoder::Scope scope(decoder, member.key);
    std::vector<JsonMatch> tests;
    if (!decode_json(decoder, member, tests)) continue;
    std::erase_if(out, [&](const JsonMatch& other) { return other.pointer == member.key; });
    std::ranges::move(tests, std::back_inserter(out));
  }
  return true;
}

Node dump_matches(const std::vector<HeaderMatch>& matches) {
  Node map = Node::map();
  map.whole = true;
  for (const HeaderMatch& match : matches) map.add(match.name, text_node(match.value));
  return map;
}

Node dump_matches(const std::vector<JsonMatch>& matches) {
  Node map = Node::map();
  map.whole = true;
  for (const JsonMatch& match : matches) {
    if (match.test == JsonMatch::Test::kPresent) {
      map.add(match.pointer, Node::scalar("*", true));
      continue;
    }
    if (match.test == JsonMatch::Test::kEquals) {
      map.add(match.pointer, json_node(match.text));
      continue;
    }
    if (map.members.empty() || map.members.back().key != match.pointer)
      map.add(match.pointer, Node::map());
    const bool text = match.test == JsonMatch::Test::kContains;
    map.members.back().value.add(
        std::string(test_name(match.test)),
        text ? text_node(match.text) : Node::scalar(print_decimal(match.number)));
  }
  return map;
}

}  // namespace outrigger::config
