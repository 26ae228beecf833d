#include "proxy/http/h1_grammar.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "proxy/http/headers.h"

namespace outrigger::http {
namespace {

constexpr bool is_alpha(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(int c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_hex(int c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
constexpr bool is_one_of(int c, std::string_view set) {
  return set.find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr std::uint8_t classes_of(int c) {
  const bool visible = c > 0x20 && c < 0x7f;
  unsigned classes = 0;
  const auto add = [&](CharClass one, bool member) {
    if (member) classes |= static_cast<unsigned>(one);
  };
  add(CharClass::kToken, is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~"));
  add(CharClass::kFieldByte, visible || c == ' ' || c == '\t' || c >= 0x80);
  add(CharClass::kTargetByte, visible && !is_one_of(c, "\"<>\\^`{|}#"));
  add(CharClass::kHostByte, is_alpha(c) || is_digit(c) || is_one_of(c, "-._"));
  add(CharClass::kDigit, is_digit(c));
  add(CharClass::kHexDigit, is_hex(c));
  return static_cast<std::uint8_t>(classes);
}

constexpr auto make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) classes[static_cast<std::size_t>(c)] = classes_of(c);
  return classes;
}

const char* skip(const char* at, const char* end, CharClass wanted) noexcept {
  while (at != end && in_class(*at, wanted)) ++at;
  return at;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) noexcept {
  if (digits.empty() || digits.size() > 5 || digits.front() == '0') return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return port;
}

bool is_ipv6(std::string_view text) noexcept {
  char copy[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof copy) return false;
  *std::copy(text.begin(), text.end(), copy) = '\0';
  in6_addr address;
  return std::strlen(copy) == text.size() && inet_pton(AF_INET6, copy, &address) == 1;
}

}  // namespace

constinit const std::array<std::uint8_t, 256> kCharClasses = make_classes();

const char* skip_token(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
  // Names are nearly all letters, digits and '-', checked sixteen at a time; the table knows the
  // rest.
  const auto within = [](__m128i bytes, char first, char last) {
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(first - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(last + 1))));
  };
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i others =
        _mm_or_si128(within(bytes, '0', '9'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letters, others)));
    if (mask != 0xffff) {
      at += __builtin_ctz(~mask);
      break;
    }
    at += 16;
  }
#endif
  return skip(at, end, CharClass::kToken);
}

const char* skip_target(const char* at, const char* end) noexcept {
  return skip(at, end, CharClass::kTargetByte);
}

const char* skip_field_value(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
  // Sixteen bytes at a time: a control character is at most 0x1f, except HTAB, or 0x7f.
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                     _mm_cmpeq_epi8(bytes, del));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(bad));
    if (mask != 0) return at + __builtin_ctz(mask);
    at += 16;
  }
#endif
  return skip(at, end, CharClass::kFieldByte);
}

bool is_token(std::string_view text) noexcept {
  const char* end = text.data() + text.size();
  return !text.empty() && skip_token(text.data(), end) == end;
}

bool is_field_value(std::string_view text) noexcept {
  const char* end = text.data() + text.size();
  return skip_field_value(text.data(), end) == end;
}

bool is_target(std::string_view text) noexcept {
  const char* end = text.data() + text.size();
  return !text.empty() && skip_target(text.data(), end) == end;
}

std::string_view trim_whitespace(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool next_list_item(std::string_view& rest, std::string_view& item) noexcept {
  if (rest.data() == nullptr) return false;
  const std::size_t comma = rest.find(',');
  item = trim_whitespace(rest.substr(0, comma));
  rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  return true;
}

bool list_contains(std::string_view list, std::string_view token) noexcept {
  for (std::string_view item; next_list_item(list, item);) {
    if (equals_ignore_case(item, token)) return true;
  }
  return false;
}

std::optional<AuthorityParts> split_authority(std::string_view text) noexcept {
  AuthorityParts parts;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1))) return std::nullopt;
    parts.host = text.substr(0, close + 1);
    rest = text.substr(close + 1);
  } else {
    const char* end = skip(text.data(), text.data() + text.size(), CharClass::kHostByte);
    parts.host = text.substr(0, static_cast<std::size_t>(end - text.data()));
    rest = text.substr(parts.host.size());
  }
  if (parts.host.empty()) return std::nullopt;
  if (rest.empty()) return parts;
  if (rest.front() != ':') return std::nullopt;
  parts.port = parse_port(rest.substr(1));
  if (!parts.port) return std::nullopt;
  return parts;
}

bool same_authority(const AuthorityParts& a, const AuthorityParts& b,
                    std::uint16_t default_port) noexcept {
  return equals_ignore_case(a.host, b.host) &&
         a.port.value_or(default_port) == b.port.value_or(default_port);
}

bool is_guarded(std::string_view name) noexcept {
  switch (header_id(name)) {
    case HeaderId::kHost:
    case HeaderId::kContentLength:
    case HeaderId::kTransferEncoding:
    case HeaderId::kAuthorization:
    case HeaderId::kCookie:
    case HeaderId::kIdempotencyKey:
    case HeaderId::kXApiKey:
      return true;
    default:
      return is_own_header(name);
  }
}

bool imitates_guarded(std::string_view name) noexcept {
  // Prefix and longest guarded name fit; only the beginning of an `outrigger-` name matters.
  constexpr std::size_t kEnough = 32;
  if (name.find('_') == std::string_view::npos) return false;
  char copy[kEnough];
  const std::size_t size = std::min(name.size(), kEnough);
  std::replace_copy(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size), copy, '_', '-');
  return is_guarded({copy, size});
}

}  // namespace outrigger::http
