// What distinguishes the answers to one URL (RFC 9111 4.1). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/headers.h"

namespace outrigger::filters {

struct VaryNames {
  bool anything = false;           // `*`: no other request gets this answer
  std::vector<std::string> names;  // lower case, in order, each once
  bool operator==(const VaryNames&) const = default;
};
[[nodiscard]] VaryNames vary_names(const http::Headers& answer);

// The same text for two requests exactly when they are equal in all these fields: lines of one name
// joined in order, without the whitespace that may stand in a list. Language tags and codings count
// in any case, codings in any order. A field that is not there is not an empty one.
[[nodiscard]] std::string vary_text(const http::Headers& request,
                                    std::span<const std::string> names);

}  // namespace outrigger::filters
