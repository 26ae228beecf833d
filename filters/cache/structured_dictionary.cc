#include "filters/cache/structured_dictionary.h"

#include <algorithm>

#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

using Type = DictionaryMember::Type;

constexpr std::size_t kLongestInteger = 15;  // digits, 3.3.1

bool is_lower(char byte) noexcept {
  return byte >= 'a' && byte <= 'z';
}
bool is_digit(char byte) noexcept {
  return byte >= '0' && byte <= '9';
}
bool is_alpha(char byte) noexcept {
  return is_lower(static_cast<char>(byte | 0x20));
}

struct Item {
  Type type = Type::kOther;
  std::string_view text;
};

class Dictionary {
 public:
  explicit Dictionary(std::string_view text) noexcept : rest_(text) {}

  std::optional<std::vector<DictionaryMember>> parse() {
    std::vector<DictionaryMember> members;
    skip_spaces(" ");
    while (!rest_.empty()) {
      const std::optional<DictionaryMember> member = take_member();
      if (!member) return std::nullopt;
      const auto known = std::ranges::find(members, member->key, &DictionaryMember::key);
      if (known != members.end()) *known = *member;
      if (known == members.end()) members.push_back(*member);
      skip_spaces(" \t");
      if (rest_.empty()) break;
      if (!take(',')) return std::nullopt;
      skip_spaces(" \t");
      if (rest_.empty()) return std::nullopt;  // a comma at the end
    }
    return members;
  }

 private:
  [[nodiscard]] bool at(char byte) const noexcept { return rest_.starts_with(byte); }
  bool take(char byte) noexcept {
    if (!at(byte)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip_spaces(std::string_view spaces) noexcept {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(spaces), rest_.size()));
  }
  std::string_view take_front(std::size_t size) noexcept {
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(front.size());
    return front;
  }
  template <typename Fits>
  std::string_view take_while(Fits fits) noexcept {
    const auto end = std::ranges::find_if_not(rest_, fits);
    return take_front(static_cast<std::size_t>(end - rest_.begin()));
  }

  std::optional<DictionaryMember> take_member() noexcept {
    const std::string_view key = take_key();
    if (key.empty()) return std::nullopt;
    Item item{Type::kTrue, {}};
    if (take('=')) {
      const std::optional<Item> value = at('(') ? take_inner_list() : take_item();
      if (!value) return std::nullopt;
      item = *value;
    }
    if (!skip_parameters()) return std::nullopt;
    return DictionaryMember{key, item.type, item.text};
  }

  std::string_view take_key() noexcept {
    if (rest_.empty() || (!is_lower(rest_.front()) && rest_.front() != '*')) return {};
    return take_while([](char byte) {
      return is_lower(byte) || is_digit(byte) || byte == '_' || byte == '-' || byte == '.' ||
             byte == '*';
    });
  }

  bool skip_parameters() noexcept {
    while (take(';')) {
      skip_spaces(" ");
      if (take_key().empty()) return false;
      if (take('=') && !take_item()) return false;
    }
    return true;
  }

  std::optional<Item> take_inner_list() noexcept {
    take('(');
    for (;;) {
      skip_spaces(" ");
      if (take(')')) return Item{};
      if (!take_item() || !skip_parameters()) return std::nullopt;
      if (!at(' ') && !at(')')) return std::nullopt;
    }
  }

  std::optional<Item> take_item() noexcept {
    if (rest_.empty()) return std::nullopt;
    const char first = rest_.front();
    if (first == '-' || is_digit(first)) return take_number();
    if (first == '"') return take_string();
    if (first == '?') return take_boolean();
    if (first == ':') return take_bytes();
    if (first == '*' || is_alpha(first)) {
      return Item{Type::kToken, take_while([](char byte) {
                    return http::in_class(byte, http::CharClass::kToken) || byte == ':' ||
                           byte == '/';
                  })};
    }
    return std::nullopt;
  }

  std::optional<Item> take_number() noexcept {
    const std::string_view start = rest_;
    take('-');
    const std::size_t whole = take_while(is_digit).size();
    if (whole == 0 || whole > kLongestInteger) return std::nullopt;
    Type type = Type::kInteger;
    if (take('.')) {
      const std::size_t fraction = take_while(is_digit).size();
      if (fraction == 0 || fraction > 3 || whole > 12) return std::nullopt;
      type = Type::kOther;
    }
    return Item{type, start.substr(0, start.size() - rest_.size())};
  }

  std::optional<Item> take_string() noexcept {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] < ' ' || rest_[i] > '~') return std::nullopt;
      if (rest_[i] == '"') {
        const std::string_view text = take_front(i + 1).substr(1, i - 1);
        return Item{Type::kString, text};
      }
      if (rest_[i] == '\\') {
        ++i;
        if (i == rest_.size() || (rest_[i] != '"' && rest_[i] != '\\')) return std::nullopt;
      }
    }
    return std::nullopt;
  }

  std::optional<Item> take_boolean() noexcept {
    const std::string_view text = take_front(2);
    if (text == "?1") return Item{Type::kTrue, {}};
    if (text == "?0") return Item{Type::kFalse, {}};
    return std::nullopt;
  }

  std::optional<Item> take_bytes() noexcept {
    take(':');
    take_while([](char byte) {
      return is_alpha(byte) || is_digit(byte) || byte == '+' || byte == '/' || byte == '=';
    });
    if (!take(':')) return std::nullopt;
    return Item{};
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<DictionaryMember>> parse_dictionary(std::string_view text) {
  return Dictionary(text).parse();
}

}  // namespace outrigger::filters
