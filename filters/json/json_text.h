// JSON read and changed where it stands: a value is a part of its text, so that what is not changed
// keeps every byte. No tree; what is looked for is found by walking. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/json_cursor.h"

namespace outrigger::filters {

// A value in a text that is JSON (outrigger::is_json) and outlives it; empty when there is none.
class JsonText {
 public:
  JsonText() = default;
  explicit JsonText(std::string_view text) noexcept : text_(JsonCursor(text).skip()) {}

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] bool there() const noexcept { return !text_.empty(); }
  [[nodiscard]] bool is_object() const noexcept { return text_.starts_with('{'); }
  [[nodiscard]] bool is_array() const noexcept { return text_.starts_with('['); }
  [[nodiscard]] bool is_string() const noexcept { return text_.starts_with('"'); }
  [[nodiscard]] bool is_null() const noexcept { return text_ == "null"; }
  // Not null, false, "", [] or {}.
  [[nodiscard]] bool says_something() const noexcept {
    return there() && outrigger::says_something(text_);
  }

  // The member of that name, the last of several; nothing when it is no object.
  [[nodiscard]] JsonText operator[](std::string_view name) const noexcept;
  // The text of a string, decoded; of anything else nothing.
  [[nodiscard]] std::optional<std::string> string() const;
  // Whether it is that string, which needs no escapes.
  [[nodiscard]] bool is(std::string_view text) const noexcept {
    return is_string() && text_.substr(1, text_.size() - 2) == text;
  }
  [[nodiscard]] std::optional<std::uint64_t> number() const noexcept {
    return JsonCursor(text_).number();
  }
  // Calls `visit(JsonText)` for each element; nothing when it is no array.
  template <class Visit>
  void each(Visit&& visit) const {
    if (!is_array()) return;
    JsonCursor cursor(text_);
    cursor.elements([&] { visit(JsonText(cursor.skip(), kWalked)); });
  }
  // Calls `visit(name, JsonText)` for each member; the name as it stands between its quotes.
  template <class Visit>
  void each_member(Visit&& visit) const {
    if (!is_object()) return;
    JsonCursor cursor(text_);
    cursor.members([&](std::string_view name) { visit(name, JsonText(cursor.skip(), kWalked)); });
  }

 private:
  enum Walked : std::uint8_t { kWalked };
  JsonText(std::string_view value, Walked) noexcept : text_(value) {}

  std::string_view text_;
};

// Changes to one text, made all at once. They must not overlap.
class JsonEdits {
 public:
  explicit JsonEdits(std::string_view whole) noexcept : whole_(whole) {}

  void replace(JsonText value, std::string with);
  // Behind the last element of an array, or the last member of an object (`"name":value`).
  void append(JsonText container, std::string_view what);
  // The member with the comma that it needs; nothing when there is none.
  void remove(JsonText object, std::string_view name);
  void rename(JsonText object, std::string_view name, std::string_view to);
  [[nodiscard]] bool empty() const noexcept { return edits_.empty(); }
  [[nodiscard]] std::string apply() const;

 private:
  struct Edit {
    std::size_t begin = 0, end = 0;
    std::string with;
  };
  void add(const char* begin, const char* end, std::string with);

  std::string_view whole_;
  std::vector<Edit> edits_;  // in the order of the text
};

// Between quotes, escaped.
[[nodiscard]] std::string json_quoted(std::string_view text);

}  // namespace outrigger::filters
