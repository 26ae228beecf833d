// What the cache would do with a request, in one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// Empty where there is no such policy. Without a body that is not known, what depends on it is left
// open.
[[nodiscard]] std::string plan_cache(const http::RequestHead& head,
                                     const std::optional<std::string_view>& body,
                                     const config::Policies& policies);

}  // namespace outrigger::filters
