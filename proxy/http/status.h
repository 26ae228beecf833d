// Status codes: their classes and standard phrases (RFC 9110 15, IANA registry).
#pragma once

#include <string_view>

namespace outrigger::http {

// The registered phrase, "" for a code without one.
std::string_view reason_phrase(int status) noexcept;

constexpr bool is_informational(int status) noexcept {
  return status >= 100 && status < 200;
}
constexpr bool is_success(int status) noexcept {
  return status >= 200 && status < 300;
}
constexpr bool is_redirection(int status) noexcept {
  return status >= 300 && status < 400;
}
constexpr bool is_client_error(int status) noexcept {
  return status >= 400 && status < 500;
}
constexpr bool is_server_error(int status) noexcept {
  return status >= 500 && status < 600;
}

// True when a response with this status never has content, whatever its fields say (RFC 9112 6.3).
constexpr bool has_no_content(int status) noexcept {
  return is_informational(status) || status == 204 || status == 304;
}

// "2xx" and so on; "0" for no status: a metric label (operability 3.1).
std::string_view status_class(int status) noexcept;

}  // namespace outrigger::http
