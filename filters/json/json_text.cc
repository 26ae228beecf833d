#include "filters/json/json_text.h"

#include <algorithm>

#include "proxy/base/json_writer.h"

namespace outrigger::filters {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

std::uint32_t hex(std::string_view digits) noexcept {
  std::uint32_t value = 0;
  for (const char c : digits) {
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    value = value << 4 | static_cast<std::uint32_t>(digit);
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    tail(12), tail(6), tail(0);
  }
}

// Takes the digits of a \u, and of the second one of a pair, off the front.
std::uint32_t take_point(std::string_view& rest) noexcept {
  const std::uint32_t first = hex(rest.substr(0, 4));
  rest.remove_prefix(4);
  if (first < 0xD800 || first > 0xDFFF) return first;
  if (first > 0xDBFF || !rest.starts_with("\\u")) return kReplacement;
  const std::uint32_t second = hex(rest.substr(2, 4));
  if (second < 0xDC00 || second > 0xDFFF) return kReplacement;
  rest.remove_prefix(6);
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

char plain_escape(char c) noexcept {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

// A name as it stands between its quotes, and the value behind it.
struct Member {
  std::string_view name;
  std::string_view value;
  [[nodiscard]] const char* begin() const noexcept { return name.data() - 1; }
  [[nodiscard]] const char* end() const noexcept { return value.data() + value.size(); }
};

}  // namespace

JsonText JsonText::operator[](std::string_view name) const noexcept {
  JsonText found;
  each_member([&](std::string_view member, JsonText value) {
    if (member == name) found = value;
  });
  return found;
}

std::optional<std::string> JsonText::string() const {
  if (!is_string()) return std::nullopt;
  std::string_view rest = text_.substr(1, text_.size() - 2);
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const std::size_t escape = std::min(rest.find('\\'), rest.size());
    out += rest.substr(0, escape);
    rest.remove_prefix(escape);
    if (rest.empty()) break;
    const char kind = rest[1];
    rest.remove_prefix(2);
    if (kind == 'u') {
      append_utf8(out, take_point(rest));
    } else {
      out += plain_escape(kind);
    }
  }
  return out;
}

void JsonEdits::add(const char* begin, const char* end, std::string with) {
  const Edit edit{static_cast<std::size_t>(begin - whole_.data()),
                  static_cast<std::size_t>(end - whole_.data()), std::move(with)};
  edits_.insert(std::ranges::upper_bound(edits_, edit.begin, {}, &Edit::begin), edit);
}

void JsonEdits::replace(JsonText value, std::string with) {
  add(value.text().data(), value.text().data() + value.text().size(), std::move(with));
}

void JsonEdits::append(JsonText container, std::string_view what) {
  const std::string_view text = container.text();
  const char* closing = text.data() + text.size() - 1;
  const std::string_view inside = text.substr(1, text.size() - 2);
  const bool first = inside.find_first_not_of(" \t\r\n") == std::string_view::npos;
  add(closing, closing, (first ? "" : ",") + std::string(what));
}

void JsonEdits::remove(JsonText object, std::string_view name) {
  std::vector<Member> members;
  object.each_member(
      [&](std::string_view member, JsonText value) { members.push_back({member, value.text()}); });
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].name != name) continue;
    // Up to the next member that stays; the last ones from the end of what stays before them.
    std::size_t next = i;
    while (next < members.size() && members[next].name == name) ++next;
    if (next < members.size()) {
      add(members[i].begin(), members[next].begin(), {});
    } else {
      add(i == 0 ? members[i].begin() : members[i - 1].end(), members[next - 1].end(), {});
    }
    i = next;
  }
}

void JsonEdits::rename(JsonText object, std::string_view name, std::string_view to) {
  object.each_member([&](std::string_view member, JsonText) {
    if (member == name) add(member.data(), member.data() + member.size(), std::string(to));
  });
}

std::string JsonEdits::apply() const {
  std::string out;
  std::size_t at = 0;
  for (const Edit& edit : edits_) {
    out += whole_.substr(at, edit.begin - at);
    out += edit.with;
    at = edit.end;
  }
  out += whole_.substr(at);
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace outrigger::filters
