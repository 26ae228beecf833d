#include "filters/classify/json_fields.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "filters/classify/cut_json.h"

namespace outrigger::filters {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMostValues = 16;

char lower(char byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
}

// simdjson insists on UTF-8; an error message in another character set is no reason not to read it.
void replace_foreign_bytes(std::string& text) {
  for (char& byte : text) {
    if (static_cast<unsigned char>(byte) >= 0x80) byte = '?';
  }
}

JsonValue value_of(dom::element element) {
  switch (element.type()) {
    case dom::element_type::STRING:
      return {JsonValue::Kind::kText, std::string(std::string_view(element))};
    case dom::element_type::INT64: {
      const auto number = static_cast<std::int64_t>(element);
      return {JsonValue::Kind::kNumber, fmt::to_string(number), static_cast<double>(number)};
    }
    case dom::element_type::UINT64: {
      const auto number = static_cast<std::uint64_t>(element);
      return {JsonValue::Kind::kNumber, fmt::to_string(number), static_cast<double>(number)};
    }
    case dom::element_type::DOUBLE: {
      const auto number = static_cast<double>(element);
      return {JsonValue::Kind::kNumber, fmt::to_string(number), number};
    }
    case dom::element_type::BOOL:
      return {JsonValue::Kind::kLiteral, static_cast<bool>(element) ? "true" : "false"};
    case dom::element_type::NULL_VALUE:
      return {JsonValue::Kind::kLiteral, "null"};
    case dom::element_type::ARRAY:
    case dom::element_type::OBJECT:
      break;
  }
  return {};
}

// RFC 6901 3 and 4: ~1 is a slash, ~0 a tilde.
std::string unescaped(std::string_view token) {
  std::string name;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    if (!escape) {
      name += token[i];
    } else {
      name += token[++i] == '1' ? '/' : '~';
    }
  }
  return name;
}

std::optional<std::size_t> index_of(std::string_view token) noexcept {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
  return index;
}

void walk(dom::element element, std::string_view pointer, std::vector<JsonValue>& out) {
  if (out.size() == kMostValues) return;
  if (pointer.empty()) return out.push_back(value_of(element));
  if (pointer.front() != '/') return;
  const std::string_view token = pointer.substr(1, pointer.find('/', 1) - 1);
  const std::string_view rest = pointer.substr(1 + token.size());
  if (element.is_object()) {
    const auto member = dom::object(element).at_key(unescaped(token));
    if (!member.error()) walk(member.value_unsafe(), rest, out);
  } else if (element.is_array()) {
    const std::optional<std::size_t> wanted = index_of(token);
    if (!wanted && token != "*") return;
    std::size_t index = 0;
    for (const dom::element item : dom::array(element)) {
      if (!wanted || index == *wanted) walk(item, rest, out);
      ++index;
    }
  }
}

bool passes(const JsonValue& value, const config::JsonMatch& match) {
  using Test = config::JsonMatch::Test;
  switch (match.test) {
    case Test::kPresent:
      return true;
    case Test::kContains:
      return contains_ignore_case(value.text, match.text);
    case Test::kAtLeast:
      return value.kind == JsonValue::Kind::kNumber && value.number >= match.number;
    case Test::kAtMost:
      return value.kind == JsonValue::Kind::kNumber && value.number <= match.number;
    case Test::kEquals:
      break;
  }
  if (value.kind == JsonValue::Kind::kNested) return false;
  if (value.text == match.text) return true;
  if (value.kind != JsonValue::Kind::kNumber) return false;
  double number = 0;  // 1.0 is 1
  const char* const end = match.text.data() + match.text.size();
  const auto [stop, error] = std::from_chars(match.text.data(), end, number);
  return error == std::errc{} && stop == end && number == value.number;
}

}  // namespace

struct JsonAnswer::Document {
  dom::parser parser;
  dom::element root;
  bool readable = false;

  bool parse(std::string_view text) {
    const auto result = parser.parse(simdjson::padded_string(text));
    if (result.error()) return false;
    root = result.value_unsafe();
    readable = root.is_object() || root.is_array();
    return true;
  }
};

JsonAnswer::JsonAnswer(std::string_view body) {
  // Most bodies that are no JSON (a page, nothing) end here, without a parser.
  if (body.find_first_of("{[") == std::string_view::npos) return;
  document_ = std::make_unique<Document>();
  if (document_->parse(body)) return;
  std::string closed = close_cut_json(body);
  if (document_->parse(closed)) return;
  replace_foreign_bytes(closed);
  document_->parse(closed);
}

JsonAnswer::~JsonAnswer() = default;

bool JsonAnswer::empty() const noexcept {
  return document_ == nullptr || !document_->readable;
}

std::vector<JsonValue> JsonAnswer::find(std::string_view pointer) const {
  std::vector<JsonValue> values;
  if (empty()) return values;
  walk(document_->root, pointer, values);
  if (values.empty() && document_->root.is_array()) {
    const auto first = dom::array(document_->root).at(0);
    if (!first.error()) walk(first.value_unsafe(), pointer, values);
  }
  return values;
}

std::optional<JsonValue> JsonAnswer::scalar(std::string_view pointer) const {
  for (JsonValue& value : find(pointer)) {
    using Kind = JsonValue::Kind;
    if (value.kind == Kind::kText || value.kind == Kind::kNumber) return std::move(value);
  }
  return std::nullopt;
}

bool holds(const JsonAnswer& answer, const config::JsonMatch& match) {
  return std::ranges::any_of(answer.find(match.pointer),
                             [&](const JsonValue& value) { return passes(value, match); });
}

bool contains_ignore_case(std::string_view text, std::string_view part) noexcept {
  const auto found =
      std::ranges::search(text, part, [](char x, char y) { return lower(x) == lower(y); });
  return part.empty() || !found.empty();
}

}  // namespace outrigger::filters
