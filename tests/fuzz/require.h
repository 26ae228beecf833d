// How a fuzz target states a property: in every build, and with a stop that libFuzzer and a test
// both see.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace outrigger {

inline void require(bool holds, std::string_view property) {
  if (holds) return;
  std::fprintf(stderr, "Assertion failed: %.*s\n", static_cast<int>(property.size()),
               property.data());
  std::abort();
}

}  // namespace outrigger
