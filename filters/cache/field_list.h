// Small readings of field values that the rules of the cache share. Pure, for any bytes.
#pragma once

#include <string_view>

#include "filters/recording/stored_head.h"

namespace outrigger::filters {

// The next element of a comma list, trimmed; may be empty. False at the end. A comma in a quoted
// string (RFC 9110 5.6.4) does not divide; a string that nothing ends goes to the end of the list.
// Usage: `for (member; next_member(rest, member);)`.
bool next_member(std::string_view& rest, std::string_view& member) noexcept;

// The first field of that name; nullptr when there is none.
[[nodiscard]] const StoredField* find_field(const StoredHead& head, std::string_view name) noexcept;
// Its value; empty when there is none.
[[nodiscard]] std::string_view field_value(const StoredHead& head, std::string_view name) noexcept;

}  // namespace outrigger::filters
