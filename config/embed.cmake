# Writes the built-in profiles into a source file and adds it to the target: data stays readable as YAML in
# config/profiles, and the binary needs no file of its own at run time.
function(outrigger_embed_profiles target)
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/config/profiles)
  file(GLOB profiles CONFIGURE_DEPENDS ${folder}/*.yaml)
  list(SORT profiles)
  set(rows "")
  foreach(profile ${profiles})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${profile})
    get_filename_component(name ${profile} NAME_WE)
    file(READ ${profile} text)
    string(APPEND rows "    BuiltInProfile{\"${name}\", R\"yaml(${text})yaml\"},\n")
  endforeach()
  set(generated ${CMAKE_BINARY_DIR}/generated/built_in_profiles.cc)
  file(CONFIGURE OUTPUT ${generated} CONTENT [[// Generated from config/profiles by config/embed.cmake.
#include <array>

#include "config/profiles.h"

namespace outrigger::config {
namespace {
constexpr std::array kProfiles = {
@rows@};
}  // namespace

std::span<const BuiltInProfile> built_in_profiles() noexcept { return kProfiles; }

}  // namespace outrigger::config
]] @ONLY)
  target_sources(${target} PRIVATE ${generated})
endfunction()
