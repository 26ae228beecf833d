// Entity tags and how they compare (RFC 9110 8.8.3). Pure, for any bytes.
#pragma once

#include <string_view>

namespace outrigger::filters {

[[nodiscard]] bool is_weak_tag(std::string_view tag) noexcept;
// 8.8.3.2; an empty text is no tag and equals none.
[[nodiscard]] bool same_tag_weakly(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] bool same_tag_strongly(std::string_view a, std::string_view b) noexcept;

// The next tag of If-None-Match; false at the end. What is no tag goes to the next comma, as it
// stands, and so equals only a stored one that is written like it.
bool next_tag(std::string_view& rest, std::string_view& tag) noexcept;

}  // namespace outrigger::filters
