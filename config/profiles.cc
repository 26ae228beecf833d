#include "config/profiles.h"

#include <algorithm>

namespace outrigger::config {

const BuiltInProfile* find_built_in_profile(std::string_view name) noexcept {
  const auto all = built_in_profiles();
  const auto found = std::ranges::find(all, name, &BuiltInProfile::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace outrigger::config
