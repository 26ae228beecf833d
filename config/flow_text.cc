#include "config/flow_text.h"

#include <fmt/format.h>

#include "config/codecs.h"
#include "config/expand.h"

namespace outrigger::config {
namespace {

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') result += '\\';
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result + "\"";
}

std::string print_key(std::string_view key) {
  const bool plain = is_safe_plain(key) && key.find(':') == std::string_view::npos;
  return plain ? std::string(key) : in_quotes(key);
}

}  // namespace

std::string print_scalar(const Node& node, std::string_view reference) {
  if (!reference.empty()) return in_quotes(reference);
  const std::string text = escape_variables(node.text);
  return node.quoted ? in_quotes(text) : text;
}

std::string print_flow(const Node& node) {
  if (node.is_scalar()) return print_scalar(node, {});
  std::string text;
  for (const Member& member : node.members) {
    if (!text.empty()) text += ", ";
    if (node.is_map()) text += print_key(member.key) + ": ";
    text += print_flow(member.value);
  }
  return node.is_map() ? "{" + text + "}" : "[" + text + "]";
}

}  // namespace outrigger::config
