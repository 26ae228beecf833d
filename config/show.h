// The configuration in force, as text that loads again to the same configuration.
#pragma once

#include <cstdint>
#include <string>

#include "config/loader.h"

namespace outrigger::config {

enum class ShowOrigins : std::uint8_t { kHidden, kShown };
enum class ShowDefaults : std::uint8_t { kHidden, kShown };

struct ShowOptions {
  ShowOrigins origins =
      ShowOrigins::kHidden;  // "# file:line:column" or "# built-in" behind each value
  ShowDefaults defaults = ShowDefaults::kHidden;  // also the values that nobody wrote
};

// YAML with `defaults` and profiles merged in. A secret is its reference (`${NAME}`, `file:`) when
// it was written so, else `<redacted>`. Empty when `loaded` holds no configuration.
std::string show(const Loaded& loaded, ShowOptions options = {});

// 8 hex digits over every value of `config` but its secrets: equal content, equal hash. Not
// cryptographic.
std::string content_hash(const Config& config);

}  // namespace outrigger::config
