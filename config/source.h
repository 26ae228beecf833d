// The text of a configuration and the tree that was read from it. A Source outlives all places in
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"

namespace outrigger::config {

// One text with its lines. Not movable: places point at it.
class Source {
 public:
  Source(std::string name, std::string text);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::size_t lines() const noexcept { return starts_.size(); }
  // 1-based, without its line break; empty when there is no such line.
  [[nodiscard]] std::string_view line(std::size_t number) const noexcept;

 private:
  std::string name_, text_;
  std::vector<std::size_t> starts_;  // offset of each line
};

// A point in a source; line and column are 1-based, columns count characters. No source: built in.
struct Place {
  const Source* source = nullptr;
  std::uint32_t line = 0, column = 0;

  [[nodiscard]] Position position() const;
};

struct Member;

// A value as written. Plain data: copied freely when small, never shared.
struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kMap, kList };

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes or a block scalar: never a number or a word
  std::string text;     // of a scalar, variables put in
  bool whole = false;   // of a dumped map: one value, shown or hidden as such, on one line
  std::string written;  // of a scalar that names a variable: the text as written; else empty
  Place place;
  std::vector<Member> members;  // of a map in file order; of a list with empty keys

  [[nodiscard]] bool is_scalar() const noexcept { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_map() const noexcept { return kind == Kind::kMap; }
  [[nodiscard]] bool is_list() const noexcept { return kind == Kind::kList; }
  [[nodiscard]] const Member* find(std::string_view key) const noexcept;
  // For a message: what was written, in quotes, or the variable that it came from. Never a
  // variable's value.
  [[nodiscard]] std::string quote() const;
  // Columns that a caret display underlines.
  [[nodiscard]] std::size_t width() const noexcept;

  static Node scalar(std::string text, bool quoted = false);
  static Node list();
  static Node map();
  void add(std::string key, Node value);
};

struct Member {
  std::string key;
  Place key_place;
  Node value;
};

// Characters in UTF-8 text; a byte that is not valid UTF-8 counts as one.
std::size_t characters(std::string_view utf8) noexcept;

}  // namespace outrigger::config
