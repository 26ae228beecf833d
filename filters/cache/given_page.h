// A stored page as the answer to one request: the whole, a part, or the word that the client has it
// (RFC 9110 13, 14; RFC 9111 4, 5.1).
#pragma once

#include "filters/cache/entry.h"
#include "proxy/base/duration.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// `request` is GET or HEAD; `unique` a text that no body has, for the boundary of parts.
[[nodiscard]] http::Response given_page(const http::RequestHead& request,
                                        const CacheEntryPtr& entry, Duration age,
                                        std::string_view unique);

}  // namespace outrigger::filters
