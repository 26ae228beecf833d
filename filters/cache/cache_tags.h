// The names by which people purge answers together, as upstreams give them: `Cache-Tag` (a list
// with commas) and `Surrogate-Key` (with spaces). Pure; for any bytes.
#pragma once

#include <string>
#include <vector>

#include "proxy/http/headers.h"

namespace outrigger::filters {

// At most 64, each at most 256 bytes, in order, each once.
[[nodiscard]] std::vector<std::string> tags_of(const http::Headers& answer);

}  // namespace outrigger::filters
