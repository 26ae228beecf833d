#include "filters/json/canonical_json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "filters/json/json_text.h"
#include "proxy/base/json_cursor.h"

namespace outrigger::filters {
namespace {

// The code unit of a `\uXXXX` at the front of a text that is well-formed; nothing of another text.
std::optional<std::uint32_t> unit_of(std::string_view text) noexcept {
  if (!text.starts_with("\\u")) return std::nullopt;
  std::uint32_t unit = 0;
  std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  return unit;
}

bool has_lone_surrogate(std::string_view raw) noexcept {
  for (std::size_t at = raw.find('\\'); at < raw.size(); at = raw.find('\\', at)) {
    const std::uint32_t unit = unit_of(raw.substr(at)).value_or(0);
    at += unit_of(raw.substr(at)) ? 6 : 2;
    if (unit < 0xD800 || unit > 0xDFFF) continue;
    const std::uint32_t second = unit_of(raw.substr(at)).value_or(0);
    if (unit > 0xDBFF || second < 0xDC00 || second > 0xDFFF) return true;
    at += 6;
  }
  return false;
}

// The text of a string, given as it stands between its quotes.
std::optional<std::string> decoded(std::string_view raw) {
  if (!raw.contains('\\')) return std::string(raw);
  if (has_lone_surrogate(raw)) return std::nullopt;
  return JsonText(std::string_view(raw.data() - 1, raw.size() + 2)).string();
}

// A text without escapes in its JSON gets none here either: both ways lead to the same bytes.
void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      (out += "\\u00").append({kHex[static_cast<std::size_t>(c) >> 4], kHex[c & 15]});
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

// Writes the text anew while one cursor goes over it; an object whose members came in another order
// is put in order when it ends.
class Canonical {
 public:
  Canonical(std::string_view text, std::span<const std::string> exclude)
      : cursor_(text), exclude_(exclude) {
    out_.reserve(text.size());
  }

  std::optional<std::string> make() && {
    value(0);
    if (!sound_ || !cursor_.at_end()) return std::nullopt;
    return std::move(out_);
  }

 private:
  struct Member {
    std::string name;
    std::size_t begin, end;  // in out_
  };

  void value(std::size_t levels) {
    const char first = cursor_.peek();
    if (first != '{' && first != '[') return scalar();
    if (levels == kMostCanonicalLevels || !sound_) return refuse();
    return first == '{' ? object(levels + 1) : array(levels + 1);
  }

  // The cursor has to step over what is refused.
  void refuse() {
    sound_ = false;
    cursor_.skip();
  }

  void scalar() {
    const std::string_view text = cursor_.skip();
    if (!text.starts_with('"') || !text.contains('\\')) {
      out_ += text;
    } else if (const auto plain = decoded(text.substr(1, text.size() - 2))) {
      append_quoted(out_, *plain);
    } else {
      sound_ = false;
    }
  }

  void array(std::size_t levels) {
    std::size_t index = 0;
    bool first = true;
    out_ += '[';
    cursor_.elements([&] {
      const std::size_t above = enter(exclude_.empty() ? "" : std::to_string(index++));
      if (is_excluded()) {
        cursor_.skip();
      } else {
        if (!std::exchange(first, false)) out_ += ',';
        value(levels);
      }
      path_.resize(above);
    });
    out_ += ']';
  }

  void object(std::size_t levels) {
    const std::size_t begin = out_.size();
    std::vector<Member> members;
    out_ += '{';
    cursor_.members([&](std::string_view raw) {
      if (auto name = decoded(raw)) return member(std::move(*name), levels, members);
      refuse();
    });
    out_ += '}';
    put_in_order(begin, members);
  }

  void member(std::string name, std::size_t levels, std::vector<Member>& members) {
    const std::size_t above = enter(name);
    if (is_excluded()) {
      cursor_.skip();
    } else {
      if (!members.empty()) out_ += ',';
      const std::size_t begin = out_.size();
      append_quoted(out_, name);
      out_ += ':';
      value(levels);
      members.push_back({std::move(name), begin, out_.size()});
    }
    path_.resize(above);
  }

  void put_in_order(std::size_t begin, std::vector<Member>& members) {
    const bool in_order = std::ranges::is_sorted(members, {}, &Member::name);
    if (!in_order) std::ranges::sort(members, {}, &Member::name);
    const auto twice = std::ranges::adjacent_find(members, {}, &Member::name);
    if (twice != members.end()) sound_ = false;
    if (in_order || !sound_) return;
    std::string sorted;
    sorted.reserve(out_.size() - begin);
    for (const Member& each : members) {
      sorted += sorted.empty() ? '{' : ',';
      sorted.append(out_, each.begin, each.end - each.begin);
    }
    out_.resize(begin);
    out_.append(sorted) += '}';
  }

  // The pointer to where the cursor is, written as the one way of writing it that there is; returns
  // where to cut it when the value is over.
  std::size_t enter(std::string_view part) {
    const std::size_t above = path_.size();
    if (exclude_.empty()) return above;
    path_ += '/';
    for (const char c : part) {
      if (c == '~' || c == '/') {
        path_ += c == '~' ? "~0" : "~1";
      } else {
        path_ += c;
      }
    }
    return above;
  }
  [[nodiscard]] bool is_excluded() const {
    return std::ranges::find(exclude_, path_) != exclude_.end();
  }

  JsonCursor cursor_;
  std::span<const std::string> exclude_;
  std::string path_;  // kept only where something is excluded
  std::string out_;
  bool sound_ = true;
};

}  // namespace

std::optional<std::string> canonical_json(std::string_view text,
                                          std::span<const std::string> exclude) {
  if (!simdjson::validate_utf8(text)) return std::nullopt;
  return Canonical(text, exclude).make();
}

}  // namespace outrigger::filters
