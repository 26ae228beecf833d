// What an errno value means. Unlike strerror(), safe to call from every worker at once.
#pragma once

#include <cstring>
#include <string>

namespace outrigger {

inline std::string errno_text(int error) {
  const char* text = strerrordesc_np(error);
  return text != nullptr ? text : "error " + std::to_string(error);
}

}  // namespace outrigger
