#include "proxy/base/json_cursor.h"

#include <charconv>

#include "proxy/base/json_checker.h"

namespace outrigger {

char JsonCursor::peek() noexcept {
  constexpr std::string_view kSpace = " \n\r\t";
  while (!rest_.empty() && kSpace.contains(rest_.front())) rest_.remove_prefix(1);
  return rest_.empty() ? '\0' : rest_.front();
}

std::string_view JsonCursor::skip() noexcept {
  static_cast<void>(peek());  // past white space
  JsonChecker checker;
  const std::string_view value = rest_.substr(0, failed_ ? 0 : checker.feed(rest_));
  if (!checker.finish()) {
    failed_ = true;
    return {};
  }
  rest_.remove_prefix(value.size());
  return value;
}

std::optional<std::string_view> JsonCursor::string() noexcept {
  const std::string_view value = skip();
  if (!value.starts_with('"')) return std::nullopt;
  return value.substr(1, value.size() - 2);
}

std::optional<std::uint64_t> JsonCursor::number() noexcept {
  const std::string_view value = skip();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size()) {
    return std::nullopt;
  }
  return number;
}

bool JsonCursor::take_key(std::string_view& key) noexcept {
  const bool named = peek() == '"';
  if (const auto text = string(); named && text) key = *text;
  failed_ = failed_ || !named || peek() != ':';
  return !failed_ && take();
}

bool JsonCursor::separator(char closing) noexcept {
  if (failed_) return false;
  const char next = peek();
  failed_ = next != ',' && next != closing;
  if (failed_) return false;
  take();
  return next == ',';
}

bool says_something(std::string_view value) noexcept {
  if (value.empty() || value == "null" || value == "false" || value == "\"\"") return false;
  if (value.front() != '[' && value.front() != '{') return true;
  return value.find_first_not_of(" \n\r\t", 1) != value.size() - 1;
}

}  // namespace outrigger
