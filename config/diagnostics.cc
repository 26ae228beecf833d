#include "config/diagnostics.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace outrigger::config {
namespace {

constexpr std::size_t kShownColumns = 160;  // of a source line: a longer one is cut

struct Palette {
  std::string_view bold, red, yellow, dim, reset;
};
constexpr Palette kColours = {"\033[1m", "\033[1;31m", "\033[1;33m", "\033[2m", "\033[0m"};
constexpr Palette kPlain = {};

std::string place(const Position& position) {
  if (position.file.empty()) return "";
  if (position.line == 0) return position.file + ": ";
  return fmt::format("{}:{}:{}: ", position.file, position.line, position.column);
}

// Cut to whole characters, tabs as single spaces, so that the caret stands under its column.
std::string shown(const std::string& line) {
  std::string text;
  std::size_t columns = 0;
  for (const char c : line) {
    const bool starts_character = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts_character && columns++ == kShownColumns) return text + "...";
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return text;
}

std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string snippet(const Diagnostic& d, const Palette& colour, std::string_view accent) {
  const std::string line = shown(d.source_line);
  const int digits = std::max(5, static_cast<int>(std::to_string(d.position.line).size()));
  std::string text;
  if (!d.previous_line.empty()) {
    text += fmt::format("{}{:>{}} |{} {}\n", colour.dim, d.position.line - 1, digits, colour.reset,
                        shown(d.previous_line));
  }
  text += fmt::format("{}{:>{}} |{} {}\n", colour.dim, d.position.line, digits, colour.reset, line);
  // A masked or cut line is shorter than the original: the caret stays at its end.
  const std::size_t end = columns_of(line);
  const std::size_t begin =
      std::min(static_cast<std::size_t>(std::max(1, d.position.column)) - 1, end);
  const std::size_t width = std::clamp<std::size_t>(end - begin, 1, d.width);
  text += fmt::format("{}{:>{}} |{} {}{}{}{}", colour.dim, "", digits, colour.reset,
                      std::string(begin, ' '), accent, std::string(width, '^'), colour.reset);
  if (!d.hint.empty()) text += " " + d.hint;
  return text + "\n";
}

std::string count(std::size_t n, std::string_view word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

}  // namespace

std::string render(const Diagnostic& d, bool colour) {
  const Palette& palette = colour ? kColours : kPlain;
  const bool error = d.severity == Severity::kError;
  const std::string_view accent = error ? palette.red : palette.yellow;
  std::string text =
      fmt::format("{}{}{}{}{} {}:{} {}\n", palette.bold, place(d.position), accent,
                  error ? "error" : "warning", palette.reset, d.code, palette.reset, d.message);
  if (d.position.line > 0 && !d.source_line.empty()) return text + snippet(d, palette, accent);
  if (!d.hint.empty()) text += fmt::format("      {}\n", d.hint);
  return text;
}

std::string render(const std::vector<Diagnostic>& diagnostics, bool colour) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += render(diagnostic, colour);
  if (!diagnostics.empty()) text += summary(diagnostics) + "\n";
  return text;
}

std::string render_json(const std::vector<Diagnostic>& diagnostics) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Diagnostic& d : diagnostics) {
    all.push_back({{"severity", d.severity == Severity::kError ? "error" : "warning"},
                   {"code", d.code},
                   {"message", d.message},
                   {"file", d.position.file},
                   {"line", d.position.line},
                   {"column", d.position.column},
                   {"width", d.width},
                   {"hint", d.hint}});
  }
  // A file name or quoted text may hold bytes that are not UTF-8.
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string summary(const std::vector<Diagnostic>& diagnostics) {
  const auto errors = static_cast<std::size_t>(
      std::ranges::count(diagnostics, Severity::kError, &Diagnostic::severity));
  const std::size_t warnings = diagnostics.size() - errors;
  std::string text;
  if (errors > 0) text = count(errors, "error");
  if (warnings > 0) text += (text.empty() ? "" : ", ") + count(warnings, "warning");
  if (diagnostics.empty()) return "no errors";
  const auto first = std::ranges::find(diagnostics, Severity::kError, &Diagnostic::severity);
  return fmt::format("{}. See: outrigger explain {}", text,
                     first == diagnostics.end() ? diagnostics.front().code : first->code);
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) noexcept {
  return std::ranges::any_of(diagnostics,
                             [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

}  // namespace outrigger::config
