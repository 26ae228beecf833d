#include "config/codecs.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "config/expand.h"
#include "config/suggest.h"
#include "config/units.h"

namespace outrigger::config {
namespace {

using Kind = Type::Kind;

// A number in quotes is a text, unless it came from a variable.
bool plain_number(Decoder& decoder, const Node& node) {
  if (!node.quoted) return true;
  return refuse(decoder, Code::kNumber, node, fmt::format("{} is a text", node.quote()),
                fmt::format("write {} without quotes", node.text));
}

template <class Value, class Print>
bool in_bounds(Decoder& decoder, const Field& field, const Node& node, Value value, Print print) {
  const auto min = static_cast<Value>(field.bounds.min);
  const auto max = static_cast<Value>(field.bounds.max);
  if (value >= min && value <= max) return true;
  const bool low = value < min;
  std::string hint;
  if (low && !field.type.special.empty()) hint = fmt::format("write {}", field.type.special);
  if (low && value == 0 && field.bounds.min == 1) {
    return refuse(decoder, Code::kRange, node, fmt::format("{} must not be 0", decoder.path()),
                  hint);
  }
  return refuse(decoder, Code::kRange, node,
                fmt::format("{} must be at {} {}", decoder.path(), low ? "least" : "most",
                            print(low ? min : max)),
                hint);
}

}  // namespace

bool is_safe_plain(std::string_view text) {
  constexpr std::array<std::string_view, 13> kTaken = {
      "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "none", "auto", "default"};
  const auto good = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-._/:").find(c) != std::string_view::npos;
  };
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return !text.empty() && std::ranges::all_of(text, good) && text.back() != ':' &&
         (std::isalpha(static_cast<unsigned char>(text.front())) != 0 || text.front() == '/') &&
         std::ranges::find(kTaken, lower) == kTaken.end();
}

bool is_usable_name(std::string_view name) noexcept {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 64 && alphanumeric(name.front()) &&
         std::ranges::all_of(
             name, [&](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

std::string reference_of(const Type& type, const Node& node) {
  const bool from_file = type.kind == Kind::kJson || type.kind == Kind::kContent;
  if (from_file && !node.text.starts_with("file:")) return {};
  if (type.kind != Kind::kSecret && !from_file) return {};
  if (!node.written.empty()) return is_reference_only(node.written) ? node.written : std::string();
  return node.text.starts_with("file:") ? escape_variables(node.text) : std::string();
}

bool decode_value(Decoder& decoder, const Field& field, const Type&, const Node& node,
                  Duration& out) {
  const auto text = decoder.scalar(field, node);
  if (!text) return false;
  const auto parsed = parse_duration(*text);
  if (!parsed) {
    const bool number = node.written.empty() && parse_integer(*text).has_value();
    return refuse(decoder, Code::kDuration, node, fmt::format("{} is not a duration", node.quote()),
                  number ? fmt::format("write a unit, for example \"{0}ms\" or \"{0}s\"", *text)
                         : "write a number and a unit, for example \"500ms\", \"2s\" or \"1m30s\"");
  }
  const auto print = [](std::uint64_t n) {
    return print_duration(Duration(static_cast<std::int64_t>(n)));
  };
  if (!in_bounds(decoder, field, node, static_cast<std::uint64_t>(parsed->count()), print))
    return false;
  out = *parsed;
  return true;
}

bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  double& out) {
  const auto text = decoder.scalar(field, node);
  if (!text || !plain_number(decoder, node)) return false;
  const bool percent = type.kind == Kind::kPercent;
  const auto parsed = percent ? parse_percent(*text) : parse_decimal(*text);
  if (!parsed && percent) {
    const bool number = node.written.empty() && parse_integer(*text).has_value();
    return refuse(
        decoder, Code::kPercent, node, fmt::format("{} is not a percentage", node.quote()),
        number ? fmt::format("write the sign: {}%", *text) : "write 0% to 100%, for example 20%");
  }
  if (!parsed) {
    return refuse(decoder, Code::kDecimal, node, fmt::format("{} is not a number", node.quote()),
                  "digits, perhaps a point and digits, for example 1.5");
  }
  const auto print = [&](double n) { return percent ? fmt::format("{}%", n) : print_decimal(n); };
  if (!in_bounds(decoder, field, node, percent ? *parsed * 100 : *parsed, print)) return false;
  out = *parsed;
  return true;
}

bool decode_value(Decoder& decoder, const Field&, const Type&, const Node& node, Rate& out) {
  const auto parsed = node.is_scalar() ? parse_rate(node.text) : std::nullopt;
  if (!parsed) {
    return refuse(decoder, Code::kRate, node, fmt::format("{} is not a rate", node.quote()),
                  "a whole number and a time, for example \"5/s\" or \"1000/min\"");
  }
  out = *parsed;
  return true;
}

bool decode_size(Decoder& decoder, const Field& field, const Node& node, ByteCount& out) {
  const auto text = decoder.scalar(field, node);
  if (!text) return false;
  const auto parsed = parse_size(*text);
  if (!parsed) {
    const bool number = node.written.empty() && parse_integer(*text).has_value();
    return refuse(decoder, Code::kSize, node, fmt::format("{} is not a size", node.quote()),
                  number ? fmt::format("write a unit, for example \"{0}B\" or \"{0}KiB\"", *text)
                         : "write a number and a unit, for example \"64KiB\" or \"10MB\"");
  }
  if (!in_bounds(decoder, field, node, *parsed, print_size)) return false;
  out = *parsed;
  return true;
}

bool decode_integer(Decoder& decoder, const Field& field, const Node& node, std::uint64_t& out) {
  const auto text = decoder.scalar(field, node);
  if (!text || !plain_number(decoder, node)) return false;
  const auto parsed = parse_integer(*text);
  if (!parsed) {
    return refuse(decoder, Code::kNumber, node,
                  fmt::format("{} is not a whole number", node.quote()), "digits only");
  }
  if (!in_bounds(decoder, field, node, *parsed, [](std::uint64_t n) { return std::to_string(n); }))
    return false;
  out = *parsed;
  return true;
}

bool decode_word(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                 std::size_t& out) {
  const auto text = decoder.scalar(field, node);
  if (!text) return false;
  const auto found = std::ranges::find(type.words, *text);
  if (found == type.words.end()) {
    const std::string_view near = nearest(*text, {type.words.begin(), type.words.end()});
    return refuse(decoder, Code::kWord, node,
                  fmt::format("{} is not {}", node.quote(), describe(type)),
                  near.empty() ? std::string("write one of these words")
                               : fmt::format("did you mean \"{}\"?", near));
  }
  out = static_cast<std::size_t>(found - type.words.begin());
  return true;
}

bool decode_value(Decoder& decoder, const Field& field, const Type&, const Node& node, bool& out) {
  const auto text = decoder.scalar(field, node);
  if (!text) return false;
  if (node.quoted || (*text != "true" && *text != "false")) {
    std::string lower(*text);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const bool nearly = node.written.empty() && (lower == "true" || lower == "false");
    return refuse(decoder, Code::kBoolean, node,
                  fmt::format("{} is not true or false", node.quote()),
                  nearly ? fmt::format("write {}, in lower case and without quotes", lower) : "");
  }
  out = *text == "true";
  return true;
}

Node dump_value(const Type&, Duration value) {
  return Node::scalar(print_duration(value));
}
Node dump_value(const Type&, bool value) {
  return Node::scalar(value ? "true" : "false");
}

Node dump_value(const Type& type, const std::string& value) {
  if (value.empty() && !type.special.empty()) return Node::scalar(std::string(type.special));
  return Node::scalar(value, !is_safe_plain(value));
}

// The value itself is not for dumps: `show` puts in the reference, the hash knows only that it is
// set.
Node dump_value(const Type&, const Secret&) {
  return Node::scalar("<redacted>", true);
}

Node dump_value(const Type&, const Endpoint& value) {
  return Node::scalar(value.url, !is_safe_plain(value.url));
}
Node dump_value(const Type&, const ListenAddress& value) {
  return Node::scalar(value.text, !is_safe_plain(value.text));
}

Node dump_value(const Type& type, double value) {
  return Node::scalar(type.kind == Kind::kPercent ? print_percent(value) : print_decimal(value));
}

Node dump_value(const Type&, const Rate& value) {
  return Node::scalar(print_rate(value));
}

Node dump_number(const Type& type, std::uint64_t value) {
  if (type.kind == Kind::kSize) return Node::scalar(print_size(value));
  if (value == 0 && !type.special.empty()) return Node::scalar(std::string(type.special));
  return Node::scalar(std::to_string(value));
}

Node dump_block(const Block& block, const void* object) {
  Node map = Node::map();
  for_each_field(block, object, [&](const Field& field, const void* owner) {
    if (field.dump == nullptr) return;
    if (auto value = field.dump(field, owner)) map.add(std::string(field.key), std::move(*value));
  });
  return map;
}

}  // namespace outrigger::config
