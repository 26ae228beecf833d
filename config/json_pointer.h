// JSON Pointers (RFC 6901): their syntax and their parts. Pure; looks at no document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outrigger::config {

// RFC 6901 3: empty, or parts that each begin with a slash, in which `~` stands only in `~0` and
// `~1`.
bool is_json_pointer(std::string_view text) noexcept;

// The parts with `~1` and `~0` replaced (RFC 6901 4), of a text that is_json_pointer: none for the
// empty one, which is the whole document.
std::vector<std::string> split_json_pointer(std::string_view pointer);

}  // namespace outrigger::config
