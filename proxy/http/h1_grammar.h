// The character classes and small productions of HTTP/1 (RFC 9112, 9110 5.6, RFC 3986), as tables
// and scanners over borrowed bytes. Pure functions; the strict reading only (architecture 9, rule
// 1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace outrigger::http {

// Classes of a byte, one bit each.
enum class CharClass : std::uint8_t {
  kToken = 1,       // tchar (RFC 9110 5.6.2)
  kFieldByte = 2,   // HTAB, SP, VCHAR, obs-text (RFC 9110 5.5)
  kTargetByte = 4,  // VCHAR without "<>\^`{|}# (architecture 9, rule 1)
  kHostByte = 8,    // of a name or IPv4 address: letters, digits, '-', '.', '_'
  kDigit = 16,
  kHexDigit = 32,
};
extern const std::array<std::uint8_t, 256> kCharClasses;  // a set of CharClass for each byte

inline bool in_class(char byte, CharClass wanted) noexcept {
  return (kCharClasses[static_cast<unsigned char>(byte)] & static_cast<std::uint8_t>(wanted)) != 0;
}

// The first byte from `at` on that is not of the class; `end` when there is none.
const char* skip_token(const char* at, const char* end) noexcept;
const char* skip_field_value(const char* at, const char* end) noexcept;
const char* skip_target(const char* at, const char* end) noexcept;

bool is_token(std::string_view text) noexcept;        // not empty
bool is_field_value(std::string_view text) noexcept;  // may be empty
bool is_target(std::string_view text) noexcept;       // not empty

std::string_view trim_whitespace(std::string_view text) noexcept;  // SP and HTAB, both ends

// The next element of a comma list, trimmed; may be empty. False at the end. Knows no quoted
// strings: for lists of tokens. Usage: `for (item; next_list_item(rest, item);)`.
bool next_list_item(std::string_view& rest, std::string_view& item) noexcept;
// Whether a comma list holds the token, in any case.
bool list_contains(std::string_view list, std::string_view token) noexcept;

struct AuthorityParts {
  std::string_view host;              // with brackets when it is an IPv6 address
  std::optional<std::uint16_t> port;  // never 0
};
// host[:port] with a DNS-like name, an IPv4 address or a bracketed IPv6 address. Refuses user-info,
// zone ids, percent-encoding, an empty host, and a port that is empty, 0, above 65535 or has
// leading zeros.
std::optional<AuthorityParts> split_authority(std::string_view text) noexcept;
// The same host in any case and the same port, where a missing port means `default_port`.
bool same_authority(const AuthorityParts& a, const AuthorityParts& b,
                    std::uint16_t default_port) noexcept;

// Framing, identity or secrets hang on these names, and all that begin with `outrigger-`: they may
// not be named by Connection, be trailers, or come in underscore spelling (architecture 9, rule 5).
bool is_guarded(std::string_view name) noexcept;
// True for a spelling with '_' that becomes a guarded name when each '_' is read as '-'.
bool imitates_guarded(std::string_view name) noexcept;

}  // namespace outrigger::http
