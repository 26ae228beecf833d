// "Did you mean": the nearest of the words that are allowed.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace outrigger::config {

// Damerau-Levenshtein, restricted: insert, delete, replace, swap neighbours; each costs 1.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest candidate that is close enough to be what was meant, else empty. The first wins a
// tie.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace outrigger::config
