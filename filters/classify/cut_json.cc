#include "filters/classify/cut_json.h"

#include <algorithm>
#include <cstddef>

namespace outrigger::filters {
namespace {

constexpr std::size_t kDeepest = 64;

// Bytes of the character or escape that begins with these; a surrogate pair is one.
std::size_t element_size(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if (first == '\\') {
    if (!text.substr(1).starts_with('u')) return 2;
    const bool high = text.size() >= 4 && (text[2] == 'd' || text[2] == 'D') &&
                      std::string_view("89abAB").contains(text[3]);
    return high ? 12 : 6;
  }
  if (first < 0xC0) return 1;
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  const std::string_view rest = text.substr(1, size - 1);
  // Another character set: the byte stands for itself, and may stand before the closing quote.
  const bool utf8 = std::ranges::all_of(
      rest, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; });
  return utf8 ? size : 1;
}

class Closer {
 public:
  explicit Closer(std::string_view text) noexcept : text_(text) {}

  std::string run() {
    while (at_ < text_.size() && step()) {
    }
    std::string closed(text_.substr(0, whole_));
    closed += tail_;
    closed.append(open_.rbegin(), open_.rend());
    return closed;
  }

 private:
  // False at the end of what can be read.
  bool step() {
    switch (text_[at_]) {
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        ++at_;
        return true;
      case '{':
      case '[':
        return open(text_[at_] == '{' ? '}' : ']');
      case '}':
      case ']':
        return close();
      case ',':
        key_next_ = !open_.empty() && open_.back() == '}';
        ++at_;
        return true;
      case ':':
        key_next_ = false;
        ++at_;
        return true;
      case '"':
        return string();
      default:
        return word();
    }
  }

  bool open(char closer) {
    if (open_.size() == kDeepest) return false;
    open_ += closer;
    key_next_ = closer == '}';
    whole_ = ++at_;
    return true;
  }

  bool close() {
    if (open_.back() != text_[at_]) return false;  // not empty: the outermost one ends the text
    open_.pop_back();
    whole_ = ++at_;
    return !open_.empty();
  }

  bool string() {
    const bool key = key_next_;
    std::size_t at = at_ + 1;
    while (at < text_.size() && text_[at] != '"') {
      const std::size_t size = element_size(text_.substr(at));
      if (at + size > text_.size()) break;
      at += size;
    }
    if (text_.substr(at).starts_with('"')) {
      at_ = at + 1;
      if (!key) whole_ = at_;
      return true;
    }
    if (!key) {
      whole_ = at;
      tail_ = "\"";
    }
    return false;
  }

  // A number or a literal; one that touches the cut may be a part of it.
  bool word() {
    const std::size_t end = text_.find_first_of(",:]} \t\r\n\"[{", at_);
    if (end == std::string_view::npos) return false;
    whole_ = at_ = end;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t whole_ = 0;  // up to here, with `open_` closed, the text is a document
  std::string open_;       // closers of what is open, outermost first
  std::string_view tail_;
  bool key_next_ = false;  // the next string is a name, not a value
};

}  // namespace

std::string close_cut_json(std::string_view text) {
  const std::size_t begin = text.find_first_of("{[");
  if (begin == std::string_view::npos) return {};
  return Closer(text.substr(begin)).run();
}

}  // namespace outrigger::filters
