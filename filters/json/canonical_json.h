// One text for all ways of writing the same JSON, to be hashed and never to be sent. Unlike RFC
// 8785 it leaves numbers as they are written: 9007199254740992 and ...993 are two amounts, which a
// double cannot tell apart (durability 3 item 16). Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace outrigger::filters {

// Arrays and objects in each other.
inline constexpr std::size_t kMostCanonicalLevels = 128;

// The members of each object by the bytes of their decoded names, strings with no escape that they
// can do without, no white space; without what the pointers of `exclude` (RFC 6901) lead to.
// Nothing where two readers might understand two things, or it takes too much to tell: an object
// with two members of one name, half a surrogate pair, more than kMostCanonicalLevels, and all that
// is not JSON in UTF-8.
[[nodiscard]] std::optional<std::string> canonical_json(std::string_view text,
                                                        std::span<const std::string> exclude);

}  // namespace outrigger::filters
