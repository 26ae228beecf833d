// Names of header fields (RFC 9110 5.1). Pure.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::config {

// A token, RFC 9110 5.6.2.
bool is_field_name(std::string_view text) noexcept;

// A to Z only, whatever the locale.
std::string lower_case(std::string_view text);

}  // namespace outrigger::config
