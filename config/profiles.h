// The profiles that ship inside, as data: config/profiles/<name>.yaml, embedded when the build is
// configured (embed.cmake).
#pragma once

#include <span>
#include <string_view>

namespace outrigger::config {

struct BuiltInProfile {
  std::string_view name;
  std::string_view text;  // YAML: the keys of one profile
};

// Sorted by name.
std::span<const BuiltInProfile> built_in_profiles() noexcept;

// nullptr when there is none of that name.
const BuiltInProfile* find_built_in_profile(std::string_view name) noexcept;

}  // namespace outrigger::config
