// The policies of one level, as the checks look at them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "config/checker.h"
#include "config/config.h"

namespace outrigger::config {

// A route inherits most of its policies: what it does not write itself was checked with its
// upstream.
struct Level {
  const Policies& policies;
  std::string path;
  const Upstream& upstream;
  const Route* route;  // nullptr: the upstream's own level
  bool routes_verify;  // a route of this upstream uses its `verify`
  bool whole;          // nothing is missing because it was wrong

  [[nodiscard]] bool inherits() const noexcept { return route != nullptr; }
};

// Whether some request to this level, or to a route below it, is in a class for which `holds`.
template <class Holds>
bool some_route(const Level& level, Holds holds) {
  if (holds(level.policies, level.route)) return true;
  return level.route == nullptr &&
         std::ranges::any_of(level.upstream.routes,
                             [&](const Route& route) { return holds(route.policies, &route); });
}

// Whether the level says anything of the policy itself.
[[nodiscard]] bool said(const Level& level, std::string_view policy, const Checker& checker);

}  // namespace outrigger::config
