// Whether a whole answer with a success status is one (llm 2.1: most SDKs take a broken or an empty
// body for an answer). Pure.
#pragma once

#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// "truncated", "invalid_json", "empty_body", or empty when nothing is wrong or nothing can be told:
// of what is no JSON, and of a compressed answer that is too large to decode for a look.
[[nodiscard]] std::string_view find_defect(const http::Headers& headers, const SliceQueue& body);
[[nodiscard]] std::string_view find_defect(const http::Headers& headers, std::string_view body);

// The bytes of `pieces` in one; copied where they are several.
[[nodiscard]] Slice joined(const SliceQueue& pieces);

}  // namespace outrigger::filters
