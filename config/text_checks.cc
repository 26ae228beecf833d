#include "config/text_checks.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "config/loader.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;

constexpr std::array kTrueWords = {"on"sv, "yes"sv, "y"sv};
constexpr std::array kFalseWords = {"off"sv, "no"sv, "n"sv};

std::string lower(std::string_view text) {
  std::string result(text.substr(0, 8));
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// YAML 1.1 reads it as a boolean: "true" or "false" when it does, else empty.
std::string_view boolean_of(std::string_view word) {
  if (word.size() > 3) return {};
  const std::string text = lower(word);
  if (std::ranges::find(kTrueWords, text) != kTrueWords.end()) return "true";
  if (std::ranges::find(kFalseWords, text) != kFalseWords.end()) return "false";
  return {};
}

bool octal_looking(std::string_view text) {
  return text.size() > 1 && text.front() == '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Length of the valid UTF-8 sequence at the front, 0 when there is none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
  const bool outside = (byte(0) == 0xED && byte(1) > 0x9F) || (byte(0) == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

bool allowed_byte(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 ? byte != 0x7f : c == '\t' || c == '\r';
}

// The column (1-based) of the first byte that is no text, 0 for none.
std::size_t bad_column(std::string_view line) {
  std::size_t column = 1;
  for (std::size_t i = 0; i < line.size(); ++column) {
    const std::size_t length = allowed_byte(line[i]) ? utf8_length(line.substr(i)) : 0;
    if (length == 0) return column;
    i += length;
  }
  return 0;
}

bool check_line(const Source& source, std::size_t number, Reporter& reporter) {
  const std::string_view line = source.line(number);
  const Place start{&source, static_cast<std::uint32_t>(number), 1};
  if (const std::size_t column = bad_column(line); column != 0) {
    reporter.error(Code::kText, {&source, start.line, static_cast<std::uint32_t>(column)},
                   "a byte that is not UTF-8 text");
    return false;
  }
  const std::size_t text = line.find_first_not_of(" \t");
  const std::size_t tab = line.substr(0, text).find('\t');
  if (text == std::string_view::npos || line[text] == '#' || tab == std::string_view::npos)
    return true;
  reporter.error(Code::kSyntax, {&source, start.line, static_cast<std::uint32_t>(tab + 1)},
                 "a tab in the indentation", {"indent with spaces"});
  return false;
}

// yaml-cpp takes the end of the file for a closing quote.
bool closes(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != quote) return true;
      ++i;
    }
  }
  return false;
}

struct Phrase {
  std::string_view parser, ours, hint;
};
constexpr std::array kPhrases = {
    Phrase{"illegal map value", "a `:` where no key can stand",
           "check the indentation, or put a value that holds `: ` in quotes"},
    Phrase{"end of map not found", "a line that does not belong to its block",
           "check the indentation"},
    Phrase{"end of map flow not found", "a `{` that is not closed", "add `}`"},
    Phrase{"end of sequence flow not found", "a `[` that is not closed", "add `]`"},
    Phrase{"end of sequence not found", "a line that does not belong to its list",
           "check the indentation"},
    Phrase{"the referenced anchor is not defined", "aliases are not used here",
           "write the value itself"},
    Phrase{"unknown token", "a character that cannot start a value", "put the value in quotes"},
    Phrase{"illegal block entry", "a `-` where no list can stand", "check the indentation"},
    Phrase{"illegal flow end", "a closing bracket without its opening one", ""},
};

}  // namespace

bool check_text(const Source& source, Reporter& reporter) {
  if (source.text().size() > kMaxFileBytes) {
    reporter.error(Code::kUnreadableFile, {&source, 0, 0}, "larger than 4 MiB");
    return false;
  }
  bool fine = true;
  for (std::size_t number = 1; number <= source.lines(); ++number) {
    fine = check_line(source, number, reporter) && fine;
  }
  return fine;
}

void check_scalar(const Node& node, std::string_view rest, Reporter& reporter) {
  if (node.quoted) {
    if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'') && !closes(rest)) {
      reporter.error(Code::kSyntax, node.place, "a quote that is not closed");
    }
    return;
  }
  if (const std::string_view meaning = boolean_of(node.text); !meaning.empty()) {
    reporter.error(
        Code::kAmbiguousWord, node,
        fmt::format("{} is a boolean to some YAML tools and a text to others", node.quote()),
        fmt::format("write {}, or \"{}\" in quotes for the text", meaning, node.text));
  } else if (octal_looking(node.text)) {
    const std::size_t digits = std::min(node.text.find_first_not_of('0'), node.text.size() - 1);
    reporter.error(
        Code::kAmbiguousWord, node,
        fmt::format("{} is octal to some YAML tools and decimal to others", node.quote()),
        fmt::format("write {}, or put a text in quotes", node.text.substr(digits)));
  }
}

void check_key(const Node& node, Reporter& reporter) {
  if (node.quoted || boolean_of(node.text).empty()) return;
  reporter.error(Code::kAmbiguousWord, node,
                 fmt::format("{} as a key is a boolean to some YAML tools", node.quote()),
                 "choose another name");
}

void report_syntax(const Place& at, const std::string& message, Reporter& reporter) {
  const auto known = std::ranges::find(kPhrases, message, &Phrase::parser);
  if (known == kPhrases.end()) {
    reporter.error(Code::kSyntax, at, message);
  } else {
    reporter.error(Code::kSyntax, at, std::string(known->ours), {std::string(known->hint)});
  }
}

}  // namespace outrigger::config
