// The request headers that an answer depends on, as one text to be hashed. Pure; for any bytes.
#pragma once

#include <span>
#include <string>

#include "proxy/http/headers.h"

namespace outrigger::filters {

// Versions, betas, organisations and projects, guardrails, what is accepted: those that providers
// are known to read, and unknown ones that are called so. Not those that tell of the library, of
// the credential (the owner of an entry is another part of its key), or of one request alone.
// `more` are names in lower case that count besides. The order of different fields is of no
// account, that of the lines of one is.
[[nodiscard]] std::string shaping_headers(const http::Headers& headers,
                                          std::span<const std::string> more);

}  // namespace outrigger::filters
