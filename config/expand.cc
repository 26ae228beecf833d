#include "config/expand.h"

#include <cctype>

#include <fmt/format.h>

namespace outrigger::config {
namespace {

bool valid_name(std::string_view name) noexcept {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return false;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  return true;
}

class Expander {
 public:
  Expander(const Environment& environment, Reporter& reporter)
      : environment_(environment), reporter_(reporter) {}

  void node(Node& node) {
    if (node.is_scalar()) scalar(node);
    for (Member& member : node.members) this->node(member.value);
  }

 private:
  void scalar(Node& node);
  // The value of what stands between `${` and `}`; nothing after a report.
  std::optional<std::string> value(const Node& node, std::string_view reference);

  const Environment& environment_;
  Reporter& reporter_;
};

void Expander::scalar(Node& node) {
  if (node.text.find("${") == std::string::npos) return;
  const std::string_view text = node.text;
  std::string result;
  bool has_variable = false;
  std::size_t done = 0;
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", done)) {
    if (at > done && text[at - 1] == '$') {  // `$${`
      result += text.substr(done, at - 1 - done);
      result += "${";
      done = at + 2;
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) {
      reporter_.error(Code::kVariable, node, "`${` without its `}`",
                      "write ${NAME}, or $${ for a plain ${");
      return;
    }
    const auto found = value(node, text.substr(at + 2, end - at - 2));
    if (!found) {
      node.written = node.text;  // a reference, if to nothing
      return;
    }
    result += text.substr(done, at - done);
    result += *found;
    has_variable = true;
    done = end + 1;
  }
  result += text.substr(done);
  // A text with `$${` only is a text: quotes keep their meaning. A variable's value counts as
  // plain, so that `workers: "${N}"` is a number.
  if (has_variable) {
    node.written = node.text;
    node.quoted = false;
  }
  node.text = std::move(result);
}

std::optional<std::string> Expander::value(const Node& node, std::string_view reference) {
  const std::size_t separator = reference.find(":-");
  const std::string name(reference.substr(0, separator));
  if (!valid_name(name)) {
    reporter_.error(Code::kVariable, node,
                    fmt::format("\"{}\" is not the name of a variable", name),
                    "write ${NAME} or ${NAME:-default}, or $${ for a plain ${");
    return std::nullopt;
  }
  std::optional<std::string> found =
      environment_.variable ? environment_.variable(name) : std::nullopt;
  // As in a shell, `:-` also stands in for an empty variable.
  if (separator != std::string_view::npos && (!found || found->empty())) {
    return std::string(reference.substr(separator + 2));
  }
  if (!found) {
    reporter_.error(Code::kVariable, node, fmt::format("the environment has no variable {}", name),
                    fmt::format("set it, or give a default: ${{{}:-value}}", name));
  }
  return found;
}

}  // namespace

void expand_variables(Node& root, const Environment& environment, Reporter& reporter) {
  Expander(environment, reporter).node(root);
}

bool is_reference_only(std::string_view written) noexcept {
  return written.starts_with("${") && written.ends_with('}') &&
         valid_name(written.substr(2, written.size() - 3));
}

std::string escape_variables(std::string_view text) {
  std::string result;
  std::size_t done = 0;
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", done)) {
    result += text.substr(done, at - done);
    result += "$${";
    done = at + 2;
  }
  result += text.substr(done);
  return result;
}

}  // namespace outrigger::config
