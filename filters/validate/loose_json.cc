#include "filters/validate/loose_json.h"

#include <algorithm>
#include <array>
#include <utility>

namespace outrigger::filters {
namespace {

using namespace std::string_view_literals;

constexpr std::array kQuotePairs = {std::pair{"\""sv, "\""sv}, std::pair{"'"sv, "'"sv},
                                    std::pair{"\u201c"sv, "\u201d"sv},
                                    std::pair{"\u2018"sv, "\u2019"sv}};

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) noexcept {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}
bool begins_name(char c) noexcept {
  return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '$';
}
bool is_name(char c) noexcept {
  return begins_name(c) || is_digit(c) || c == '-';
}

}  // namespace

bool LooseJson::take(std::string_view word) noexcept {
  if (!rest().starts_with(word)) return false;
  at_ += word.size();
  return true;
}

// Comments are space; false when one is not closed.
bool LooseJson::skip_space() {
  while (!at_end()) {
    if (std::string_view(" \t\r\n").contains(text_[at_])) {
      ++at_;
    } else if (take("//") || take("#")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (take("/*")) {
      at_ = text_.find("*/", at_);
      if (at_ == std::string_view::npos) {
        at_ = text_.size();
        return false;
      }
      at_ += 2;
    } else if (!take("\u00a0")) {
      break;
    }
  }
  return true;
}

bool LooseJson::read(std::size_t at) {
  at_ = at;
  out_.clear();
  open_.clear();
  return skip_space() && value(0);
}

bool LooseJson::value(std::size_t depth) {
  if (at_end() || depth > kMaxDepth) return false;
  if (take("{")) return members(depth);
  if (take("[")) return elements(depth);
  for (const auto& [opening, closing] : kQuotePairs) {
    if (!take(opening)) continue;
    return string(closing);
  }
  return begins_name(text_[at_]) ? word() : number();
}

bool LooseJson::members(std::size_t depth) {
  out_ += '{';
  open_ += '}';
  bool ok = skip_space();
  bool more = ok && !at_end() && text_[at_] != '}' && text_[at_] != ']';
  while (more && ok) {
    ok = key() && skip_space() && take(":") && skip_space();
    if (!ok) break;
    out_ += ':';
    ok = value(depth + 1) && skip_space();
    more = ok && another('}', ok);
  }
  if (!ok) return false;
  if (!at_end() && !take("}")) return false;
  open_.pop_back();
  out_ += '}';
  return true;
}

bool LooseJson::elements(std::size_t depth) {
  out_ += '[';
  open_ += ']';
  bool ok = skip_space();
  bool more = ok && !at_end() && text_[at_] != ']' && text_[at_] != '}';
  while (more && ok) {
    ok = value(depth + 1) && skip_space();
    more = ok && another(']', ok);
  }
  if (!ok) return false;
  if (!at_end() && !take("]")) {
    // The bracket of the object around it: this one was forgotten.
    const bool around = text_[at_] == '}' && open_.size() > 1 && open_[open_.size() - 2] == '}';
    if (!around) return false;
  }
  open_.pop_back();
  out_ += ']';
  return true;
}

bool LooseJson::another(char closing, bool& ok) {
  if (at_end() || text_[at_] == '}' || text_[at_] == ']') return false;
  ok = take(",") && skip_space();
  if (!ok) return false;
  const bool last = at_end() || text_[at_] == closing || text_[at_] == '}';
  if (!last) out_ += ',';
  return !last;
}

bool LooseJson::key() {
  for (const auto& [opening, closing] : kQuotePairs) {
    if (!take(opening)) continue;
    return string(closing) && !at_end();  // without its value it is nothing
  }
  return bare_key();
}

bool LooseJson::bare_key() {
  if (at_end() || !begins_name(text_[at_])) return false;
  const std::size_t begin = at_;
  while (!at_end() && is_name(text_[at_])) ++at_;
  out_.append("\"").append(text_, begin, at_ - begin).append("\"");
  return true;
}

bool LooseJson::string(std::string_view closing) {
  out_ += '"';
  while (!at_end() && !take(closing)) {
    const char c = text_[at_];
    if (c == '\\') {
      escape();
      continue;
    }
    ++at_;
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      if (c == '\n') {
        out_ += "\\n";
      } else {
        out_.append("\\u00").append(1, c < 0x10 ? '0' : '1').append(1, kHex[c & 0xF]);
      }
    } else if (c == '"') {
      out_ += "\\\"";
    } else {
      out_ += c;
    }
  }
  out_ += '"';
  return true;
}

// Of an escape that JSON has not, the backslash is meant: "C:\dir", "\alpha".
void LooseJson::escape() {
  const std::string_view after = text_.substr(at_ + 1);
  const bool point =
      after.size() >= 5 && after[0] == 'u' && std::ranges::all_of(after.substr(1, 4), is_hex);
  if (point) {
    out_.append(text_, at_, 6);
    at_ += 6;
    return;
  }
  ++at_;
  if (after.empty()) return;  // of what it was to be, nothing is known
  if (std::string_view("\"\\/bfnrt").contains(after[0])) {
    out_.append("\\").append(1, after[0]);
    ++at_;
  } else if (after[0] == '\'') {
    out_ += '\'';
    ++at_;
  } else {
    out_ += "\\\\";
  }
}

bool LooseJson::number() {
  const auto digits = [&] {
    const std::size_t begin = at_;
    while (!at_end() && is_digit(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  };
  if (take("-")) out_ += '-';
  const std::string_view whole = digits();
  if (whole.size() > 1 && whole.front() == '0') return false;  // 007 may be a name of something
  const bool point = take(".");
  const std::string_view part = point ? digits() : std::string_view();
  if (whole.empty() && part.empty()) return false;
  out_ += whole.empty() ? "0" : whole;
  if (!part.empty()) out_.append(".").append(part);
  if (take("e") || take("E")) {
    out_ += 'e';
    if (take("-")) {
      out_ += '-';
    } else {
      take("+");
    }
    const std::string_view exponent = digits();
    if (exponent.empty()) return false;
    out_ += exponent;
  }
  // "12 apples", "2026-11-27": not a number.
  return at_end() || std::string_view(" \t\r\n,]}/#").contains(text_[at_]);
}

bool LooseJson::word() {
  constexpr std::array kWords = {std::pair{"true"sv, "true"sv},     std::pair{"false"sv, "false"sv},
                                 std::pair{"null"sv, "null"sv},     std::pair{"True"sv, "true"sv},
                                 std::pair{"False"sv, "false"sv},   std::pair{"None"sv, "null"sv},
                                 std::pair{"undefined"sv, "null"sv}};
  const std::size_t begin = at_;
  while (!at_end() && is_name(text_[at_])) ++at_;
  const std::string_view written = text_.substr(begin, at_ - begin);
  for (const auto& [from, to] : kWords) {
    if (written != from) continue;
    out_ += to;
    return true;
  }
  return false;
}

}  // namespace outrigger::filters
