// Walks JSON text and picks out a few members, without a tree and without an allocation. What it
// walks over is held against the grammar as JsonChecker has it. Text is given as it stands between
// its quotes, escapes and all: names and words that we look for have none. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace outrigger {

class JsonCursor {
 public:
  // `text` outlives the cursor and what it gives.
  explicit JsonCursor(std::string_view text) noexcept : rest_(text) {}

  // The first byte of the next value; NUL at the end of the text.
  [[nodiscard]] char peek() noexcept;
  // Steps over a value and returns its text; empty when it is malformed or cut.
  std::string_view skip() noexcept;
  // A string's text, or a whole number; absent, and stepped over, when the value is another.
  std::optional<std::string_view> string() noexcept;
  std::optional<std::uint64_t> number() noexcept;

  // Calls `on_member(key)` for each member of an object, which must step over its value; a value
  // that is no object is stepped over. False once the text proves malformed.
  template <class OnMember>
  bool members(OnMember&& on_member) {
    if (peek() != '{') return step_over();
    take();
    if (peek() == '}') return take();
    for (;;) {
      std::string_view key;
      if (!take_key(key)) return false;
      on_member(key);
      if (!separator('}')) return !failed_;
    }
  }
  // The same for the elements of an array.
  template <class OnElement>
  bool elements(OnElement&& on_element) {
    if (peek() != '[') return step_over();
    take();
    if (peek() == ']') return take();
    for (;;) {
      on_element();
      if (!separator(']')) return !failed_;
    }
  }
  // Nothing is left but white space, and all of it was well-formed.
  [[nodiscard]] bool at_end() noexcept { return !failed_ && peek() == '\0' && rest_.empty(); }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  bool take() noexcept {
    rest_.remove_prefix(1);
    return true;
  }
  bool step_over() noexcept {
    skip();
    return !failed_;
  }
  bool take_key(std::string_view& key) noexcept;
  // Whether a comma follows; else takes the closing bracket.
  bool separator(char closing) noexcept;

  std::string_view rest_;
  bool failed_ = false;
};

// Whether the text of a value says something: not null, false, "", [] or {}.
[[nodiscard]] bool says_something(std::string_view value) noexcept;

}  // namespace outrigger
