// The version of this source tree; CMakeLists.txt names the same one.
#pragma once

#include <string_view>

namespace outrigger {

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kCompiler = __VERSION__;

}  // namespace outrigger
