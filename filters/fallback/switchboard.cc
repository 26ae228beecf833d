#include "filters/fallback/switchboard.h"

#include <algorithm>

namespace outrigger::filters {

std::optional<std::uint32_t> Switchboard::find(std::string_view upstream) const noexcept {
  const auto& upstreams = router_.config().upstreams;
  const auto found = std::ranges::find(upstreams, upstream, &config::Upstream::name);
  if (found == upstreams.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - upstreams.begin());
}

}  // namespace outrigger::filters
