// Reads one value of almost-JSON and writes it as JSON; see json_repair.h. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace outrigger::filters {

class LooseJson {
 public:
  explicit LooseJson(std::string_view text) noexcept : text_(text) {}

  // The value that begins at `at`; false when it cannot be read. Whatever follows is not looked at.
  bool read(std::size_t at);
  [[nodiscard]] const std::string& json() const noexcept { return out_; }
  [[nodiscard]] std::size_t end() const noexcept { return at_; }

 private:
  static constexpr std::size_t kMaxDepth = 64;

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(at_); }
  bool take(std::string_view word) noexcept;
  bool skip_space();
  bool value(std::size_t depth);
  bool members(std::size_t depth);
  bool elements(std::size_t depth);
  // After a member or element: whether another follows; `ok` says whether either was right.
  bool another(char closing, bool& ok);
  bool key();
  bool bare_key();
  bool string(std::string_view closing);
  void escape();
  bool number();
  bool word();

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::string open_;  // the closing brackets that are due, outermost first
};

}  // namespace outrigger::filters
