#include "config/mask.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace outrigger::config {
namespace {

// Words in a key that make it a secret; those that end in kOpen name a file, which is not one.
constexpr std::array kWords = {"key",        "secret",     "token",         "password", "passwd",
                               "passphrase", "credential", "authorization", "cookie"};
constexpr std::array<std::string_view, 3> kOpen = {"_file", "_path", "_name"};
// Amounts of tokens, and a block whose own keys are looked at one by one.
constexpr std::array<std::string_view, 4> kNone = {"tokens", "max_tokens", "bytes_per_token",
                                                   "credentials"};

bool is_key_byte(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

std::size_t indentation(std::string_view line) noexcept {
  const std::size_t first = line.find_first_not_of(" \t-");
  return first == std::string_view::npos ? line.size() : first;
}

// The value of circuit_breaker.key, `[model, credential]`: words that are no secret.
bool names_breaker_keys(std::string_view value) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"model", "credential", "endpoint"};
  constexpr std::string_view kBetween = " ,[";
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  const bool list = value.starts_with('[');
  const std::size_t end = value.find(list ? ']' : '}');
  if (list && end == std::string_view::npos) return false;
  value = value.substr(0, end);
  bool any = false;
  while (true) {
    value.remove_prefix(std::min(value.find_first_not_of(kBetween), value.size()));
    if (value.empty()) return any;
    const std::string_view word = value.substr(0, value.find_first_of(kBetween));
    if (std::ranges::find(kNames, word) == kNames.end()) return false;
    any = true;
    value.remove_prefix(word.size());
    if (!list) return value.empty() || value.starts_with(',');
  }
}

struct SecretKey {
  std::size_t begin = std::string_view::npos;  // of the key
  std::size_t value = 0;                       // just behind its colon
};

// The first `secret_key:` in the line; the key may be in quotes.
SecretKey find_secret_key(std::string_view line) noexcept {
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    std::size_t end = colon;
    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '"' || line[end - 1] == '\''))
      --end;
    std::size_t begin = end;
    while (begin > 0 && is_key_byte(line[begin - 1])) --begin;
    const std::string_view key = line.substr(begin, end - begin);
    if (key == "key" && names_breaker_keys(line.substr(colon + 1))) continue;
    if (is_secret_key(key)) return {begin, colon + 1};
  }
  return {};
}

// The quote that the value at `value` begins with and that its line does not close; 0 for none.
char unclosed_quote(std::string_view line, std::size_t value) noexcept {
  if (value == std::string_view::npos || (line[value] != '"' && line[value] != '\'')) return 0;
  return line.find(line[value], value + 1) == std::string_view::npos ? line[value] : 0;
}

}  // namespace

bool is_secret_key(std::string_view key) noexcept {
  std::string lower(key);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (std::ranges::any_of(kOpen, [&](auto end) { return lower.ends_with(end); })) return false;
  if (std::ranges::find(kNone, lower) != kNone.end()) return false;
  return std::ranges::any_of(kWords,
                             [&](auto word) { return lower.find(word) != std::string::npos; });
}

std::vector<std::string> mask_secrets(const Source& source) {
  std::vector<std::string> masked;
  masked.reserve(source.lines());
  bool continues = false;  // the last secret's value may go on in this line
  char open_quote = 0;     // it began with this quote, which was not closed yet
  std::size_t key_indentation = 0;
  for (std::size_t number = 1; number <= source.lines(); ++number) {
    const std::string_view line = source.line(number);
    const bool blank = line.find_first_not_of(" \t") == std::string_view::npos;
    if (open_quote != 0 || (continues && (blank || indentation(line) > key_indentation))) {
      if (open_quote != 0 && line.find(open_quote) != std::string_view::npos) open_quote = 0;
      masked.emplace_back(blank ? "" : std::string(indentation(line), ' ') + std::string(kMask));
      continue;
    }
    const SecretKey key = find_secret_key(line);
    continues = key.begin != std::string_view::npos;
    if (!continues) {
      masked.push_back(mask_user_info(line));
      continue;
    }
    key_indentation = indentation(line);
    const std::size_t value = line.find_first_not_of(' ', key.value);
    open_quote = unclosed_quote(line, value);
    masked.push_back(value == std::string_view::npos
                         ? std::string(line)
                         : mask_user_info(line.substr(0, value)) + std::string(kMask));
  }
  return masked;
}

std::string mask_user_info(std::string_view text) {
  std::string masked;
  std::size_t done = 0;
  for (std::size_t scheme = text.find("://"); scheme != std::string_view::npos;
       scheme = text.find("://", done)) {
    const std::size_t begin = scheme + 3;
    const std::size_t end = text.find_first_of("/?# \t\"',}]", begin);
    const std::size_t at = text.substr(0, end).substr(begin).rfind('@');  // from `begin` on
    masked += text.substr(done, begin - done);
    done = begin;
    if (at == std::string_view::npos) continue;
    masked += kMask;
    done = begin + at;
  }
  masked += text.substr(done);
  return masked;
}

}  // namespace outrigger::config
