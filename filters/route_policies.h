// What the filters that serve an upstream's own level and its routes alike are made from.
#pragma once

#include <string_view>

#include "config/config.h"

namespace outrigger::filters {

// `route` is nullptr for the upstream's own level.
[[nodiscard]] inline const config::Policies& policies_of(const config::Upstream& upstream,
                                                         const config::Route* route) noexcept {
  return route == nullptr ? upstream.policies : route->policies;
}

// Whose shared state a route uses: its own, by name, only where that policy of it differs.
template <class Policy>
[[nodiscard]] std::string_view owner_of(const config::Upstream& upstream,
                                        const config::Route* route,
                                        Policy config::Policies::* policy) noexcept {
  const bool own = route != nullptr && route->policies.*policy != upstream.policies.*policy;
  return own ? std::string_view(route->name) : std::string_view();
}

}  // namespace outrigger::filters
