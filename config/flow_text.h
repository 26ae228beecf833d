// Values as YAML on one line, as they would be written. Pure.
#pragma once

#include <string>
#include <string_view>

#include "config/source.h"

namespace outrigger::config {

// A secret's `reference` is written as it was; in all other texts `${` means itself.
std::string print_scalar(const Node& node, std::string_view reference);

// A scalar, `[a, b]` or `{key: value}`.
std::string print_flow(const Node& node);

}  // namespace outrigger::config
