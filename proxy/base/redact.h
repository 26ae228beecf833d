// What must not be seen in logs, metrics and pages (architecture 14, operability 3.2): credentials
// by the name that carries them, and known secrets by value. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/base/secret.h"

namespace outrigger {

inline constexpr std::string_view kRedacted = "REDACTED";

// True for fields that carry credentials: authorization, cookie, x-api-key, api-key, ... in any
// case, and for any name that ends in -token, -secret, -key or -signature. Errs on the side of
// hiding.
bool is_secret_header(std::string_view name) noexcept;

// True for query keys whose value is a credential or a signature (key, api_key, sig,
// X-Amz-Signature, ...), in any case, percent-encoded or not.
bool is_secret_query_key(std::string_view key) noexcept;

// Appends a path and query, or a whole URL, with the values of secret query keys and any user-info
// replaced by REDACTED. Everything else is kept byte for byte.
void append_redacted_target(std::string& out, std::string_view target);
std::string redacted_target(std::string_view target);

// Overwrites every occurrence of a secret in `text` with '*', in place. Secrets shorter than 6
// bytes are passed over: they would blacken ordinary words.
void mask_secrets(std::span<char> text, std::span<const Secret> secrets) noexcept;

}  // namespace outrigger
