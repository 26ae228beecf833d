// Hides what a diagnostic must not repeat: values of keys that hold secrets, and the user-info of
// URLs. Works on text, so that it also protects files that are not valid YAML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/source.h"

namespace outrigger::config {

inline constexpr std::string_view kMask = "***";

// True for a declared secret and for any name that sounds like one ("api_key", "password",
// "auth_token"): a misspelt key must not betray its value.
bool is_secret_key(std::string_view key) noexcept;

// The lines of `source`. From the value of a secret key to the end of its line stands `***`, and
// lines that continue such a value are `***` alone.
std::vector<std::string> mask_secrets(const Source& source);

// "https://user:word@host/" becomes "https://***@host/".
std::string mask_user_info(std::string_view text);

}  // namespace outrigger::config
