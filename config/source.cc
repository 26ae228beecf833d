#include "config/source.h"

#include <algorithm>

#include <fmt/format.h>

namespace outrigger::config {

Source::Source(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)) {
  starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') starts_.push_back(i + 1);
  }
}

std::string_view Source::line(std::size_t number) const noexcept {
  if (number == 0 || number > starts_.size()) return {};
  const std::size_t begin = starts_[number - 1];
  const std::size_t end = number < starts_.size() ? starts_[number] - 1 : text_.size();
  std::string_view line = std::string_view(text_).substr(begin, end - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Position Place::position() const {
  if (source == nullptr) return {};
  return {source->name(), static_cast<int>(line), static_cast<int>(column)};
}

const Member* Node::find(std::string_view key) const noexcept {
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : &*found;
}

std::string Node::quote() const {
  constexpr std::size_t kShown = 60;
  if (kind == Kind::kMap) return "a block";
  if (kind == Kind::kList) return "a list";
  if (kind == Kind::kNull) return "nothing";
  if (!written.empty()) return fmt::format("the value of {}", written);
  std::string shown;
  for (const char c : std::string_view(text).substr(0, kShown)) {
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return fmt::format("\"{}{}\"", shown, text.size() > kShown ? "..." : "");
}

std::size_t Node::width() const noexcept {
  if (!is_scalar()) return 1;
  const std::string& shown = written.empty() ? text : written;
  const std::size_t newline = shown.find('\n');
  const std::size_t length = characters(std::string_view(shown).substr(0, newline));
  return std::max<std::size_t>(1, length + (quoted ? 2 : 0));
}

Node Node::scalar(std::string text, bool quoted) {
  Node node;
  node.kind = Kind::kScalar;
  node.text = std::move(text);
  node.quoted = quoted;
  return node;
}

Node Node::list() {
  Node node;
  node.kind = Kind::kList;
  return node;
}

Node Node::map() {
  Node node;
  node.kind = Kind::kMap;
  return node;
}

void Node::add(std::string key, Node value) {
  members.push_back({std::move(key), {}, std::move(value)});
}

std::size_t characters(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace outrigger::config
