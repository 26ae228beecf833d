#include "proxy/base/redact.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/percent.h"

namespace outrigger {
namespace {

constexpr std::size_t kLongestKey = 64;

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// Names in one spelling: lower case, '_' as '-', percent-encoding undone. Too long to be in a list:
// cut.
class Name {
 public:
  explicit Name(std::string_view text) noexcept {
    while (!text.empty() && size_ < text_.size()) {
      const auto [c, size] = percent_front(text);
      text_[size_++] = c == '_' ? '-' : lower(c);
      text.remove_prefix(size);
    }
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, kLongestKey> text_{};
  std::size_t size_ = 0;
};

constexpr std::string_view kHeaders[] = {
    "api-key",
    "apikey",
    "authentication",
    "authorization",
    "cookie",
    "dpop",
    "ocp-apim-subscription-key",
    "private-token",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-api-key",
    "x-auth",
    "x-csrf-token",
    "x-goog-api-key",
};
constexpr std::string_view kHeaderEndings[] = {"-token",     "-secret",       "-key",
                                               "-signature", "-credential",   "-credentials",
                                               "-password",  "-authorization"};

// The OpenTelemetry list of URL parameters, and what providers take as keys (operability 3.2).
constexpr std::string_view kQueryKeys[] = {
    "access-token",
    "api-key",
    "apikey",
    "auth",
    "authorization",
    "awsaccesskeyid",
    "client-secret",
    "code",
    "credential",
    "id-token",
    "jwt",
    "key",
    "pass",
    "passwd",
    "password",
    "pwd",
    "refresh-token",
    "secret",
    "session",
    "sig",
    "signature",
    "subscription-key",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-credential",
    "x-goog-signature",
};

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view name) noexcept {
  return std::ranges::find(list, name) != std::end(list);
}

// The end of the user-info in "scheme://user:password@host...", or 0.
std::size_t user_info_end(std::string_view url, std::size_t authority) noexcept {
  const std::size_t end = std::min(url.find_first_of("/?#", authority), url.size());
  const std::size_t at = url.substr(0, end).rfind('@');
  return at == std::string_view::npos || at < authority ? 0 : at;
}

void append_redacted_query(std::string& out, std::string_view query) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find_first_of("&;"), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && is_secret_query_key(pair.substr(0, equals))) {
      out += pair.substr(0, equals + 1);
      out += kRedacted;
    } else {
      out += pair;
    }
    if (end < query.size()) out += query[end];
    query.remove_prefix(std::min(end + 1, query.size()));
  }
}

}  // namespace

bool is_secret_header(std::string_view name) noexcept {
  const Name plain(name);
  if (plain.view() == "idempotency-key")
    return false;  // an identifier, needed to tell repeats apart
  if (contains(kHeaders, plain.view())) return true;
  return std::ranges::any_of(
      kHeaderEndings, [&](std::string_view ending) { return plain.view().ends_with(ending); });
}

bool is_secret_query_key(std::string_view key) noexcept {
  return contains(kQueryKeys, Name(key).view());
}

void append_redacted_target(std::string& out, std::string_view target) {
  if (const std::size_t scheme = target.find("://");
      scheme != std::string_view::npos && scheme < target.find_first_of("/?#")) {
    if (const std::size_t at = user_info_end(target, scheme + 3); at != 0) {
      out += target.substr(0, scheme + 3);
      out += kRedacted;
      target.remove_prefix(at);
    }
  }
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) {
    out += target;
    return;
  }
  out += target.substr(0, question + 1);
  append_redacted_query(out, target.substr(question + 1));
}

std::string redacted_target(std::string_view target) {
  std::string out;
  append_redacted_target(out, target);
  return out;
}

void mask_secrets(std::span<char> text, std::span<const Secret> secrets) noexcept {
  constexpr std::size_t kShortest = 6;
  for (const Secret& secret : secrets) {
    const std::string_view value = secret.reveal();
    if (value.size() < kShortest) continue;
    char* at = text.data();
    char* const end = at + text.size();
    while ((at = static_cast<char*>(memmem(at, static_cast<std::size_t>(end - at), value.data(),
                                           value.size()))) != nullptr) {
      std::memset(at, '*', value.size());
      at += value.size();
    }
  }
}

}  // namespace outrigger
