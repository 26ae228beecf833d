// What a write makes out of date (RFC 9111 4.4). Pure, for any bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/message.h"

namespace outrigger::filters {

// What counts of a request that may write; the views are the request's.
struct WriteRequest {
  http::Method method = http::Method::kPost;
  std::string_view scheme;     // empty: not known, then a URL of either scheme is ours
  std::string_view authority;  // host[:port]
  std::string_view target;     // path and query
};

// Path and query of each URL that an answer to it makes out of date: its own first, then those of
// Location and Content-Location where they are of the same origin (a server must not speak for
// another). Nothing for a safe method or an error.
[[nodiscard]] std::vector<std::string> invalidated_targets(const WriteRequest& request,
                                                           const http::ResponseHead& answer);

}  // namespace outrigger::filters
