// Changes single values of a JSON text and leaves every other byte as it is: numbers keep their
// digits, members their order. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace outrigger::filters {

// The text with `value`, which is JSON, at `pointer` (RFC 6901): in the place of what is there, or
// as a new member of an object or, with the index "-", a new element of a list; objects that are
// missing on the way to it are made. Of members with the same name the last is meant. Nothing when
// the text is malformed, or something else stands in the way.
[[nodiscard]] std::optional<std::string> json_set(std::string_view text, std::string_view pointer,
                                                  std::string_view value);

}  // namespace outrigger::filters
